"""Gathers frames of many clips from the flat arrays of a store, without a loop over clips."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from har.data.store_index import StoreIndex
from har.errors import StoreError

Gathered = tuple[np.ndarray, np.ndarray, np.ndarray]


def gather_frames(
    arrays: tuple[np.ndarray, np.ndarray],
    index: StoreIndex,
    rows: np.ndarray,
    positions: np.ndarray,
    people: int,
) -> Gathered:
    """Gather K views of T frames of N clips; see ``ClipStore.gather``.

    Args:
        arrays: joints (R, V, C) and confidence (R, V) of the store.
        index: index of the store.
        rows: (N,) integers, the clips.
        positions: (N, K, T) float64, frames within each clip, in [0, frame_count - 1].
        people: M, how many persons of each clip to return.
    """
    rows = np.asarray(rows)
    _check_positions(index.frame_count[rows], positions)
    numbers = np.arange(people)
    absent = numbers >= index.person_count[rows][:, None]  # (N, M)
    person = np.where(absent, 0, numbers)
    first_row = index.row_offset[rows][:, None] + person * index.person_stride[rows][:, None]
    first_row = first_row[:, None, :, None]  # (N, 1, M, 1)

    below = positions.astype(np.int64)[:, :, None, :]  # (N, K, 1, T)
    joints, confidence = _take(arrays, first_row + below)
    weight = positions[:, :, None, :] - below
    if weight.any():
        later = _take(arrays, first_row + below + (weight > 0))
        weight = weight[..., None].astype(np.float32)
        joints, confidence = _interpolate((joints, confidence), later, weight)
    return _clear_absent(joints, confidence, absent)


def view_people(array: np.ndarray, index: StoreIndex, i: int) -> np.ndarray:
    """Return the rows of clip ``i`` as (M, T, ...), read-only and without copying them.

    Args:
        array: joints (R, V, C) or confidence (R, V) of the store.
        index: index of the store.
        i: the clip.

    Raises:
        StoreError: the index points past the end of the array.
    """
    first, stride = int(index.row_offset[i]), int(index.person_stride[i])
    people, frames = int(index.person_count[i]), int(index.frame_count[i])
    row_count = (people - 1) * stride + frames
    rows = array[first : first + row_count]
    if len(rows) != row_count:
        raise StoreError(
            f"The clip '{index.clip_id[i]}' has rows up to {first + row_count} in the index, the "
            f"store has {len(array)}: the store is damaged. Prepare it again with force=true."
        )
    shape, strides = (people, frames, *rows.shape[1:]), (stride * rows.strides[0], *rows.strides)
    return as_strided(rows, shape, strides, writeable=False)


def _check_positions(frame_counts: np.ndarray, positions: np.ndarray) -> None:
    if positions.ndim != 3 or len(positions) != len(frame_counts):
        raise ValueError(
            f"positions must be (N, K, T) with N = {len(frame_counts)}, got {positions.shape}"
        )
    last = (frame_counts - 1)[:, None, None]
    if not (positions.min(initial=0) >= 0 and (positions <= last).all()):
        inside = (positions >= 0) & (positions <= last)
        clip = int(np.argmin(inside.all(axis=(1, 2))))
        raise ValueError(
            f"positions of clip {clip} must lie in [0, {int(last[clip, 0, 0])}], got "
            f"{positions[clip].min()} to {positions[clip].max()}"
        )


def _take(arrays: tuple[np.ndarray, np.ndarray], at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    joints, confidence = (array.take(at, axis=0) for array in arrays)
    if confidence.dtype == np.float16:
        confidence = widen(confidence)
    return joints.astype(np.float32, copy=False), confidence.astype(np.float32, copy=False)


def widen(confidence: np.ndarray) -> np.ndarray:
    """Convert float16 of no sign to float32, exactly and ten times as fast as NumPy's cast.

    Bits moved to the place of float32 give a number that is too small by the difference of the
    two exponent biases, 2**(127 - 15).
    """
    wide = confidence.view(np.uint16).astype(np.uint32)
    wide <<= np.uint32(13)
    numbers = wide.view(np.float32)
    numbers *= np.float32(2.0**112)
    return numbers


def _interpolate(
    earlier: tuple[np.ndarray, np.ndarray],
    later: tuple[np.ndarray, np.ndarray],
    weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Mix two frames; a joint seen in only one of them is taken from that one.

    Frames are joints (N, K, M, T, V, C) and confidence (N, K, M, T, V); the weight (N, K, 1, T, 1)
    is the share of the later frame.
    """
    joints, confidence = earlier
    later_joints, later_confidence = later
    seen, later_seen = confidence > 0, later_confidence > 0
    weight = np.where(seen & later_seen, weight, later_seen.astype(np.float32))
    later_joints -= joints
    later_joints *= weight[..., None]
    joints += later_joints
    lower = np.minimum(confidence, later_confidence)
    return joints, np.where(lower > 0, lower, np.maximum(confidence, later_confidence))


def _clear_absent(joints: np.ndarray, confidence: np.ndarray, absent: np.ndarray) -> Gathered:
    """Zero the persons that a clip does not have, and merge clips and views."""
    N, K, M, T, V, C = joints.shape
    joints, confidence = joints.reshape(N * K, M, T, V, C), confidence.reshape(N * K, M, T, V)
    if absent.any():
        absent = absent.repeat(K, axis=0)
        joints[absent] = 0
        confidence[absent] = 0
    mask = confidence.reshape(N * K, M, T * V).max(axis=2, initial=0) > 0
    return joints, confidence, mask
