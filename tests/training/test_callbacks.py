from types import SimpleNamespace

import pytest
import torch
from torch import nn

from har.errors import ConfigError
from har.training.callbacks import CompileBackbones, EpochTimer, SeedEveryStep
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
    times = iter([10.0, 10.5, 11.0, 11.5, 12.0, 12.0, 13.0, 14.0])
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
        timer.on_train_batch_start(trainer, module, [None] * size, 0)
        timer.on_train_batch_end(trainer, module, None, [None] * size, 0)
    timer.on_train_epoch_end(trainer, module)
    assert logged == {
        "train/seconds": 4.0,
        "train/clips_per_second": 10.0,
        "train/data_wait_share": 0.25,
        "learning_rate": 0.25,
    }


def nested(**parts: nn.Module) -> nn.Module:
    return nn.ModuleDict({"classifier": nn.ModuleDict(parts)})


def test_backbones_are_compiled_for_training_only_and_keep_their_names(monkeypatch):
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda module: compiled.append(module))
    module = nested(backbone=nn.Linear(2, 2), head=nn.Linear(2, 2))
    names = list(module.state_dict())
    CompileBackbones().setup(None, module, "test")
    assert compiled == []
    CompileBackbones().setup(None, module, "fit")
    assert compiled == [module["classifier"]["backbone"]]
    assert list(module.state_dict()) == names


def test_a_training_without_a_backbone_cannot_be_compiled():
    with pytest.raises(ConfigError, match="this training has no backbone"):
        CompileBackbones().setup(None, nested(encoder=nn.Linear(2, 2)), "fit")
