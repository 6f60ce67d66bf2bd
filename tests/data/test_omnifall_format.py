"""OmniFall tables, and the table of UP-Fall videos that were stored anew at 18 frames a second."""

import pytest

from har.data.cards import load_card
from har.data.formats.omnifall import parse_omnifall, parse_upfall_segments
from har.errors import BadSampleError

HEADER = "path,label,start,end,subject,cam,dataset\n"
UPFALL_HEADER = (
    "file,omnifall_path,activity,trial,cam,label,label_name,omni_start_s,omni_end_s,"
    "start_frame,end_frame,n_frames,omni_duration_s,true_fps\n"
)
UPFALL_PATH = "Subject1/Activity10/Trial1/Subject1Activity10Trial1Camera2"


@pytest.fixture(scope="module")
def card():
    return load_card("omnifall")


def test_segments_may_overlap(card):
    rows = "chute01/cam6,0,0.0,4.5,1,6,mcfd\nchute01/cam6,9,3.25,5,1,6,mcfd\n"
    parsed = parse_omnifall(HEADER + rows, card, "labels.csv")
    assert [(s.label, s.start_sec, s.end_sec) for s in parsed.segments] == [
        (0, 0, 4.5),
        (9, 3.25, 5),
    ]
    first = parsed.segments[0]
    assert (first.recording, first.subject) == ("mcfd/chute01/cam6", "mcfd/1")
    assert (first.camera, first.dataset, parsed.skipped) == ("mcfd/6", "omnifall", [])


def test_segments_end_with_the_video(card):
    rows = "a,1,0,9,1,6,mcfd\na,2,7,9,1,6,mcfd\nb,1,0,9,1,6,mcfd\n"
    parsed = parse_omnifall(HEADER + rows, card, "labels.csv", durations={"mcfd/a": 6.5})
    assert [(s.recording, s.end_sec) for s in parsed.segments] == [("mcfd/a", 6.5), ("mcfd/b", 9)]
    assert [str(entry) for entry in parsed.skipped] == [
        "labels.csv:3: starts at 7 s, the video ends at 6.5 s"
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,1,2.5,2.5,1,6,mcfd", "end 2.5 is not after start 2.5"),
        ("a,16,0,1,1,6,mcfd", "label '16' is not a number of 0 to 15"),
        ("a,fall,0,1,1,6,mcfd", "label 'fall' is not a number of 0 to 15"),
        ("a,1,x,1,1,6,mcfd", "start 'x' is not a number"),
        ("a,1,-1,1,1,6,mcfd", "start -1 is not a number of 0 or more"),
        ("a,1,0,inf,1,6,mcfd", "end inf is not a number of 0 or more"),
        ("a,1,0", "has no path or no dataset"),
        (",1,0,1,1,6,mcfd", "has no path or no dataset"),
    ],
)
def test_malformed_rows_are_reported(card, row, reason):
    parsed = parse_omnifall(f"{HEADER}a,1,0,1,1,6,mcfd\n{row}\n", card, "labels.csv")
    assert len(parsed.segments) == 1
    assert [str(entry) for entry in parsed.skipped] == [f"labels.csv:3: {reason}"]


def test_missing_column(card):
    with pytest.raises(BadSampleError, match=r"l.csv: its header has no column subject, cam.$"):
        parse_omnifall("path,label,start,end,dataset\n", card, "l.csv")


def test_frames_of_upfall_videos(card):
    row = f"S1_A10_T1_C2.mp4,{UPFALL_PATH},10,1,2,{{}},0.58,29.94,9,387,387,29.94,12.792\n"
    parsed = parse_upfall_segments(UPFALL_HEADER + row.format("9,other"), card, "s.csv", 18)
    (segment,) = parsed.segments
    assert (segment.start_sec, segment.end_sec) == (0.5, 21.5)
    assert (segment.recording, segment.subject, segment.camera) == ("S1_A10_T1_C2", "1", "2")
    parsed = parse_upfall_segments(UPFALL_HEADER + row.format("9,fall"), card, "s.csv", 18)
    assert [str(entry) for entry in parsed.skipped] == ["s.csv:2: label 9 is 'other', not 'fall'"]


def test_real_tables(real_data, card):
    def parse(name):
        return parse_omnifall((real_data / "omnifall" / name).read_text("utf-8"), card, name)

    up_fall, mcfd = parse("omnifall_up_fall.csv"), parse("omnifall_mcfd.csv")
    assert (len(up_fall.segments), len(up_fall.skipped)) == (2422, 4)
    assert {entry.line for entry in up_fall.skipped} == {2167, 2231, 2356, 2427}
    assert (len(mcfd.segments), len(mcfd.skipped)) == (1352, 0)
    subjects = {segment.subject for segment in up_fall.segments}
    parts = card.protocol("up_fall_cross_subject").parts.values()
    assert subjects == {name for part in parts for name in part["subject"]}
    assert len({s.recording for s in up_fall.segments}) == load_card("upfall").size["videos"]


def test_real_upfall_segments(real_data, card):
    content = (real_data / "upfall" / "segments.csv").read_text("utf-8")
    parsed = parse_upfall_segments(content, card, "segments.csv", video_fps=18)
    assert (len(parsed.segments), len(parsed.skipped)) == (96, 0)
    videos = {path.stem for path in (real_data / "upfall" / "videos").glob("*.mp4")}
    assert {segment.recording for segment in parsed.segments} == videos
    assert len(videos) == 44
