"""Temporal samplers against plain-Python references, and the shipped sampling configs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from har.data.sampling import (
    CropResizeSampler,
    DenseSampler,
    MultiClipSampler,
    SlidingWindowSampler,
    UniformSampler,
    windows,
)
from har.errors import ConfigError, StoreError

COUNTS = np.array([1, 2, 7, 8, 9, 15, 16, 17, 40, 500])
CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "sampling").glob("*.yaml"))
SAMPLERS = [
    UniformSampler(8),
    UniformSampler(8, views=3),
    DenseSampler(8, stride=2, views=3),
    CropResizeSampler(8),
    SlidingWindowSampler(8, stride=3, views=3),
    MultiClipSampler(8, views=3),
]


def sampler_name(sampler) -> str:
    return f"{type(sampler).__name__}-{sampler.views}"


@pytest.fixture(params=SAMPLERS, ids=sampler_name)
def sampler(request):
    return request.param


@pytest.mark.parametrize("training", [True, False])
def test_positions_have_the_shape_and_stay_inside_each_clip(sampler, training):
    for seed in range(20):
        rng = np.random.default_rng(seed) if training else None
        positions = sampler(COUNTS, rng)
        assert positions.shape == (len(COUNTS), sampler.views, sampler.frames)
        assert positions.dtype == np.float64
        assert (positions >= 0).all()
        assert (positions <= COUNTS[:, None, None] - 1).all()


def test_equal_seeds_give_equal_positions(sampler):
    first = sampler(COUNTS, np.random.default_rng(3))
    assert (first == sampler(COUNTS, np.random.default_rng(3))).all()


def test_training_views_vary_unless_the_strategy_is_fixed(sampler):
    first = sampler(COUNTS, np.random.default_rng(3))
    varies = (first != sampler(COUNTS, np.random.default_rng(4))).any()
    assert varies == (not isinstance(sampler, MultiClipSampler))


def test_test_views_do_not_depend_on_the_batch(sampler):
    together = sampler(COUNTS, None)
    alone = np.concatenate([sampler(COUNTS[i : i + 1], None) for i in range(len(COUNTS))])
    assert (together == alone).all()


def test_positions_advance_in_clips_that_are_long_enough(sampler):
    counts = np.array([40, 500])
    for rng in (None, np.random.default_rng(0)):
        assert (np.diff(sampler(counts, rng), axis=-1) > 0).all()


def test_clips_without_frames_are_refused(sampler):
    with pytest.raises(StoreError, match=r"1 of 2 clips have no frames \(the first is number 1"):
        sampler(np.array([4, 0]), None)


def test_uniform_takes_one_frame_of_each_segment():
    for seed in range(10):
        for count in (16, 17, 29, 500):
            positions = UniformSampler(8)(np.array([count]), np.random.default_rng(seed))[0, 0]
            for i, position in enumerate(positions):
                assert i * count // 8 <= position < (i + 1) * count // 8


def test_uniform_reaches_every_frame():
    drawn = UniformSampler(4)(np.full(400, 13), np.random.default_rng(0))
    assert set(np.unique(drawn)) == set(range(13))


def test_uniform_takes_segment_middles_in_testing():
    positions = UniformSampler(4)(np.array([12, 16]), None)[:, 0]
    assert positions.tolist() == [[1, 4, 7, 10], [2, 6, 10, 14]]


def test_uniform_keeps_order_and_skips_single_frames_of_medium_clips():
    positions = UniformSampler(8)(np.full(200, 12), np.random.default_rng(0))[:, 0]
    steps = np.diff(positions, axis=-1)
    assert set(np.unique(steps)) == {1, 2}
    assert set(np.unique(positions)) == set(range(12))


def test_uniform_loops_short_clips_from_a_random_frame():
    positions = UniformSampler(8)(np.full(100, 3), np.random.default_rng(0))[:, 0].astype(int)
    for row in positions.tolist():
        assert row == [(row[0] + i) % 3 for i in range(8)]
    assert set(positions[:, 0]) == {0, 1, 2}


def test_uniform_test_views_of_short_clips_start_spread_over_the_clip():
    positions = UniformSampler(20, views=5)(np.array([10]), None)
    assert positions[0, :, 0].tolist() == [0, 2, 4, 6, 8]


def test_uniform_test_views_follow_the_seed_argument():
    views = [UniformSampler(8, views=4, seed=seed)(COUNTS, None) for seed in (1, 1, 2)]
    assert (views[0] == views[1]).all()
    assert (views[0] != views[2]).any()


def test_dense_starts():
    assert DenseSampler(4)(np.array([10]), None)[0, 0].tolist() == [3, 4, 5, 6]
    spread = DenseSampler(4, stride=2, views=3)(np.array([11]), None)[0]
    assert spread.tolist() == [[0, 2, 4, 6], [2, 4, 6, 8], [4, 6, 8, 10]]
    starts = DenseSampler(4, stride=2)(np.full(300, 11), np.random.default_rng(0))[:, 0, 0]
    assert set(starts) == {0, 1, 2, 3, 4}


def test_dense_loops_short_clips():
    assert DenseSampler(5, stride=2)(np.array([3]), None)[0, 0].tolist() == [0, 2, 1, 0, 2]


def resize_reference(start: int, length: int, frames: int) -> list[float]:
    positions = []
    for i in range(frames):
        inside = (i + 0.5) * length / frames - 0.5
        positions.append(start + min(max(inside, 0), length - 1))
    return positions


@pytest.mark.parametrize("count", [1, 5, 64, 100, 333])
def test_crop_resize_takes_the_middle_in_testing(count):
    bias = int((1 - 0.95) * count / 2)
    expected = resize_reference(bias, count - 2 * bias, 16)
    positions = CropResizeSampler(16, test_proportion=0.95)(np.array([count]), None)[0, 0]
    np.testing.assert_allclose(positions, expected)


def test_crop_resize_equals_torch_interpolation():
    signal = torch.arange(37, dtype=torch.float64).square()
    expected = torch.nn.functional.interpolate(
        signal[None, None], size=16, mode="linear", align_corners=False
    )[0, 0]
    positions = CropResizeSampler(16, test_proportion=1.0)(np.array([37]), None)[0, 0]
    got = np.interp(positions, np.arange(37), signal.numpy())
    np.testing.assert_allclose(got, expected.numpy())


def test_crop_resize_crops_within_the_limits():
    sampler = CropResizeSampler(16, min_proportion=0.5, max_proportion=0.75)
    positions = sampler(np.full(2000, 100), np.random.default_rng(0))[:, 0]
    half_step = np.diff(positions[:, :2], axis=-1)[:, 0] / 2 - 0.5
    lengths = np.rint(positions[:, -1] - positions[:, 0] + 2 * half_step + 1)
    starts = np.rint(positions[:, 0] - half_step)
    assert lengths.min() == 50
    assert lengths.max() == 74
    assert starts.min() == 0
    assert (starts + lengths).max() == 100


def test_crop_resize_keeps_at_least_min_frames():
    whole = CropResizeSampler(16, min_frames=100)(np.array([100]), np.random.default_rng(0))
    np.testing.assert_allclose(whole[0, 0], resize_reference(0, 100, 16))


@pytest.mark.parametrize(
    ("count", "frames", "stride", "expected"),
    [
        (10, 4, 2, [0, 2, 4, 6]),
        (11, 4, 2, [0, 2, 4, 6, 7]),
        (3, 4, 2, [0]),
        (4, 4, 2, [0]),
        (5, 4, 8, [0, 1]),
    ],
)
def test_windows(count, frames, stride, expected):
    starts = windows(count, frames, stride)
    assert starts.tolist() == expected
    assert starts.dtype == np.int64


def test_windows_cover_every_frame():
    for count in range(1, 60):
        covered = {start + i for start in windows(count, 8, 5) for i in range(8)}
        assert covered >= set(range(count))


def test_sliding_window_takes_listed_windows():
    for count in (1, 8, 9, 30, 100):
        starts = set(windows(count, 8, 3).tolist())
        for rng in (None, np.random.default_rng(0)):
            positions = SlidingWindowSampler(8, stride=3, views=6)(np.array([count]), rng)[0]
            assert set(positions[:, 0].astype(int)) <= starts
    every = SlidingWindowSampler(8, stride=3, views=len(windows(30, 8, 3)))(np.array([30]), None)
    assert every[0, :, 0].tolist() == windows(30, 8, 3).tolist()


def test_multi_clip_covers_the_clip_evenly():
    positions = MultiClipSampler(10, views=3, proportion=0.5)(np.array([40]), None)[0]
    for row, start in zip(positions, [0, 10, 20], strict=True):
        np.testing.assert_allclose(row, resize_reference(start, 20, 10))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UniformSampler(0), r"UniformSampler: frames=0 must be at least 1"),
        (lambda: DenseSampler(4, stride=0), r"DenseSampler: stride=0 must be at least 1"),
        (lambda: SlidingWindowSampler(4, 2, views=0), r"views=0 must be at least 1"),
        (lambda: windows(5, 4, 0), r"windows: stride=0 must be at least 1"),
        (lambda: CropResizeSampler(4, min_proportion=0.0), r"0 < min_proportion <= max"),
        (lambda: CropResizeSampler(4, 0.9, 0.5), r"min_proportion=0.9 and max_proportion=0.5"),
        (lambda: CropResizeSampler(4, test_proportion=1.5), r"test_proportion=1.5 must be in"),
        (lambda: MultiClipSampler(4, proportion=0.0), r"proportion=0.0 must be in \(0, 1\]"),
    ],
)
def test_impossible_arguments_are_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_build(path):
    config = OmegaConf.create({"sampling": OmegaConf.load(path)})
    config.sampling.frames = 12
    for part in ("train", "test"):
        sampler = instantiate(config.sampling[part])
        rng = np.random.default_rng(0) if part == "train" else None
        assert sampler(COUNTS, rng).shape == (len(COUNTS), sampler.views, 12)


def test_all_strategies_have_a_config():
    names = {path.stem for path in CONFIGS}
    strategies = {"uniform", "dense", "crop_resize", "sliding_window", "multi_clip", "fixed_rate"}
    assert names == strategies
