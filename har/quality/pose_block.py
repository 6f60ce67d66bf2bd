"""Poses of many clips as flat arrays, and statistics by clip without a loop over clips.

Letters: N clips, R frames of all clips one after the other, V joints, C coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from har.errors import BadSampleError
from har.quality.statistics import divide, norm, quantile_by
from har.quality.tracks import ClipTable, Tracks
from har.skeleton.layout import Layout

LOW_CONFIDENCE = 0.5


@dataclass(frozen=True, eq=False)
class PoseBlock:
    """The main person of N clips, frame after frame.

    The main person of a clip is the one of whom most joints are seen; of equals the first.

    Attributes:
        layout: of the joints.
        joints: (R, V, C) float32; zero where not seen.
        confidence: (R, V) float32; zero where not seen.
        clip: (R,) int, the clip of each frame, never falling.
        people: (R,) int, how many people are seen in each frame.
        fps, frame_count: (N,) of the clips.
        invalid: (N,) float64, share of the joints that are no finite numbers.
        unit: of the coordinates: ``m``, ``px`` or ``normalised``.
    """

    layout: Layout
    joints: np.ndarray
    confidence: np.ndarray
    clip: np.ndarray
    people: np.ndarray
    fps: np.ndarray
    frame_count: np.ndarray
    invalid: np.ndarray
    unit: str = "m"

    def __len__(self) -> int:
        return len(self.fps)

    @property
    def is_3d(self) -> bool:
        """Whether the joints have a depth."""
        return self.joints.shape[-1] == 3

    @cached_property
    def seen(self) -> np.ndarray:
        """(R, V) bool: joints that are seen."""
        return np.asarray(self.confidence > 0)

    @cached_property
    def present(self) -> np.ndarray:
        """(R,) bool: frames in which the person is seen at all."""
        return np.asarray(self.seen.any(axis=1))

    @cached_property
    def continues(self) -> np.ndarray:
        """(R,) bool: whether a frame is of the same clip as the one before."""
        same = np.zeros(len(self.clip), bool)
        same[1:] = self.clip[1:] == self.clip[:-1]
        return same

    @cached_property
    def trunk(self) -> np.ndarray:
        """(N,) length of the trunk, the median over the clip; NaN where it is not seen."""
        base, base_seen = self.landmark("spine_base")
        top, top_seen = self.landmark("spine_top")
        length = norm(top - base)
        lengths = self.median(length, base_seen & top_seen)
        return np.where(lengths > 0, lengths, np.nan)

    @cached_property
    def centre(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of the seen joints of the trunk, (R, C), and whether there are any, (R,)."""
        names = ("spine_base", "spine_top", "left_hip", "right_hip")
        at = sorted({j for name in names for j in self.layout.landmark(name) or ()})
        return self._mean_of(at or range(self.layout.num_joints))

    @cached_property
    def speed(self) -> tuple[np.ndarray, np.ndarray]:
        """Speed of the joints into each frame (R, V), trunk lengths a second, and where known."""
        step = norm(np.diff(self.joints, axis=0, prepend=self.joints[:1]))
        known = self.seen & np.roll(self.seen, 1, axis=0) & self.continues[:, None]
        scale = divide(self.fps, self.trunk)
        known &= np.isfinite(scale)[self.clip][:, None]
        return step * np.nan_to_num(scale).astype(np.float32)[self.clip][:, None], known

    @cached_property
    def energy(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean speed of the joints into each frame (R,), and where it is known."""
        speed, known = self.speed
        count = known.sum(axis=1)
        return np.where(known, speed, 0).sum(axis=1) / np.maximum(count, 1), np.asarray(count > 0)

    @cached_property
    def bones(self) -> tuple[np.ndarray, np.ndarray]:
        """Bone lengths (R, E) by edge of the layout, and where both ends are seen."""
        first, second = self.layout.edge_indices.T
        length = norm(self.joints[:, first] - self.joints[:, second])
        return length, self.seen[:, first] & self.seen[:, second]

    @cached_property
    def bone_means(self) -> np.ndarray:
        """(N, E) mean bone lengths; NaN where a bone is never seen."""
        return self.column_means(*self.bones)

    def landmark(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a landmark of the body (R, C), and whether all of it is seen (R,)."""
        joints = self.layout.landmark(name)
        if joints is None:
            return np.zeros_like(self.joints[:, 0]), np.zeros(len(self.joints), bool)
        at = list(joints)
        return self.joints[:, at].mean(axis=1), np.asarray(self.seen[:, at].all(axis=1))

    def joint_mean(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean of the seen ones of some joints, and whether there are any.

        Names that the layout lacks are left out.
        """
        return self._mean_of([at for n in names if (at := self.layout.find(n)) is not None])

    def mean(self, values: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """Return the (N,) mean by clip of values (R,), NaN for a clip that has none."""
        clip = self.clip if where is None else self.clip[where]
        chosen = values if where is None else values[where]
        total = np.bincount(clip, chosen, len(self))
        return divide(total, np.bincount(clip, minlength=len(self)))

    def column_means(self, values: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Return the (N, K) mean by clip of each column of values (R, K), NaN where there is none.

        Args:
            values: (R, K).
            where: (R, K) bool, the values that count.
        """
        sums = self._column_sums(np.where(where, values, 0))
        return divide(sums, self._column_sums(where.astype(np.float64)))

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the (N,) sum by clip of values (R,)."""
        return np.bincount(self.clip, values, len(self))

    def largest(self, values: np.ndarray) -> np.ndarray:
        """Return the (N,) largest by clip of values (R,), 0 for a clip without frames."""
        found = np.zeros(len(self))
        np.maximum.at(found, self.clip, values)
        return found

    def median(self, values: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """Return the (N,) median by clip of values (R,); see ``quantile_by``."""
        if where is None:
            return quantile_by(values, self.clip, len(self), 0.5)
        return quantile_by(values[where], self.clip[where], len(self), 0.5)

    def quantile(self, values: np.ndarray, where: np.ndarray, q: float) -> np.ndarray:
        """Return the (N,) quantile by clip of values (R,), or of values (R, V) by frame."""
        clip = self.clip if values.ndim == 1 else self.clip[:, None]
        return quantile_by(values[where], np.broadcast_to(clip, where.shape)[where], len(self), q)

    def _column_sums(self, values: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(self), values.shape[1]))
        filled, starts = np.unique(self.clip, return_index=True)
        if len(filled):
            sums[filled] = np.add.reduceat(values, starts, axis=0, dtype=np.float64)
        return sums

    def _mean_of(self, joints: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        at = list(joints)
        if not at:
            return np.zeros_like(self.joints[:, 0]), np.zeros(len(self.joints), bool)
        count = self.seen[:, at].sum(axis=1)
        return self.joints[:, at].sum(axis=1) / np.maximum(count, 1)[:, None], np.asarray(count > 0)


def pose_block(
    arrays: tuple[np.ndarray, np.ndarray],
    table: ClipTable,
    clips: np.ndarray,
    layout: Layout,
    unit: str = "m",
) -> PoseBlock:
    """Read some clips of flat arrays.

    Args:
        arrays: joints (rows, V, C) and confidence (rows, V), one row a person-frame.
        table: where the rows of each clip lie.
        clips: (N,) int, the clips to read.
        layout: of the joints.
        unit: of the coordinates.

    Raises:
        BadSampleError: a clip lies outside the arrays, or they do not fit the layout.
    """
    joints, confidence = arrays
    if joints.ndim != 3 or joints.shape[1] != layout.num_joints or joints.shape[2] not in (2, 3):
        raise BadSampleError(
            "poses", f"joints must be (rows, {layout.num_joints}, 2 or 3), got {joints.shape}"
        )
    tracks = Tracks(table, clips)
    if len(tracks.rows) and (tracks.rows.min() < 0 or tracks.rows.max() >= len(joints)):
        raise BadSampleError("poses", f"a clip lies outside the {len(joints)} rows there are")
    seen_joints = (_take(confidence, tracks.rows) > 0).sum(axis=1)
    by_track = np.bincount(tracks.track, seen_joints, tracks.count)
    main = tracks.main(by_track)
    rows = tracks.rows[main[tracks.track]]
    block_joints = _take(joints, rows).astype(np.float32)
    block_confidence = _take(confidence, rows).astype(np.float32)
    clip = tracks.clip[main[tracks.track]]
    invalid = _clear_invalid(block_joints, block_confidence, clip, len(clips))
    return PoseBlock(
        layout=layout,
        joints=block_joints,
        confidence=block_confidence,
        clip=clip,
        people=tracks.people(seen_joints > 0),
        fps=np.asarray(table.fps)[clips].astype(np.float64),
        frame_count=np.asarray(table.frame_count)[clips],
        invalid=invalid,
        unit=unit,
    )


def _take(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows as an array of its own; rows that lie together are copied in one piece."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and (np.diff(rows) == 1).all():
        return np.array(array[rows[0] : rows[-1] + 1])
    return np.take(array, rows, axis=0)


def _clear_invalid(
    joints: np.ndarray, confidence: np.ndarray, clip: np.ndarray, clips: int
) -> np.ndarray:
    """Zero what is no number or was not seen, in place; return the share of each clip, (clips,)."""
    bad = ~(np.isfinite(joints).all(axis=2) & np.isfinite(confidence))
    confidence[bad] = 0
    joints[confidence <= 0] = 0
    return np.nan_to_num(
        divide(np.bincount(clip, bad.mean(axis=1), clips), np.bincount(clip, minlength=clips))
    )
