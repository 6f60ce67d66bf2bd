"""A recorded video and the skeleton file of the same recording, frame by frame."""

import numpy as np
import pytest

from har.video import open_video

pytest.importorskip("av", reason="needs har[video]")
JOINTS, FIELDS, COLOUR_X = 25, 12, 5
SCALE = 4
WIDTH, HEIGHT = 1920 // SCALE, 1080 // SCALE


def colour_positions(text: str) -> np.ndarray:
    """Return where each joint is in the colour picture, (T, 25, 2) pixels of 1920x1080."""
    lines = text.split("\n")
    positions, at = [], 1
    for _ in range(int(lines[0])):
        bodies, at = int(lines[at]), at + 1
        for body in range(bodies):
            rows = lines[at + 2 : at + 2 + JOINTS]
            at += 2 + JOINTS
            if body == 0:
                fields = [row.split()[COLOUR_X : COLOUR_X + 2] for row in rows]
                positions.append(np.array(fields, float))
    return np.array(positions)


def best_lag(first: np.ndarray, second: np.ndarray, most: int = 10) -> int:
    """Return the shift of ``second`` in frames at which the two agree best."""
    lags = range(-most, most + 1)
    inner = first[most:-most]
    scores = [
        np.corrcoef(inner, second[most + lag : len(second) - most + lag])[0, 1] for lag in lags
    ]
    return lags[int(np.argmax(scores))]


def test_ntu_video_and_skeleton_are_aligned_by_frame(real_data):
    name = "S001C001P001R001A001"
    joints = colour_positions((real_data / f"ntu/{name}.skeleton").read_text()) / SCALE
    with open_video(real_data / f"ntu/{name}_rgb.avi", size=(HEIGHT, WIDTH)) as video:
        assert video.frame_count == len(joints) == 103
        frames = video.frames(range(103)).astype(np.float32).mean(axis=-1)
    low, high = joints.min(axis=(0, 1)).astype(int), joints.max(axis=(0, 1)).astype(int)
    assert (low >= 0).all()
    assert (high < (WIDTH, HEIGHT)).all()
    change = np.abs(np.diff(frames, axis=0))
    inside = change[:, low[1] : high[1], low[0] : high[0]]
    assert inside.mean() > 2 * change.mean()
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=1)
    assert abs(best_lag(speed, inside.mean(axis=(1, 2)))) <= 1
