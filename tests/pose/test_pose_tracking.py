import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pose_helper import person_at

from har.errors import ConfigError
from har.pose.camera import PinholeCamera
from har.pose.people import Person, similarity, without_duplicates
from har.pose.tracking import Tracker

CAMERA = PinholeCamera.from_view(640, 480, 60)


def test_equal_poses_are_alike_and_far_ones_are_not():
    person = person_at((0, 0, 3), CAMERA)
    assert similarity(person, person) == pytest.approx(1)
    assert similarity(person, person_at((1.5, 0, 3), CAMERA)) < 0.01


def test_of_two_poses_of_one_person_the_surer_is_kept():
    people = [
        person_at((0.02, 0, 3), CAMERA, confidence=0.5),
        person_at((0, 0, 3), CAMERA, confidence=0.9),
        person_at((1.2, 0, 3), CAMERA, confidence=0.3),
    ]
    assert without_duplicates(people) == [1, 2]


def test_box_leaves_out_joints_that_are_not_seen():
    image = np.array([[0, 0], [10, 20], [500, 500]], np.float32)
    person = Person(image, np.array([0.9, 0.8, 0.1], np.float32))
    assert person.box.tolist() == [0, 0, 10, 20]


def test_people_who_cross_keep_their_numbers():
    tracker = Tracker()
    for step in range(31):
        x = -1.2 + 0.08 * step
        first, second = person_at((x, 0, 3), CAMERA), person_at((-x, 0, 2.2), CAMERA)
        people, expected = ([first, second], [0, 1]) if step % 2 == 0 else ([second, first], [1, 0])
        assert tracker.update(people, step / 15) == expected


def test_a_short_absence_keeps_the_number_and_a_long_one_does_not():
    tracker = Tracker(memory_sec=1.0)
    person = person_at((0, 0, 3), CAMERA)
    assert tracker.update([person], 0.0) == [0]
    assert tracker.update([], 0.5) == []
    assert tracker.update([person], 1.0) == [0]
    assert tracker.update([person], 2.5) == [1]


def test_somebody_who_falls_between_two_frames_is_still_the_same():
    tracker = Tracker()
    standing = person_at((0, 0, 3), CAMERA)
    lying = Person(standing.image[:, ::-1] + np.array([80, 40], np.float32), standing.confidence)
    tracker.update([standing], 0.0)
    assert tracker.update([lying], 0.3) == [0]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 1000))
def test_numbers_of_a_frame_differ_and_are_never_used_for_another_track(counts, seed):
    rng = np.random.default_rng(seed)
    tracker, known = Tracker(memory_sec=0.2), set()
    for step, count in enumerate(counts):
        places = rng.uniform(-1.5, 1.5, size=(count, 2))
        people = [person_at((x, y, 3), CAMERA) for x, y in places]
        numbers = tracker.update(people, step * 0.1)
        assert len(set(numbers)) == count
        new = [number for number in numbers if number not in known]
        assert new == sorted(new)
        assert all(number > max(known, default=-1) for number in new)
        known.update(numbers)


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match=r"least_similarity in \(0, 1\), got 1 and 2"):
        Tracker(memory_sec=1, least_similarity=2)
