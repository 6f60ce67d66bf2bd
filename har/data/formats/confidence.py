"""Confidence of joints where a raw file says little about it."""

import numpy as np


def seen_joints(joints: np.ndarray) -> np.ndarray:
    """Return confidence 1 for each joint that has coordinates, 0 where all of them are zero.

    Args:
        joints: (..., V, C).

    Returns:
        (..., V) float32.
    """
    return (joints != 0).any(axis=-1).astype(np.float32)


def hide_unseen(joints: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Return joints (..., V, C) with zeros where confidence (..., V) is 0."""
    return np.where(confidence[..., None] == 0, np.float32(0), joints)
