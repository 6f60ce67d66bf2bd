"""The official lists of HMDB51 and UCF101, and each malformed line reported."""

import pytest

from har.data.cards import load_card
from har.data.formats.hmdb51 import parse_hmdb51
from har.data.formats.ucf101 import parse_ucf101
from har.errors import BadSampleError


@pytest.fixture(scope="module")
def hmdb51():
    return load_card("hmdb51")


@pytest.fixture(scope="module")
def ucf101():
    return load_card("ucf101")


class TestHmdb51:
    SOURCE = "testTrainMulti_7030_splits/fall_floor_test_split1.txt"
    LINES = (
        "2Fast2Furious_fall_floor_f_cm_np1_fr_med_10.avi 1 \n"
        "(Rad)Schlag_die_Bank!_fall_floor_f_nm_np1_le_goo_0.avi 2 \n"
        "\n"
        "Alice_in_Wonderland_fall_floor_f_nm_np1_ba_med_3.avi 0 \n"
    )

    def test_parts(self, hmdb51):
        parsed = parse_hmdb51(self.LINES, hmdb51, self.SOURCE)
        assert parsed.skipped == []
        assert [video.part for video in parsed.videos] == ["train", "test", ""]
        assert {hmdb51.labels[video.label] for video in parsed.videos} == {"fall_floor"}
        first = parsed.videos[0]
        assert first.path == "fall_floor/2Fast2Furious_fall_floor_f_cm_np1_fr_med_10.avi"
        assert parsed.clip_ids("train") == ["2Fast2Furious_fall_floor_f_cm_np1_fr_med_10"]
        assert parsed.clip_ids("test") == ["(Rad)Schlag_die_Bank!_fall_floor_f_nm_np1_le_goo_0"]

    @pytest.mark.parametrize("line", ["clip.avi", "clip.avi 3", "clip 1", "1", ".", "clip.avi one"])
    def test_malformed_lines_are_reported(self, hmdb51, line):
        parsed = parse_hmdb51(f"{self.LINES}{line}\na.avi 1\n", hmdb51, self.SOURCE)
        assert len(parsed.videos) == 4
        (skipped,) = parsed.skipped
        assert str(skipped) == f"{self.SOURCE}:5: '{line}' is not <file>.avi and 0, 1 or 2"

    def test_the_name_of_the_list_tells_the_class(self, hmdb51):
        with pytest.raises(BadSampleError, match=r"unknown class 'fall_flor'\. Did you mean"):
            parse_hmdb51("", hmdb51, "fall_flor_test_split1.txt")
        with pytest.raises(BadSampleError, match="not of the form <class>_test_split<1 to 3>"):
            parse_hmdb51("", hmdb51, "fall_floor_test_split4.txt")


class TestUcf101:
    TRAIN = "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\r\nYoYo/v_YoYo_g25_c05.avi 101\r\n"

    def test_training_and_test_lists(self, ucf101):
        train = parse_ucf101(self.TRAIN, ucf101, "ucfTrainTestlist/trainlist01.txt")
        assert train.skipped == []
        assert [(v.label, v.part, v.setup) for v in train.videos] == [
            (0, "train", "8"),
            (100, "train", "25"),
        ]
        line = "HandstandPushups/v_HandStandPushups_g01_c01.avi\n"
        test = parse_ucf101(line, ucf101, "testlist01.txt")
        assert test.clip_ids("test") == ["v_HandStandPushups_g01_c01"]
        assert ucf101.labels[test.videos[0].label] == "HandstandPushups"

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("YoYo/v_YoYo_g25_c05.avi", "label '' is not a number of 1 to 101"),
            ("YoYo/v_YoYo_g25_c05.avi 102", "label '102' is not a number of 1 to 101"),
            ("YoYo/v_YoYo_g25_c05.avi 1", "class 1 is not 'YoYo', which is 101"),
            ("YoYoo/v_YoYo_g25_c05.avi 101", "unknown class 'YoYoo'. Did you mean 'YoYo'?"),
            ("YoYo/v_YoYo_c05.avi 101", "'YoYo/v_YoYo_c05.avi' is not <class>/v_<class>_gGG_cCC"),
        ],
    )
    def test_malformed_lines_are_reported(self, ucf101, line, reason):
        parsed = parse_ucf101(f"{self.TRAIN}{line}\n", ucf101, "trainlist01.txt")
        assert len(parsed.videos) == 2
        (skipped,) = parsed.skipped
        assert str(skipped).startswith(f"trainlist01.txt:3: {reason}")

    def test_the_name_of_the_list_tells_the_part(self, ucf101):
        with pytest.raises(BadSampleError, match="its name is not trainlist0n"):
            parse_ucf101("", ucf101, "vallist01.txt")

    def test_splits_hold_out_seven_groups_each(self, ucf101):
        tested = [int(g) for p in ucf101.protocols.values() for g in p.parts["test"]["setup"]]
        assert tested == list(range(1, 22))
        for protocol in ucf101.protocols.values():
            groups = protocol.parts["train"]["setup"] + protocol.parts["test"]["setup"]
            assert sorted(groups, key=int) == [str(group) for group in range(1, 26)]
