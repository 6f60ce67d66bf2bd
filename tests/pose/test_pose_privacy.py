import numpy as np
import pytest
from pose_helper import LAYOUT, person_at

from har.errors import ConfigError
from har.pose.camera import PinholeCamera
from har.pose.privacy import MODES, hide

pytest.importorskip("cv2")
CAMERA = PinholeCamera.from_view(320, 240, 60)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)


def near(picture: np.ndarray, place: np.ndarray, radius: int = 4) -> np.ndarray:
    x, y = place.astype(int)
    return picture[y - radius : y + radius, x - radius : x + radius].astype(int)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_hides_what_it_says_and_nothing_else(picture, mode):
    person = person_at((0.2, 0.05, 4), CAMERA)
    hidden = hide(picture, [person], LAYOUT, mode)
    nose, hip = (person.image[LAYOUT.index(name)] for name in ("nose", "left_hip"))
    changed = [bool((near(hidden, p) != near(picture, p)).any()) for p in (nose, hip)]
    expected = {"none": [False, False], "face": [True, False]}.get(mode, [True, True])
    assert changed == expected
    corner_changed = bool((hidden[:20, :20] != picture[:20, :20]).any())
    assert corner_changed == (mode == "skeleton")
    assert hidden is not picture


def test_blur_cannot_be_undone_and_a_skeleton_has_no_pixel_of_the_video(picture):
    person = person_at((0, 0, 3), CAMERA)
    nose = person.image[LAYOUT.index("nose")]
    blurred = hide(picture, [person], LAYOUT, "person")
    assert near(blurred, nose).std() < 0.4 * near(picture, nose).std()
    assert len(np.unique(hide(picture, [person], LAYOUT, "skeleton"))) == 1


def test_nobody_means_nothing_to_hide(picture):
    np.testing.assert_array_equal(hide(picture, [], LAYOUT, "person"), picture)


def test_an_unknown_mode_is_refused(picture):
    with pytest.raises(ConfigError, match=r"unknown privacy 'faces'\. Did you mean 'face'"):
        hide(picture, [], LAYOUT, "faces")
