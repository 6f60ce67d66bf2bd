import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pose_helper import person_at, standing_body

from har.errors import ConfigError
from har.pose.camera import NEAREST_M, PinholeCamera, find_translation, upright

CAMERA = PinholeCamera.from_view(1280, 720, 60)


@settings(max_examples=50)
@given(st.floats(-2, 2), st.floats(-1, 1), st.floats(1.5, 8))
def test_the_place_of_a_projected_body_is_found_again(x, y, z):
    person = person_at((x, y, z), CAMERA)
    found = find_translation(person.world, person.image, person.confidence, CAMERA)
    np.testing.assert_allclose(found, (x, y, z), atol=2e-3)


def test_many_frames_are_placed_at_once():
    places = [(0.0, -0.2 + 0.1 * step, 3.0) for step in range(5)]
    people = [person_at(place, CAMERA) for place in places]
    world, image, confidence = (
        np.stack([getattr(person, name) for person in people])
        for name in ("world", "image", "confidence")
    )
    found = find_translation(world, image, confidence, CAMERA)
    np.testing.assert_allclose(found, places, atol=2e-3)


def test_joints_that_are_not_seen_hardly_count():
    person = person_at((0.3, 0.1, 3), CAMERA)
    image, confidence = person.image.copy(), person.confidence.copy()
    image[:5] += 400
    confidence[:5] = 0.001
    found = find_translation(person.world, image, confidence, CAMERA)
    np.testing.assert_allclose(found, (0.3, 0.1, 3), atol=0.02)


@pytest.mark.parametrize("view_deg", [45, 80])
def test_a_wrong_field_of_view_changes_depth_but_hardly_the_height_of_a_fall(view_deg):
    guessed = PinholeCamera.from_view(1280, 720, view_deg)
    places = [(0.0, 0.0, 3.0), (0.0, 0.8, 3.0)]
    found = []
    for place in places:
        person = person_at(place, CAMERA)
        found.append(find_translation(person.world, person.image, person.confidence, guessed))
    stretch = guessed.focal_px / CAMERA.focal_px
    assert found[0][2] == pytest.approx(3 * stretch, rel=0.05)
    assert found[1][1] - found[0][1] == pytest.approx(0.8, rel=0.05)


def test_nobody_is_placed_behind_or_inside_the_camera():
    world = standing_body()
    image = -50 * world[:, :2] + np.array([640, 360], np.float32)
    found = find_translation(world, image, np.ones(len(world), np.float32), CAMERA)
    assert (world[:, 2] + found[2]).min() >= NEAREST_M - 1e-6


def test_upright_turns_about_the_line_of_sight_and_mirrors_nothing():
    axes = np.eye(3, dtype=np.float32)
    turned = upright(axes)
    assert np.linalg.det(turned) == pytest.approx(1)
    assert turned[1].tolist() == [0, -1, 0]


def test_a_silly_field_of_view_is_refused():
    with pytest.raises(ConfigError, match="view_deg must be between 10 and 170 degrees, not 180"):
        PinholeCamera.from_view(640, 480, 180)
