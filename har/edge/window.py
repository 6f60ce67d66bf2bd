"""The last seconds of one person, kept in a ring, and read out at the model's frame rate."""

from collections.abc import Iterator

import numpy as np


class Window:
    """A ring buffer of poses with their times.

    Memory is taken once, for ``capacity`` frames; older frames are overwritten.

    Args:
        seconds: span that ``read`` returns.
        frames: T, how many frames ``read`` returns.
        joints, coordinates: V and C.
        capacity: most frames kept; cameras of up to capacity / seconds frames a second lose none.
    """

    def __init__(
        self, seconds: float, frames: int, joints: int, coordinates: int, capacity: int = 0
    ):
        self.seconds = seconds
        self.frames = frames
        size = capacity or max(4 * frames, int(70 * seconds) + 2)
        self._times = np.full(size, -np.inf)
        self._poses = np.zeros((size, joints, coordinates), np.float32)
        self._seen = np.zeros((size, joints), np.float32)
        self._count = 0

    def add(self, time: float, pose: np.ndarray, seen: np.ndarray) -> None:
        """Add a frame: time in seconds, pose (V, C), confidence (V,). Times must rise."""
        place = self._count % len(self._times)
        self._times[place], self._poses[place], self._seen[place] = time, pose, seen
        self._count += 1

    @property
    def last_time(self) -> float:
        """Time of the newest frame; minus infinity before the first."""
        return self._times[(self._count - 1) % len(self._times)] if self._count else -np.inf

    def read(self, now: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the window that ends now, resampled to T frames evenly in time.

        A joint is interpolated between the frames around a moment if it was seen in both and they
        are no farther apart than two frames of the window plus a tenth of a second; a moment
        without such frames has confidence 0.

        Returns:
            poses (T, V, C), confidence (T, V), and the share of moments in which the person is
            there at all.
        """
        size = len(self._times)
        order = np.arange(max(0, self._count - size), self._count) % size
        times = self._times[order]
        kept = order[times >= now - self.seconds - 1.0]
        times = self._times[kept]
        wanted = now - self.seconds + self.seconds * (np.arange(self.frames) + 1) / self.frames
        poses = np.zeros((self.frames, *self._poses.shape[1:]), np.float32)
        seen = np.zeros((self.frames, self._seen.shape[1]), np.float32)
        if not len(kept):
            return poses, seen, 0.0
        after = np.searchsorted(times, wanted, side="left").clip(0, len(times) - 1)
        before = np.where(times[after] > wanted, (after - 1).clip(0), after)
        reach = 2 * self.seconds / self.frames + 0.1
        first, second = kept[before], kept[after]
        span = np.abs(self._times[second] - self._times[first])
        near = np.minimum(np.abs(wanted - times[before]), np.abs(times[after] - wanted))
        usable = (span <= reach) & (near <= reach)
        share = np.where(span > 0, (wanted - times[before]) / np.where(span > 0, span, 1), 0.0)
        share = share.clip(0, 1)[:, None]
        both = np.minimum(self._seen[first], self._seen[second]) * usable[:, None]
        mixed = self._poses[first] * (1 - share[..., None]) + self._poses[second] * share[..., None]
        poses[:] = np.where(both[..., None] > 0, mixed, 0.0)
        seen[:] = both
        return poses, seen, float((seen.max(axis=1) > 0).mean())


class Resampler:
    """Turns frames at any times into frames at a steady rate, each as soon as it is known.

    Args:
        fps: frames a second that come out.
    """

    def __init__(self, fps: float):
        self.step = 1.0 / fps
        self._last: tuple[float, np.ndarray, np.ndarray] | None = None
        self._next = 0.0

    def __call__(
        self, time: float, pose: np.ndarray, seen: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Take a frame (V, C) with confidence (V,); yield the frames due until its time.

        A joint is interpolated if it was seen before and after, not farther apart than three steps
        plus a tenth of a second; else it is zero with confidence 0.
        """
        if self._last is None:
            self._last, self._next = (time, pose, seen), time + self.step
            yield pose, seen
            return
        before, old_pose, old_seen = self._last
        near = time - before <= 3 * self.step + 0.1
        while self._next <= time + 1e-9:
            share = (self._next - before) / (time - before)
            both = np.minimum(old_seen, seen) * near
            mixed = old_pose * (1 - share) + pose * share
            yield np.where(both[:, None] > 0, mixed, 0.0).astype(np.float32), both
            self._next += self.step
        self._last = (time, pose, seen)
