from types import SimpleNamespace

import torch

from har.training.callbacks import EpochTimer, SeedEveryStep
from har.training.module import RecognitionModule


def draw(seed: int, rank: int) -> torch.Tensor:
    trainer = SimpleNamespace(global_rank=rank)
    SeedEveryStep().on_train_batch_start(trainer, None, SimpleNamespace(seed=seed), 0)
    return torch.rand(4)


def test_each_step_is_seeded_by_its_batch_and_process():
    first = draw(7, 0)
    torch.rand(100)
    assert torch.equal(draw(7, 0), first)
    assert not torch.equal(draw(8, 0), first)
    assert not torch.equal(draw(7, 1), first)


def test_the_largest_seed_is_accepted():
    draw(2**63 - 1, 3)


def test_the_timer_counts_the_clips_of_all_processes(monkeypatch):
    times = iter([10.0, 14.0])
    clock = SimpleNamespace(perf_counter=lambda: next(times))
    monkeypatch.setattr("har.training.callbacks.time", clock)
    logged = {}
    module = RecognitionModule.__new__(RecognitionModule)
    torch.nn.Module.__init__(module)
    monkeypatch.setattr(module, "log_dict", lambda values, **how: logged.update(values))
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.25}])
    trainer = SimpleNamespace(world_size=2, optimizers=[optimizer])
    timer = EpochTimer()
    timer.on_train_epoch_start(trainer, module)
    for size in (8, 8, 4):
        timer.on_train_batch_end(trainer, module, None, [None] * size, 0)
    timer.on_train_epoch_end(trainer, module)
    assert logged == {
        "train/seconds": 4.0,
        "train/clips_per_second": 10.0,
        "learning_rate": 0.25,
    }
