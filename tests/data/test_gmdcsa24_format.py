"""GMDCSA24 tables: the real forms of rows, and each malformed one reported."""

import re

import pytest

from har.data.cards import load_card
from har.data.formats.gmdcsa24 import parse_gmdcsa24
from har.errors import BadSampleError

HEADER = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"
SOURCE = "Subject 2/Fall.csv"


@pytest.fixture(scope="module")
def card():
    return load_card("gmdcsa24")


def parse(card, *classes, end=""):
    rows = [
        f"{n:02}.mp4,08,Day,Shirt & Pant,Gets up, walks, {text}"
        for n, text in enumerate(classes, start=1)
    ]
    return parse_gmdcsa24(HEADER + "\n".join(rows) + end, card, SOURCE)


def brief(card, parsed):
    return [(card.labels[s.label], s.start_sec, s.end_sec) for s in parsed.segments]


def test_ranges_of_classes(card):
    parsed = parse(card, "Sitting [0 to 0.5; 3.7 to 10]; Walking[ 0.5 to 3.1];", "Reading[0 to 4]")
    assert brief(card, parsed) == [
        ("Sitting", 0, 0.5),
        ("Sitting", 3.7, 10),
        ("Walking", 0.5, 3.1),
        ("Reading", 0, 4),
    ]
    assert parsed.skipped == []
    first = parsed.segments[0]
    assert (first.recording, first.subject) == ("Subject 2/Fall/01.mp4", "2")
    assert (first.dataset, first.camera) == ("gmdcsa24", "")
    assert parsed.segments[-1].recording == "Subject 2/Fall/02.mp4"


def test_other_spelling_and_end_of_file(card):
    for end in ("", "\n", "\r\n", "\n\n"):
        parsed = parse(card, "Fall (FW)[2.6 to 6]:; Walking[0 to 1]", end=end)
        assert brief(card, parsed) == [("Falling (FW)", 2.6, 6), ("Walking", 0, 1)]


@pytest.mark.parametrize(
    ("classes", "kept", "reason"),
    [
        ("Sitting[9.7 to 3]; Walking[0 to 1]", 1, "end 3 is not after start 9.7"),
        ("Falling (BW[5.9 to 10]; Walking[0 to 1]", 1, "unknown class 'Falling (BW'. Did you mean"),
        ("Eating[0.9 4.6]; Walking[0 to 1]", 1, "Eating: '0.9 4.6' is not a range such as"),
        ("Reading; Sitting[0 to 8]", 1, "'Reading' is not a class with its times in brackets"),
        (
            "Standing[2 to 3; 6 to 7; Walking[3 to 5; 7 to 9] ",
            2,
            "'Standing[2 to 3; 6 to 7' is not",
        ),
        ("Sitting[0 to 1; ]", 1, "Sitting: '' is not a range"),
        ("Sitting[0 to 1.2.3]", 0, "Sitting '1.2.3' is not a number"),
        ("Walking[0 to 1]; Sitting", 1, "'Sitting' is not a class with its times"),
    ],
)
def test_malformed_classes_are_reported(card, classes, kept, reason):
    parsed = parse(card, "Walking[0 to 1]", classes)
    assert len(parsed.segments) == 1 + kept
    (skipped,) = parsed.skipped
    assert (skipped.source, skipped.line) == (SOURCE, 3)
    assert str(skipped).startswith(f"{SOURCE}:3: 02.mp4: {reason}")


def test_malformed_rows_and_files(card):
    parsed = parse_gmdcsa24(HEADER + "\nno comma\n,8,Day,a,b,Walking[0 to 1]\n", card, SOURCE)
    assert [skipped.line for skipped in parsed.skipped] == [3, 4]
    for content in ("", "01.mp4,8,Day,a,b,Walking[0 to 1]\n"):
        with pytest.raises(BadSampleError, match="its first line is not 'File Name"):
            parse_gmdcsa24(content, card, SOURCE)


def test_all_real_tables(real_data, card):
    folder = real_data / "gmdcsa24"
    segments, skipped, ranges = [], [], 0
    for path in sorted(folder.glob("*/*.csv")):
        content = path.read_text(encoding="utf-8")
        parsed = parse_gmdcsa24(content, card, path.relative_to(folder).as_posix())
        segments += parsed.segments
        skipped += parsed.skipped
        ranges += len(re.findall(r"[\d.]+ to [\d.]+", content.replace("[ ", "[")))
    assert len({segment.recording for segment in segments}) == card.size["videos"] == 160
    assert [(entry.source, entry.line) for entry in skipped] == [
        ("Subject 2/ADL.csv", 7),
        ("Subject 2/Fall.csv", 12),
        ("Subject 2/Fall.csv", 20),
        ("Subject 3/ADL.csv", 5),
        ("Subject 3/ADL.csv", 13),
        ("Subject 4/Fall.csv", 10),
        ("Subject 4/Fall.csv", 16),
    ]
    # Of the ranges that are skipped, 9.7 to 3, 5.9 to 10, and two without a bracket have this form.
    assert len(segments) == ranges - 4 == 352
    assert {segment.label for segment in segments} == set(range(12))
    assert {segment.subject for segment in segments} == {"1", "2", "3", "4"}
