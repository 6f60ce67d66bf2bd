from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from pose_helper import HEIGHT, WIDTH, SquarePose, square_frame

from har.errors import BadSampleError, ConfigError
from har.pose.extraction import PoseSettings, extract_poses, fill_gaps, frame_step
from har.video import Frame


class FakeVideo:
    """Frames that are at hand, as an open video offers them."""

    def __init__(self, frames: Sequence[np.ndarray], fps: float = 10.0):
        self.pixels, self.fps = frames, fps
        self.frame_count, self.height, self.width = len(frames), HEIGHT, WIDTH

    def stream(self) -> Iterator[Frame]:
        for index, pixels in enumerate(self.pixels):
            yield Frame(index, index / self.fps, pixels)


def extract(frames, estimator=None, fps=10.0, **settings):
    return extract_poses(
        FakeVideo(frames, fps), estimator or SquarePose(), PoseSettings(**settings), "a.mp4"
    )


def falling(count: int = 20) -> list[np.ndarray]:
    return [square_frame((64, 30 + 2 * step)) for step in range(count)]


def test_a_fall_goes_down_in_metres_with_y_up():
    poses = extract(falling())
    assert poses.joints.shape == (1, 20, 33, 3)
    hips = poses.joints[0][:, 23:25].mean(axis=1)
    moved = 38 * 3 / poses.camera.focal_px
    assert hips[0, 1] - hips[-1, 1] == pytest.approx(moved, rel=0.05)
    np.testing.assert_allclose(hips[:, 2], 3, atol=0.05)


def test_about_the_hips_the_fall_is_lost_and_in_pixels_y_is_down():
    about_hips = extract(falling(), coordinates="hips").joints[0][:, 23:25].mean(axis=1)
    np.testing.assert_allclose(about_hips, about_hips[:1].repeat(20, axis=0), atol=1e-6)
    image = extract(falling(), coordinates="image").joints
    assert image.shape == (1, 20, 33, 2)
    assert image[0, -1, 23, 1] - image[0, 0, 23, 1] == pytest.approx(38, abs=1)


def test_two_people_get_a_row_each_and_the_longest_seen_comes_first():
    frames = [square_frame((20, 40)) for _ in range(10)]
    frames += [square_frame((20, 40), (110, 50)) for _ in range(10)]
    poses = extract(frames)
    assert poses.numbers == (0, 1)
    assert poses.confidence[1].any(axis=1).tolist() == [False] * 10 + [True] * 10
    assert not poses.joints[1, :10].any()


def test_short_gaps_are_filled_with_half_the_confidence_and_long_ones_stay():
    frames = falling(30)
    for index in (5, 6, *range(12, 22)):
        frames[index] = square_frame()
    poses = extract(frames, fill_gap_sec=0.3)
    seen = poses.confidence[0].any(axis=1)
    assert seen[:12].all()
    assert not seen[12:22].any()
    assert poses.confidence[0, 5, 0] == pytest.approx(0.45)
    middle = (2 * poses.joints[0, 4] + poses.joints[0, 7]) / 3
    np.testing.assert_allclose(poses.joints[0, 5], middle, atol=1e-5)
    assert poses.person_share == pytest.approx(18 / 30)
    assert poses.filled_share == pytest.approx(2 / 20)


def test_with_one_person_tracks_that_follow_one_another_are_joined():
    frames = [square_frame((20, 40))] * 10 + [square_frame()] * 10 + [square_frame((110, 50))] * 10
    assert extract(frames, people=2, memory_sec=0.5).joints.shape[0] == 2
    joined = extract(frames, people=1, memory_sec=0.5)
    assert joined.joints.shape[0] == 1
    assert joined.confidence[0].any(axis=1).sum() == 20


def test_frames_are_left_out_above_the_highest_rate():
    poses = extract(falling(20), max_fps=5.0)
    assert (poses.joints.shape[1], poses.fps) == (10, 5.0)
    assert [frame_step(fps, 15) for fps in (10, 15, 15.05, 25, 30, 29.9)] == [1, 1, 1, 2, 2, 2]


def test_a_video_without_people_is_a_bad_sample():
    with pytest.raises(BadSampleError, match=r"a.mp4: nobody was seen for 0.5 s in its 8 frames"):
        extract([square_frame()] * 8)


def test_2d_poses_cannot_be_placed_in_space():
    flat = SquarePose(dims=2)
    with pytest.raises(ConfigError, match="gives 2D poses, not coordinates=camera"):
        extract(falling(), flat)
    assert extract(falling(), flat, coordinates="image").joints.shape[-1] == 2


def test_each_video_starts_anew():
    estimator = SquarePose()
    extract(falling(), estimator)
    extract(falling(), estimator)
    assert estimator.started == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"people": 0}, "people of 1 or more"),
        ({"coordinates": "room"}, "There are: camera, hips, image"),
        ({"fill_gap_sec": -1}, "must be 0 or more"),
        ({"smoothing": "x"}, "unknown smoothing"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        PoseSettings(**settings)


def test_gaps_at_the_ends_are_no_gaps():
    joints, confidence = np.zeros((6, 2, 3), np.float32), np.zeros((6, 2), np.float32)
    joints[2:4], confidence[2:4] = 1, 1
    fill_gaps(joints, confidence, 10)
    assert confidence.any(axis=1).tolist() == [False, False, True, True, False, False]
