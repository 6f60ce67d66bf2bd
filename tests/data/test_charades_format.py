"""Charades tables in the official form, and each malformed entry reported."""

import pytest

from har.data.cards import load_card
from har.data.formats.charades import charades_ids, parse_charades
from har.errors import BadSampleError

HEADER = "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length\n"
SOURCE = "Charades_v1_train.csv"


@pytest.fixture(scope="module")
def card():
    return load_card("charades")


def row(name, actions, length="24.83", subject="T7C3"):
    script = '"A person opens a door, and says ""hello"""'
    return (
        f"{name},{subject},Hallway,6,7,Yes,{script},door,Opens a door;Leaves,{actions},{length}\n"
    )


def brief(parsed):
    return [(s.recording, s.label, s.start_sec, s.end_sec) for s in parsed.segments]


def test_actions_of_videos(card):
    content = HEADER + row("46GP8", "c092 11.90 21.20;c147 0.00 12.60") + row("N11GT", "")
    parsed = parse_charades(content, card, SOURCE)
    assert brief(parsed) == [("46GP8", 92, 11.9, 21.2), ("46GP8", 147, 0, 12.6)]
    assert parsed.skipped == []
    assert {(s.dataset, s.subject, s.camera) for s in parsed.segments} == {("charades", "T7C3", "")}
    assert card.labels[92] == "Watching/Looking outside of a window"
    assert charades_ids(content, SOURCE) == ["46GP8", "N11GT"]


def test_actions_are_cut_at_the_end_of_the_video(card):
    parsed = parse_charades(HEADER + row("46GP8", "c000 20.00 31.00"), card, SOURCE)
    assert brief(parsed) == [("46GP8", 0, 20, 24.83)]


def test_windows_lines_and_byte_order_mark(card):
    content = "\ufeff" + (HEADER + row("46GP8", "c156 1.00 2.00")).replace("\n", "\r\n")
    assert brief(parse_charades(content, card, SOURCE)) == [("46GP8", 156, 1, 2)]


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("c157 1.00 2.00", "label '157' is not a number of 0 to 156"),
        ("c092 1.00", "'c092 1.00' is not an action such as"),
        ("92 1.00 2.00", "'92 1.00 2.00' is not an action such as"),
        ("c092 1.0.0 2.00", "start '1.0.0' is not a number"),
        ("c092 nan 2.00", "start nan is not a number of 0 or more"),
        ("c092 3.00 2.00", "end 2 is not after start 3"),
        ("c092 30.00 31.00", "'c092 30.00 31.00' starts after the end of the video at 24.83 s"),
    ],
)
def test_malformed_actions_are_reported(card, action, reason):
    content = HEADER + row("46GP8", f"c001 0.00 1.00;{action};c002 1.00 2.00")
    parsed = parse_charades(content, card, SOURCE)
    assert [segment.label for segment in parsed.segments] == [1, 2]
    (skipped,) = parsed.skipped
    assert str(skipped).startswith(f"{SOURCE}:2: 46GP8: {reason}")


def test_malformed_rows_are_reported(card):
    content = HEADER + row("", "c001 0.00 1.00") + row("46GP8", "c001 0.00 1.00", length="long")
    parsed = parse_charades(content + row("46GP8", "c001 0.00 1.00"), card, SOURCE)
    assert [str(skipped) for skipped in parsed.skipped] == [
        f"{SOURCE}:2: has no id",
        f"{SOURCE}:3: 46GP8: length 'long' is not a number",
    ]
    assert len(parsed.segments) == 1
    with pytest.raises(BadSampleError, match="its header has no column actions, length"):
        parse_charades("id,subject\n", card, SOURCE)
