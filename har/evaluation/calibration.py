"""Whether probabilities mean what they say: calibration errors, Brier score, reliability curve.

The confidence of a clip is the probability of its most probable class. Calibration errors are in
[0, 1]: 0.05 means that confidence and accuracy differ by 5 points on average.
"""

from dataclasses import dataclass

import numpy as np

BINS = 15


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """Confidence against accuracy in equal-width bins.

    Attributes:
        edges: (bins + 1,) borders of the bins, from 0 to 1.
        clips: (bins,) clips in each bin.
        confidence, accuracy: (bins,) means over the bin's clips; NaN in an empty bin.
    """

    edges: np.ndarray
    clips: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def equal_width_bins(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bin of each clip, (N,), among intervals ``(low, high]`` of equal width."""
    inner_edges = np.linspace(0, 1, bins + 1)[1:-1]
    return np.searchsorted(inner_edges, confidence, side="left")


def equal_mass_bins(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bin of each clip, (N,), among bins of nearly equal numbers of clips.

    Clips of equal confidence share a bin, so the order of the clips does not matter.
    """
    inner_edges = np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(inner_edges, confidence, side="left")


def calibration_error(gaps: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Return the calibration error from sums over bins.

    It is the mean over clips of |accuracy - confidence| of their bin.

    Args:
        gaps: (..., bins) sum over each bin's clips of ``correct - confidence``.
        clips: (...) number of clips in all bins.
    """
    return np.abs(gaps).sum(axis=-1) / clips


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = BINS
) -> float:
    """Return the expected calibration error (ECE) over bins of equal width.

    Args:
        confidence: (N,) in [0, 1].
        correct: (N,) bool, whether the most probable class is the true one.
        bins: number of bins.
    """
    return _binned_error(confidence, correct, equal_width_bins(confidence, bins), bins)


def adaptive_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = BINS
) -> float:
    """Return the ECE over bins of equal numbers of clips, which a skewed confidence suits."""
    return _binned_error(confidence, correct, equal_mass_bins(confidence, bins), bins)


def brier_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the squared distance of each row to its one-hot label, (N,), in [0, 2]."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0].astype(np.float64)
    squares = np.square(probabilities, dtype=np.float64).sum(axis=1)
    return squares - 2 * own + 1


def reliability_curve(
    confidence: np.ndarray, correct: np.ndarray, bins: int = BINS
) -> ReliabilityCurve:
    """Return mean confidence and accuracy in ``bins`` equal-width bins of confidence."""
    members = equal_width_bins(confidence, bins)
    clips = np.bincount(members, minlength=bins)
    occupied = np.where(clips > 0, clips, np.nan)
    return ReliabilityCurve(
        edges=np.linspace(0, 1, bins + 1),
        clips=clips,
        confidence=np.bincount(members, confidence, bins) / occupied,
        accuracy=np.bincount(members, correct, bins) / occupied,
    )


def _binned_error(
    confidence: np.ndarray, correct: np.ndarray, members: np.ndarray, bins: int
) -> float:
    gaps = np.bincount(members, correct - confidence, bins)
    return float(calibration_error(gaps, np.asarray(len(confidence))))
