import numpy as np
import pytest

from har.errors import ConfigError
from har.pose.smoothing import OneEuro, savitzky_golay, smooth, stretches


def noisy(rng: np.random.Generator, frames: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Return a slow motion (T, 3, 3) and the same with noise of 2 cm."""
    time = np.arange(frames)[:, None, None] / 30
    clean = (0.3 * np.sin(time + np.arange(9).reshape(3, 3))).astype(np.float32)
    return clean, (clean + rng.normal(0, 0.02, clean.shape)).astype(np.float32)


@pytest.mark.parametrize("name", ["one_euro", "savgol"])
def test_noise_becomes_less(name):
    clean, measured = noisy(np.random.default_rng(0))
    smoothed = smooth(measured, np.ones(len(clean), bool), name, 30)
    before, after = (np.abs(np.diff(a - clean, axis=0)).mean() for a in (measured, smoothed))
    assert after < 0.5 * before
    assert np.abs(smoothed - clean)[10:].max() < 0.15
    assert smoothed.dtype == np.float32


def test_savitzky_golay_keeps_a_parabola():
    time = np.arange(30, dtype=np.float64)[:, None, None] / 30
    fall = -4.9 * time**2
    np.testing.assert_allclose(savitzky_golay(fall, 30), fall, atol=1e-9)


def test_one_euro_follows_a_fall_faster_than_a_filter_without_speed():
    fall = -4.9 * (np.arange(20)[:, None] / 30) ** 2
    errors = []
    for weight in (0.0, 3.0):
        quick = OneEuro(speed_weight=weight)
        errors.append(np.abs(np.array([quick(v, 1 / 30) for v in fall]) - fall).max())
    assert errors[1] < 0.5 * errors[0]


def test_stretches_are_smoothed_by_themselves():
    joints = np.zeros((20, 1, 3), np.float32)
    joints[12:] = 1
    seen = np.ones(20, bool)
    seen[10:12] = False
    np.testing.assert_array_equal(smooth(joints, seen, "one_euro", 30), joints)


def test_nothing_is_changed_without_smoothing_and_unknown_names_are_refused():
    joints = np.random.default_rng(0).normal(size=(5, 2, 3))
    assert smooth(joints, np.ones(5, bool), "none", 30) is joints
    with pytest.raises(ConfigError, match=r"unknown smoothing 'savgoll'\. Did you mean 'savgol'"):
        smooth(joints, np.ones(5, bool), "savgoll", 30)


def test_stretches_of_a_mask():
    assert stretches(np.array([1, 1, 0, 0, 1, 0, 1], bool)) == [(0, 2), (4, 5), (6, 7)]
    assert stretches(np.zeros(3, bool)) == []
