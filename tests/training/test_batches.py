from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from har.data import batches as batches_module
from har.data.batches import ClipBatches, TestBatches, TrainingBatches
from har.data.datamodule import ClipDataModule
from har.data.sampling import CropResizeSampler, UniformSampler
from har.data.splits import Split
from har.data.transforms import RandomRotation
from har.errors import ConfigError, StoreError
from har.samples import Batch

ROWS = np.arange(3, 20)


def epoch_of(rows, batch_size=5, repeat=1, seed=0, epoch=0):
    batches = TrainingBatches(rows, batch_size, repeat, seed)
    batches.set_epoch(epoch)
    return list(batches)


def be_process(monkeypatch, rank: int, count: int) -> None:
    """Let this process pass for one of several."""
    for name, value in (("is_initialized", True), ("get_rank", rank), ("get_world_size", count)):
        monkeypatch.setattr(batches_module.dist, name, lambda value=value: value)


def equal(first: Batch, second: Batch) -> bool:
    pairs = [(getattr(first, f.name), getattr(second, f.name)) for f in fields(Batch)]
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_an_epoch_shows_each_clip_once_but_for_an_incomplete_last_batch():
    requests = epoch_of(ROWS)
    assert [len(r.rows) for r in requests] == [5, 5, 5]
    shown = np.concatenate([r.rows for r in requests])
    assert len(set(shown.tolist())) == 15
    assert set(shown.tolist()) <= set(ROWS.tolist())
    everything = np.concatenate([r.rows for r in epoch_of(ROWS, batch_size=17)])
    assert sorted(everything.tolist()) == ROWS.tolist()
    assert everything.tolist() != ROWS.tolist()


def test_repeat_shows_each_clip_as_often_and_all_once_before_any_twice():
    shown = np.concatenate([r.rows for r in epoch_of(ROWS, batch_size=17, repeat=3)])
    for part in shown.reshape(3, 17):
        assert sorted(part.tolist()) == ROWS.tolist()
    assert shown[:17].tolist() != shown[17:34].tolist()


def test_the_length_is_the_number_of_batches():
    for size, repeat in [(5, 1), (17, 2), (4, 3), (100, 1), (100, 9)]:
        batches = TrainingBatches(ROWS, size, repeat, seed=0)
        assert len(batches) == len(list(batches)) > 0


def test_a_batch_larger_than_the_epoch_takes_the_whole_epoch():
    (request,) = epoch_of(ROWS, batch_size=64)
    assert sorted(request.rows.tolist()) == ROWS.tolist()


def test_batches_follow_from_seed_and_epoch_alone():
    def content(**of):
        return [(r.rows.tolist(), r.seed) for r in epoch_of(ROWS, **of)]

    assert content(epoch=2) == content(epoch=2)
    assert content(epoch=2) != content(epoch=1)
    assert content(seed=1) != content(seed=0)
    continued = TrainingBatches(ROWS, 5, 1, 0)
    for epoch in range(3):
        continued.set_epoch(epoch)
        passed = [(r.rows.tolist(), r.seed) for r in continued]
    assert passed == content(epoch=2)


def test_every_batch_has_a_seed_of_its_own():
    seeds = [
        request.seed
        for seed in range(3)
        for epoch in range(5)
        for request in epoch_of(ROWS, seed=seed, epoch=epoch)
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 - 1 for seed in seeds)


@pytest.mark.parametrize("count", [2, 3])
def test_the_shares_of_the_processes_make_up_the_batch(store, monkeypatch, count):
    rows = np.arange(len(store))
    clips = ClipBatches(store, CropResizeSampler(6), people=2, training=True)
    whole = [clips[request] for request in epoch_of(rows, batch_size=6)]
    shares = []
    for rank in range(count):
        be_process(monkeypatch, rank, count)
        shares.append([clips[request] for request in epoch_of(rows, batch_size=6)])
    for batch, *parts in zip(whole, *shares, strict=True):
        assert {len(part) for part in parts} == {6 // count}
        assert {part.seed for part in parts} == {batch.seed}
        for name in ("joints", "confidence", "person_mask", "labels", "clip_index"):
            expected = getattr(batch, name)
            joined = torch.empty_like(expected)
            for rank, part in enumerate(parts):
                joined[rank::count] = getattr(part, name)
            assert torch.equal(joined, expected), name


def test_the_shares_of_test_batches_cover_every_clip_once(monkeypatch):
    shown = []
    for rank in range(3):
        be_process(monkeypatch, rank, 3)
        requests = list(TestBatches(ROWS, batch_size=8))
        assert len(requests) == len(TestBatches(ROWS, 8)) == 3
        shown += [row for r in requests for row in r.rows[r.share].tolist()]
    assert sorted(shown) == ROWS.tolist()


def test_a_batch_that_does_not_split_evenly_is_refused(monkeypatch):
    be_process(monkeypatch, 0, 2)
    with pytest.raises(ConfigError, match=r"batch of 5 clips .* 2 processes: set data\.batch_size"):
        TrainingBatches(ROWS, 5, 1, 0)
    TrainingBatches(ROWS, 6, 1, 0)


def test_test_batches_are_in_order_and_complete():
    requests = list(TestBatches(ROWS, batch_size=4))
    assert [len(r.rows) for r in requests] == [4, 4, 4, 4, 1]
    assert np.concatenate([r.rows for r in requests]).tolist() == ROWS.tolist()


def test_a_batch_holds_the_clips_that_were_asked_for(store):
    request = epoch_of(np.arange(len(store)))[0]
    batch = ClipBatches(store, CropResizeSampler(6), people=2, training=True)[request]
    assert batch.joints.shape == (5, 2, 6, 25, 3)
    assert batch.clip_index.tolist() == request.rows.tolist()
    assert batch.labels.tolist() == (request.rows % 4).tolist()
    assert batch.person_mask.tolist() == [[True, row % 2 == 1] for row in request.rows]
    assert batch.seed == request.seed
    for clip, row in zip(batch.joints, request.rows, strict=True):
        assert (clip[0, ..., 0] == 1 + row).all()
        frames = clip[0, :, 0, 2]
        assert (frames.diff() >= 0).all()
        assert 0 <= frames[0] <= frames[-1] <= 9 + row


def test_training_positions_are_drawn_anew_and_test_positions_are_not(store):
    rows = np.arange(len(store))
    clips = ClipBatches(store, CropResizeSampler(6), people=2, training=True)
    requests = [epoch_of(rows, batch_size=23, epoch=epoch)[0] for epoch in (0, 1)]
    frames = [clips[r].joints[r.rows.argsort(), 0, :, 0, 2] for r in requests]
    assert not torch.equal(*frames)
    assert equal(clips[requests[0]], clips[requests[0]])
    test_clips = ClipBatches(store, CropResizeSampler(6), people=2, training=False)
    first, again = (test_clips[next(iter(TestBatches(rows, 9)))] for _ in range(2))
    assert equal(first, again)


def test_views_of_a_clip_are_neighbouring_rows(store):
    clips = ClipBatches(store, UniformSampler(6, views=3), people=2, training=False)
    batch = clips[next(iter(TestBatches(ROWS, 4)))]
    assert batch.views == 3
    assert batch.clip_index.tolist() == np.repeat(ROWS[:4], 3).tolist()
    assert batch.labels.tolist() == (np.repeat(ROWS[:4], 3) % 4).tolist()


def data_module(store, **options) -> ClipDataModule:
    split = Split(train=np.arange(12), val=np.arange(12, 16), test=np.arange(16, 23))
    settings = {
        "train_sampler": CropResizeSampler(6),
        "test_sampler": UniformSampler(6, views=2),
        "augment": [RandomRotation(0.5)],
        "batch_size": 4,
        "eval_batch_size": 3,
    }
    return ClipDataModule(store, split, **{**settings, **options})


def test_loaders_serve_the_parts_of_the_split(store):
    data = data_module(store)
    shown = {
        name: torch.cat([batch.clip_index for batch in loader]).unique().tolist()
        for name, loader in (
            ("train", data.train_dataloader()),
            ("val", data.val_dataloader()),
            ("test", data.test_dataloader()),
        )
    }
    assert shown == {"train": [*range(12)], "val": [*range(12, 16)], "test": [*range(16, 23)]}
    assert data.people == 2


@pytest.mark.parametrize(("size", "views"), [(1, [2] * 7), (5, [4, 4, 4, 2]), (14, [14])])
def test_an_evaluation_batch_has_no_more_views_than_told(store, size, views):
    loader = data_module(store, eval_batch_size=size).test_dataloader()
    assert [len(batch.joints) for batch in loader] == views


def test_augmentation_follows_from_the_seed_of_the_batch_and_is_for_training_only(store):
    data = data_module(store)
    batch = next(iter(data.train_dataloader()))
    first, again = (data.transform(batch, training=True) for _ in range(2))
    assert equal(first, again)
    plain = data.transform(batch, training=False)
    assert not torch.equal(plain.joints, first.joints)
    assert equal(plain, data.transform(batch, training=False))


def test_reading_ahead_changes_nothing(store):
    here, ahead = data_module(store), data_module(store, workers=1)
    pairs = zip(here.train_dataloader(), ahead.train_dataloader(), strict=True)
    assert all(equal(first, second) for first, second in pairs)


def test_a_split_without_validation_has_no_validation_batches(store):
    data = data_module(store)
    data.split = Split(np.arange(12), np.zeros(0, np.int64), np.arange(12, 23))
    assert data.val_dataloader() == []


def test_class_counts_are_those_of_the_training_part(store):
    assert data_module(store).class_counts().tolist() == [3, 3, 3, 3]


def test_training_clips_without_a_label_are_refused(store, monkeypatch):
    labels = store.index.label.copy()
    labels[[2, 5, 20]] = -1
    monkeypatch.setitem(store.__dict__, "index", replace(store.index, label=labels))
    with pytest.raises(StoreError, match=r"2 of 12 training clips have no label"):
        data_module(store).class_counts()
