"""Loading adapters by name, and the checks that every clip passes."""

import pickle

import numpy as np
import pytest
from prepare_helper import CARD

from har.data.adapters.base import check_clip, load_adapter
from har.data.cards import load_card
from har.errors import BadSampleError, CardError, ConfigError
from har.samples import Clip, ClipRecord

pytest_plugins = ["prepare_fixtures"]
pytestmark = pytest.mark.usefixtures("project")


class TestLoadingAdapters:
    def test_card_options_and_own_options(self, card, raw):
        adapter = load_adapter(card, raw, scale=3.0)
        assert adapter.scale == 3.0
        assert pickle.loads(pickle.dumps(adapter)).items() == adapter.items()

    def test_unknown_option(self, card, raw):
        expected = (
            r"'tiny_poses'.*no option 'scales'; it has: scale, pause_sec\. Did you mean 'scale'"
        )
        with pytest.raises(ConfigError, match=expected):
            load_adapter(card, raw, scales=1)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("tiny_pose", r"no adapter 'tiny_pose'; there are: .*Did you mean 'tiny_poses'"),
            ("base", "no adapter 'base'"),
            ("no_adapter", r"no_adapter is not an adapter: it needs a class 'Adapter'"),
        ],
    )
    def test_unknown_adapter(self, project, raw, tmp_path, name, expected):
        path = tmp_path / "dataset.yaml"
        path.write_text(CARD.replace("tiny_poses", name))
        with pytest.raises(CardError, match=expected):
            load_adapter(load_card(path), raw)


class TestCheckingClips:
    def clip(self, card, joints=None, confidence=None, **record):
        joints = np.ones((1, 4, 20, 3), np.float32) if joints is None else joints
        confidence = np.ones(joints.shape[:3], np.float32) if confidence is None else confidence
        given = {
            "clip_id": "one",
            "dataset": "tiny",
            "label": 1,
            "frame_count": joints.shape[1],
            "person_count": joints.shape[0],
            "fps": 30.0,
            "layout": "kinect20",
            "source": "one.txt",
        }
        return Clip(ClipRecord(**(given | record)), joints, confidence)

    def test_good_clips(self, card):
        check_clip(self.clip(card), card)
        check_clip(self.clip(card, label=-1), card)

    @pytest.mark.parametrize(
        ("record", "expected"),
        [
            ({"dataset": "other"}, "its record has dataset 'other', not 'tiny'"),
            ({"layout": "ntu25"}, "its record has layout 'ntu25', not 'kinect20'"),
            ({"frame_count": 5}, "its record has frame_count 5, not 4"),
            ({"person_count": 2}, "its record has person_count 2, not 1"),
            ({"clip_id": ""}, "its record has no clip_id"),
            ({"fps": 0.0}, "its record has fps 0.0"),
            ({"label": 2}, r"its label 2 is outside \[0, 1\]"),
        ],
    )
    def test_bad_records(self, card, record, expected):
        with pytest.raises(BadSampleError, match=rf"one\.txt: {expected}"):
            check_clip(self.clip(card, **record), card)

    def test_bad_arrays(self, card):
        ones, seen = np.ones((1, 4, 20, 3), np.float32), np.ones((1, 4, 20), np.float32)
        half_seen = seen.copy()
        half_seen[0, 2, 3] = 0
        cases = {
            r"joints are \(1, 4, 19, 3\), not \(people, frames, 20, 3\)": (ones[:, :, :19], None),
            r"joints are float64": (ones.astype(np.float64), None),
            r"it has 0 frames": (ones[:, :0], None),
            r"confidence is \(1, 3, 20\), not \(1, 4, 20\)": (ones, seen[:, :3]),
            r"not a finite number": (ones * np.inf, None),
            r"a confidence is outside \[0, 1\]": (ones, 2 * seen),
            r"no joint is seen": (0 * ones, 0 * seen),
            r"a joint with confidence 0 has coordinates": (ones, half_seen),
        }
        for expected, (joints, confidence) in cases.items():
            with pytest.raises(BadSampleError, match=expected):
                check_clip(self.clip(card, joints, confidence), card)
