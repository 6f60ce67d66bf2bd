import json

import numpy as np
import pytest

from har.audit.agreement import find_overlaps, measure_agreement
from har.audit.segment_files import compare_files
from har.errors import BadSampleError, HarError
from har.samples import UNLABELLED, Segment

NAMES = ("walk", "sit", "fall")


def segment(label, start, end, recording="r1", person=None):
    return Segment(recording, "d", label, start, end, person)


def test_equal_annotations_agree_fully():
    side = [segment(0, 0, 4), segment(1, 4, 9), segment(2, 1, 2, "r2")]
    agreement = measure_agreement(side, side, NAMES)
    assert (agreement.kappa, agreement.agreeing, agreement.seconds) == (1.0, 1.0, 11.0)
    assert agreement.iou.tolist() == [1, 1, 1]
    assert agreement.disagreements == ()


def test_iou_kappa_and_disagreements_by_hand():
    first = [segment(0, 0, 6), segment(1, 6, 10)]
    second = [segment(0, 0, 4), segment(1, 4, 10)]
    agreement = measure_agreement(first, second, NAMES)
    np.testing.assert_allclose(agreement.iou[:2], [4 / 6, 4 / 6])
    assert np.isnan(agreement.iou[2])
    by_chance = 0.6 * 0.4 + 0.4 * 0.6
    assert agreement.kappa == pytest.approx((0.8 - by_chance) / (1 - by_chance))
    np.testing.assert_allclose(agreement.class_kappa[:2], agreement.kappa)
    assert agreement.disagreements == (("r1", None, 4.0, 6.0, "walk", "sit"),)
    summary = agreement.summary()
    assert summary["mean_temporal_iou"] == pytest.approx(2 / 3)


def test_kappa_agrees_with_a_reference():
    metrics = pytest.importorskip("sklearn.metrics", reason="comes with the extra 'audit'")
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, (2, 500))
    labels[1, :300] = labels[0, :300]
    sides = [[segment(int(n), t, t + 1) for t, n in enumerate(side)] for side in labels]
    agreement = measure_agreement(*sides, NAMES, frames_a_second=1)
    assert agreement.kappa == pytest.approx(metrics.cohen_kappa_score(*labels))


def test_several_classes_at_once_and_nothing_are_compared_as_sets():
    first = [segment(0, 0, 10), segment(2, 5, 8)]
    second = [segment(0, 0, 8)]
    agreement = measure_agreement(first, second, NAMES)
    assert agreement.disagreements == (
        ("r1", None, 5.0, 8.0, "walk + fall", "walk"),
        ("r1", None, 8.0, 10.0, "walk", ""),
    )
    np.testing.assert_allclose(agreement.iou, [0.8, np.nan, 0])
    assert agreement.agreeing == pytest.approx(0.5)


def test_persons_and_recordings_are_kept_apart():
    first = [segment(0, 0, 2, person=0), segment(1, 0, 2, person=1), segment(0, 0, 1, "only_a")]
    second = [segment(1, 0, 2, person=0), segment(0, 0, 2, person=1), segment(0, 0, 1, "only_b")]
    agreement = measure_agreement(first, second, NAMES)
    assert agreement.agreeing == 0
    assert (agreement.only_first, agreement.only_second) == (("only_a",), ("only_b",))
    assert [row[1] for row in agreement.disagreements] == [0, 1]


def test_unlabelled_segments_count_for_nothing():
    side = [segment(0, 0, 2)]
    agreement = measure_agreement(side, [*side, segment(UNLABELLED, 0, 2)], NAMES)
    assert agreement.agreeing == 1


def test_chance_alone_has_no_kappa():
    side = [segment(0, 0, 2)]
    assert np.isnan(measure_agreement(side, side, NAMES).kappa)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([segment(0, 0, 1, "r9")], "no recording in common: the first has r1, the second r9"),
        ([segment(5, 0, 1)], "r1: label 5 has no name; there are 3"),
        ([segment(0, 0, 1e9)], "too long for 10 frames a second"),
    ],
)
def test_what_cannot_be_compared(second, message):
    with pytest.raises(HarError, match=message):
        measure_agreement([segment(0, 0, 1)], second, NAMES)


def test_overlaps_within_one_annotation():
    side = [segment(0, 0, 4), segment(1, 3, 6), segment(1, 3, 5), segment(2, 6, 7, person=1)]
    overlaps = find_overlaps(side, NAMES)
    assert [(row[4], row[5]) for row in overlaps] == [
        ("sit", "sit"), ("walk", "sit"), ("walk", "sit")
    ]  # fmt: skip
    assert overlaps[0] == ("r1", None, 3, 5, "sit", "sit", pytest.approx(2 / 3))


class TestFiles:
    HEADER = "recording,label,start_sec,end_sec,person\n"

    def write(self, path, rows):
        path.write_text(self.HEADER + rows)
        return path

    def test_two_files(self, tmp_path):
        first = self.write(tmp_path / "a.csv", "r1,walk,0,6,\nr1,sit,6,10,\n")
        second = self.write(tmp_path / "b.csv", "r1,walk,0,4,\nr1,sit,3,10,\n")
        content = compare_files(first, second, tmp_path / "out")
        assert content == json.loads((tmp_path / "out/agreement.json").read_text())
        assert content["agreeing_share_of_frames"] == pytest.approx(0.7)
        lines = (tmp_path / "out/disagreements.csv").read_text().splitlines()
        assert lines[1:] == ["r1,,4.0,6.0,walk,sit", "r1,,3.0,4.0,walk,sit + walk"]
        overlaps = (tmp_path / "out/overlaps.csv").read_text().splitlines()
        assert overlaps[1].startswith("b.csv,r1,,3.0,4.0,walk,sit,0.1")

    def test_one_file(self, tmp_path):
        content = compare_files(
            self.write(tmp_path / "a.csv", "r1,walk,0,6,2\n"), None, tmp_path / "out"
        )
        assert content["overlaps_within_a_file"] == 0
        assert not (tmp_path / "out/disagreements.csv").exists()

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ("r1,walk,6,2,\n", r"a.csv:2: end 2 is not after start 6"),
            ("r1,walk,0,x,\n", r"a.csv:2: end_sec 'x' is not a number"),
            ("r1,walk,0,1,you\n", r"a.csv:2: person 'you' is not a whole number"),
            ("", "a.csv has no timed labels"),
        ],
    )
    def test_unreadable_rows(self, tmp_path, rows, message):
        with pytest.raises(HarError, match=message):
            compare_files(self.write(tmp_path / "a.csv", rows), None, tmp_path / "out")

    def test_missing_files_and_columns(self, tmp_path):
        with pytest.raises(HarError, match=r"Cannot read the timed labels .*a.csv"):
            compare_files(tmp_path / "a.csv", None, tmp_path)
        (tmp_path / "b.csv").write_text("recording,label,start,end_sec\n")
        with pytest.raises(BadSampleError, match="no column start_sec"):
            compare_files(tmp_path / "b.csv", None, tmp_path)
