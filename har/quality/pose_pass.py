"""One pass over the poses of a dataset: all measures of all clips."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from har.quality.measure import Measure
from har.quality.pose_block import PoseBlock, pose_block
from har.quality.pose_body import BODY
from har.quality.pose_motion import MOTION
from har.quality.pose_view import VIEW, measure_view
from har.quality.pose_visibility import VISIBILITY
from har.quality.tracks import ClipTable, DenseTable
from har.skeleton.layout import Layout

VERSION = 2
"""Raised when a measure changes its values, so that stored values are taken anew."""

_BLOCK_CLIPS = 256
_PARTS = (VISIBILITY, MOTION, BODY)
Progress = Callable[[int], object]


def pose_measures() -> dict[str, Measure]:
    """Return the descriptions of all measures of poses, by name."""
    return {name: found for part in (*_PARTS, VIEW) for name, found in part.described.items()}


def measure_poses(
    arrays: tuple[np.ndarray, np.ndarray],
    table: ClipTable,
    layout: Layout,
    unit: str,
    cameras: Sequence[str] | np.ndarray | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Measure all clips of flat arrays.

    Args:
        arrays: joints (rows, V, C) and confidence (rows, V), one row a person-frame.
        table: where the rows of each clip lie, such as the index of a store.
        layout: of the joints.
        unit: of the coordinates: ``m``, ``px`` or ``normalised``.
        cameras: (N,) names; clips of the same name share the tilt of the camera where the clip
            itself does not tell it. None or "" where unknown.
        workers: threads that measure at the same time; the values do not depend on it.
        progress: called with the number of clips done since the last call.

    Returns:
        (N,) float32 for each of ``pose_measures``, NaN where a clip does not tell.
    """
    count = len(table)
    values = {name: np.full(count, np.nan, np.float32) for name in pose_measures()}

    def measure(clips: np.ndarray, prior: np.ndarray | None = None) -> None:
        block = pose_block(arrays, table, clips, layout, unit)
        found = _measure_block(block) if prior is None else measure_view(block, prior[clips])
        for name, of_clips in found.items():
            values[name][clips] = of_clips
        if progress is not None and prior is None:
            progress(len(clips))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(measure, _blocks(np.arange(count))))
        prior = _shared_tilt(values["camera_pitch_deg"], cameras)
        unknown = np.flatnonzero(np.isnan(values["camera_pitch_deg"]) & np.isfinite(prior))
        list(pool.map(lambda clips: measure(clips, prior), _blocks(unknown)))
    return values


def measure_batch(
    joints: np.ndarray, confidence: np.ndarray, layout: Layout, unit: str, fps: float
) -> dict[str, np.ndarray]:
    """Measure clips of equal size, such as those of a batch.

    Args:
        joints: (N, M, T, V, C).
        confidence: (N, M, T, V).
        layout: of the joints.
        unit: of the coordinates.
        fps: frames a second.

    Returns:
        As :func:`measure_poses`.
    """
    N, M, T, V, C = joints.shape
    arrays = joints.reshape(-1, V, C), confidence.reshape(-1, V)
    return measure_poses(arrays, DenseTable(N, M, T, fps), layout, unit)


def _measure_block(block: PoseBlock) -> dict[str, np.ndarray]:
    found = {name: function(block) for part in _PARTS for name, function in part.functions.items()}
    return found | measure_view(block)


def _blocks(clips: np.ndarray) -> list[np.ndarray]:
    return [clips[i : i + _BLOCK_CLIPS] for i in range(0, len(clips), _BLOCK_CLIPS)]


def _shared_tilt(pitch_deg: np.ndarray, cameras: Sequence[str] | np.ndarray | None) -> np.ndarray:
    """Return (N,) the median tilt of the clips of the same camera, NaN where there is none."""
    shared = np.full(len(pitch_deg), np.nan)
    if cameras is None:
        return shared
    names, camera = np.unique(np.asarray(cameras).astype(str), return_inverse=True)
    for number, name in enumerate(names):
        known = pitch_deg[(camera == number) & np.isfinite(pitch_deg)]
        if name and len(known):
            shared[camera == number] = np.median(known)
    return shared
