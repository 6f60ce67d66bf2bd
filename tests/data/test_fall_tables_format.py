"""Annotations of Le2i and of UR Fall, in files of their forms."""

import pytest

from har.data.cards import load_card
from har.data.formats.fall_tables import parse_le2i, parse_urfall
from har.errors import BadSampleError

FRAMES = "1,1,205,70,259,170\n2,1,205,70,259,170\n"
SOURCE = "Home_01/Annotation_files/video (1).txt"
FEATURES = ",0.5,0.4,0.9,120.5,0.98,980.0,450.1,0.07"


class TestLe2i:
    def parse(self, content):
        return parse_le2i(content, load_card("le2i"), SOURCE, "Home_01/video (1)", fps=25)

    def test_fall(self):
        (segment,) = self.parse(f"144\n164\n{FRAMES}").segments
        assert (segment.label, segment.start_sec, segment.end_sec) == (1, 143 / 25, 164 / 25)
        assert (segment.recording, segment.dataset) == ("Home_01/video (1)", "le2i")

    @pytest.mark.parametrize("content", [f"0\n0\n{FRAMES}", FRAMES, "\ufeff0\r\n0\r\n"])
    def test_no_fall(self, content):
        parsed = self.parse(content)
        assert (parsed.segments, parsed.skipped) == ([], [])

    @pytest.mark.parametrize(
        "content", ["164\n144\n", "0\n12\n", "x\n12\n", "144", "1.5\n3", "-1\n-1"]
    )
    def test_malformed(self, content):
        parsed = self.parse(content)
        assert parsed.segments == []
        assert str(parsed.skipped[0]).startswith(f"{SOURCE}:1: its first two lines [")

    def test_empty(self):
        with pytest.raises(BadSampleError, match="is empty"):
            self.parse("\n")


class TestURFall:
    def parse(self, content):
        return parse_urfall(content, load_card("ur_fall"), "falls.csv", fps=30)

    def rows(self, *rows):
        return "\n".join(row + FEATURES for row in rows)

    def test_runs_of_frames(self):
        rows = ["fall-01,1,-1", "fall-01,2,-1", "fall-01,3,0", "fall-01,5,0", "fall-02,1,0"]
        parsed = self.parse(self.rows(*rows))
        assert [(s.recording, s.label, s.start_sec, s.end_sec) for s in parsed.segments] == [
            ("fall-01", 0, 0, 2 / 30),
            ("fall-01", 1, 2 / 30, 3 / 30),
            ("fall-01", 1, 4 / 30, 5 / 30),
            ("fall-02", 1, 0, 1 / 30),
        ]
        assert parsed.skipped == []

    def test_with_header(self):
        content = "name,frame,label,hhmr,height,dist,p40\nfall-01,1,1,0.9,1.2,400,0.1\n"
        parsed = self.parse(content)
        assert [(s.recording, s.label) for s in parsed.segments] == [("fall-01", 2)]
        assert parsed.skipped == []

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("fall-01,2,2", "label '2' is not a number of -1 to 1"),
            ("fall-01,0,1", "'fall-01,0,1' is not sequence, frame number from 1, label"),
            ("fall-01,x,1", "'fall-01,x,1' is not sequence, frame number from 1, label"),
            (",2,1", "',2,1' is not sequence, frame number from 1, label"),
        ],
    )
    def test_malformed_rows_are_reported(self, row, reason):
        parsed = self.parse(self.rows("fall-01,1,1", row, "fall-01,3,1"))
        assert len(parsed.segments) == 2
        assert [str(entry) for entry in parsed.skipped] == [f"falls.csv:2: {reason}"]

    def test_no_rows(self):
        for content in ("", "name,frame,label\n", "what\nis this\n"):
            with pytest.raises(BadSampleError, match="has no rows of sequence, frame, label"):
                self.parse(content)
