"""The usual cleaning of NTU RGB+D clips: which bodies are people, and who is actor 1.

The sensor reports furniture as bodies and loses and finds people under new ids. The rules are
those of the preprocessing that published results build on (A. Shahroudy et al., CVPR 2016, as in
Y. Chen et al., CTR-GCN, ICCV 2021), with one difference: a track with a gap keeps its true frames,
where the reference closes the gap.
"""

import numpy as np

from har.data.formats.ntu_skeleton import JOINTS, BodyTrack

SHORTEST_TRACK = 12
WIDEST_POSTURE = 0.8
NOISY_SHARE = 0.69754


def select_bodies(tracks: list[BodyTrack]) -> list[BodyTrack]:
    """Return the tracks that are people, those that move most first.

    A single track is never dropped. Otherwise tracks shorter than 12 frames go, and then, while
    more than one is left, tracks that are wider than 0.8 of their height in too many frames.
    """
    long_enough = [track for track in tracks if len(track.frames) >= SHORTEST_TRACK] or tracks
    people = list(long_enough)
    motion = {}
    for track in long_enough:
        upright = _upright_frames(track)
        noisy_share = 1 - upright.mean()
        if len(people) > 1 and noisy_share >= NOISY_SHARE:
            people.remove(track)
            continue
        motion[track.body_id] = _motion(track.joints)
        if upright.any():
            motion[track.body_id] = min(motion[track.body_id], _motion(track.joints[upright]))
    return sorted(people, key=lambda track: motion[track.body_id], reverse=True)


def fill_actors(tracks: list[BodyTrack], frame_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lay tracks out as one or two actors.

    The first track is actor 1. Each further track continues actor 1 if it does not overlap it,
    else actor 2 if it does not overlap that one, and is dropped else.

    Args:
        tracks: at least one, the main one first.
        frame_count: T.

    Returns:
        joints (M, T, 25, 3) and confidence (M, T, 25), float32, M being 1 or 2; zeros in the
        frames in which an actor is absent.
    """
    joints = np.zeros((2, frame_count, JOINTS, 3), dtype=np.float32)
    confidence = np.zeros((2, frame_count, JOINTS), dtype=np.float32)
    # As in the reference, the span of actor 2 always counts from frame 0.
    spans = [_span(tracks[0]), (0, 0)]
    for track in tracks:
        start, end = _span(track)
        for actor, (first, last) in enumerate(spans):
            if track is tracks[0] or min(last, end) <= max(first, start):
                joints[actor, track.frames] = track.joints
                confidence[actor, track.frames] = track.confidence
                spans[actor] = min(first, start), max(last, end)
                break
    people = 2 if confidence[1].any() else 1
    return joints[:people], confidence[:people]


def _span(track: BodyTrack) -> tuple[int, int]:
    return int(track.frames[0]), int(track.frames[-1])


def _upright_frames(track: BodyTrack) -> np.ndarray:
    """Return (n,) bool: where the body is not wider than 0.8 of its height."""
    width, height = np.ptp(track.joints[..., :2], axis=1).T
    return width <= WIDEST_POSTURE * height


def _motion(joints: np.ndarray) -> float:
    """Return the variance of x, y and z over all frames and joints, summed."""
    return float(joints.reshape(-1, 3).var(axis=0, dtype=np.float64).sum())
