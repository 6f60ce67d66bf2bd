"""Toyota Smarthome Untrimmed annotations."""

import json

import numpy as np
import pytest

from har.data.cards import load_card
from har.data.formats.smarthome_untrimmed import (
    parse_smarthome_untrimmed,
    smarthome_untrimmed_subsets,
)
from har.errors import BadSampleError


@pytest.fixture(scope="module")
def card():
    return load_card("smarthome_untrimmed")


def parse(card, videos):
    return parse_smarthome_untrimmed(json.dumps(videos), card, "cs.json", fps=20)


def video(*actions, duration=100):
    return {"subset": "training", "duration": duration, "actions": list(actions)}


def test_frames_become_seconds(card):
    parsed = parse(card, {"P02T01C06": video([19, 10, 29], [1, 20, 20], [50, 90, 100])})
    assert [(s.label, s.start_sec, s.end_sec) for s in parsed.segments] == [
        (19, 0.5, 1.5),
        (1, 1.0, 1.05),
        (50, 4.5, 5.0),
    ]
    first = parsed.segments[0]
    assert (first.recording, first.subject, first.camera) == ("P02T01C06", "2", "6")


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ([51, 0, 1], "class 51 is not one of 0 to 50"),
        ([1, 5, 4], "frames 5 to 4 are no stretch of 100 frames"),
        ([1, 100, 120], "frames 100 to 120 are no stretch of 100 frames"),
        ([1, -1, 4], "frames -1 to 4 are no stretch"),
        ([1, 0.5, 4], r"\[1, 0.5, 4\] is not \[class, first frame, last frame\]"),
        (None, r"None is not \[class"),
    ],
)
def test_malformed_actions_are_reported(card, action, reason):
    parsed = parse(card, {"P02T01C06": video([1, 0, 5], action)})
    assert len(parsed.segments) == 1
    (skipped,) = parsed.skipped
    assert skipped.line is None
    with pytest.raises(ValueError, match=f"^cs.json: video P02T01C06, action 2: {reason}"):
        raise ValueError(str(skipped))


def test_malformed_videos(card):
    parsed = parse(card, {"video": video([1, 0, 5]), "P02T01C06": video(duration=None)})
    assert [entry.reason.partition(":")[0] for entry in parsed.skipped] == [
        "video video",
        "video P02T01C06",
    ]
    for content, reason in (
        ("{", "not a readable JSON file"),
        ("[]", "is not an object of videos"),
        ('{"P02T01C06": {}}', "is not an object of videos that have 'actions'"),
    ):
        with pytest.raises(BadSampleError, match=reason):
            parse_smarthome_untrimmed(content, card, "cs.json", fps=20)


@pytest.mark.parametrize(
    ("division", "protocol", "attribute", "training"),
    [("CS", "cross_subject", "subject", 351), ("CV", "cross_view", "camera", 369)],
)
def test_real_annotation(real_data, card, division, protocol, attribute, training):
    path = real_data / "smarthome" / f"pipline_data_smarthome_{division}_51.json"
    content = path.read_bytes()
    parsed = parse_smarthome_untrimmed(content, card, path.name, card.fps)
    assert len(parsed.segments) == card.size["segments"] == 41288
    assert parsed.skipped == []
    assert {segment.label for segment in parsed.segments} == set(range(51))
    assert min(s.end_sec - s.start_sec for s in parsed.segments) == pytest.approx(1 / card.fps)
    subsets = smarthome_untrimmed_subsets(content, path.name)
    assert len(subsets) == card.size["videos"] == 536
    assert list(subsets.values()).count("training") == training
    rules = card.protocol(protocol).parts
    for segment in parsed.segments:
        part = "train" if subsets[segment.recording] == "training" else "test"
        assert getattr(segment, attribute) in rules[part][attribute]


def test_real_recording_has_the_annotated_length(real_data, card):
    folder = real_data / "smarthome"
    with np.load(folder / "P11T13C03_LCRNet2d.npz", allow_pickle=False) as file:
        frame_count = len(file["kpts"])
    content = (folder / "pipline_data_smarthome_CS_51.json").read_text()
    assert json.loads(content)["P11T13C03"]["duration"] == frame_count == 34520
    parsed = parse_smarthome_untrimmed(content, card, "cs.json", card.fps)
    ends = [s.end_sec for s in parsed.segments if s.recording == "P11T13C03"]
    assert 0 < max(ends) <= frame_count / card.fps
