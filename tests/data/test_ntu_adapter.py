import os
from dataclasses import replace

import numpy as np
import pytest

from har.data.adapters.ntu import Adapter
from har.data.cards import load_card
from har.data.formats.ntu_denoise import fill_actors, select_bodies
from har.data.formats.ntu_skeleton import BodyTrack, parse_skeleton
from har.errors import BadSampleError, CardError

NAME = "S003C002P007R001A050.skeleton"


def upright(frames, offset=0.0, seed=0):
    """Make a standing body (frames, 25, 3), taller than wide, that moves a little."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(0, 0.1, size=(frames, 25, 3)) + np.array([offset, 0, 3])
    joints[:, :, 1] += np.linspace(-1, 1, 25)
    return joints.astype(np.float32)


def text_of(frames, newline="\n"):
    """Write frames, each a list of (body id, joints (25, 3), tracking states (25,)), as text."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body_id, joints, states in bodies:
            lines += [f"{body_id} 0 1 1 1 1 0 0.01 -0.25 2", "25"]
            lines += [
                " ".join(f"{v:.7g}" for v in joint) + f" 1 2 3 4 0.1 0.2 0.3 0.4 {int(state)}"
                for joint, state in zip(joints, states, strict=True)
            ]
    return newline.join(lines)


def tracked(body_id, joints):
    return [(body_id, frame, np.full(25, 2)) for frame in joints]


def track(body_id, start, joints):
    frames = np.arange(start, start + len(joints))
    return BodyTrack(body_id, frames, joints, np.ones(joints.shape[:2], np.float32))


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def card():
    return load_card("ntu60")


@pytest.fixture
def read(folder, card):
    def read(frames, newline="\n", **options):
        (folder / NAME).write_bytes(text_of(frames, newline).encode())
        (clip,) = Adapter(card, folder, **options).read(NAME)
        return clip

    return read


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_body(read, newline):
    joints = upright(4)
    clip = read([[body] for body in tracked("72057594037944738", joints)], newline)
    record = clip.record
    assert (record.clip_id, record.label) == ("S003C002P007R001A050", 49)
    assert (record.setup, record.camera, record.subject) == ("3", "2", "7")
    assert (record.replication, record.person_count, record.frame_count) == ("1", 1, 4)
    np.testing.assert_allclose(clip.joints[0], joints, rtol=1e-6)
    assert (clip.confidence == 1).all()


def test_confidence_from_tracking_states(read):
    joints, states = upright(1)[0], np.full(25, 2)
    states[:3] = [0, 1, 2]
    joints[3] = 0
    confidence = read([[("1", joints, states)]]).confidence[0, 0]
    assert confidence[:5].tolist() == [0.25, 0.5, 1, 0, 1]


def test_body_ids_that_differ_in_the_last_digit_stay_apart(read):
    near, far = upright(20, 0), upright(20, 1.5, seed=1)
    ids = "72057594037944738", "72057594037944739"
    frames = list(zip(tracked(ids[0], near), tracked(ids[1], far), strict=True))
    assert read(frames).record.person_count == 2


def test_frames_without_bodies(read):
    bodies = tracked("1", upright(3))
    frames = [[], [bodies[0]], [], [bodies[1]], [bodies[2]], []]
    assert read(frames).record.frame_count == 3
    kept = read(frames, drop_empty_frames=False)
    assert kept.record.frame_count == 6
    assert kept.confidence.any(axis=(0, 2)).tolist() == [False, True, False, True, True, False]
    assert not kept.joints[:, [0, 2, 5]].any()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda text: "", "value 1 should be a count, but is ''"),
        (lambda text: text[: len(text) // 2], "is cut short: 2 of 3 frames"),
        (lambda text: text[:-20], r"has \d+ values, not the \d+ that its counts announce"),
        (lambda text: text + "\n1 2 3", r"has \d+ values, not the \d+ that its counts announce"),
        (lambda text: text.replace("3\n1\n", "9\n1\n", 1), "is cut short: 3 of 9 frames"),
        (lambda text: text.replace("\n25\n", "\n24\n", 1), "a body of other than 25 joints"),
        (lambda text: text.replace("\n25\n", "\n25\nx", 1), "a value that is no number"),
        (lambda text: text.replace(" 2\n", " 7\n"), "tracking state other than 0, 1 and 2"),
        (lambda text: "3\n0\n0\n0\n", "no body in any of its 3 frames"),
        (lambda text: "<html>" + text, "should be a count, but is '<html>3'"),
    ],
)
def test_bad_text(folder, card, spoil, reason):
    text = text_of([[body] for body in tracked("1", upright(3))])
    (folder / NAME).write_text(spoil(text))
    with pytest.raises(BadSampleError, match=reason):
        Adapter(card, folder).read(NAME)


def test_items(folder, card):
    missing = (card.folder / "missing_skeletons.txt").read_text().split()[0]
    twice = "S001C001P001R001A001"
    names = [NAME, f"{missing}.skeleton", "S018C001P001R001A061.skeleton", "odd.skeleton"]
    for name in [*names, f"{twice}.skeleton", f"{twice}.skeleton.npy", "x.skeleton.bak"]:
        (folder / name).write_text("")
    (folder / "npy").mkdir()
    (folder / "npy" / "S001C001P001R001A002.skeleton.npy").write_text("")
    items = Adapter(card, folder, skip_list="missing_skeletons.txt").items()
    assert items == [f"{twice}.skeleton", NAME, "npy/S001C001P001R001A002.skeleton.npy", names[3]]
    assert f"{missing}.skeleton" in Adapter(card, folder).items()
    assert names[2] in Adapter(load_card("ntu120"), folder).items()
    with pytest.raises(BadSampleError, match="not of the form SsssCcccPpppRrrrAaaa"):
        Adapter(card, folder).read("odd.skeleton")
    with pytest.raises(CardError, match="skip_list: no such file"):
        Adapter(card, folder, skip_list="none.txt").items()


class TestNpy:
    def save(self, folder, content):
        np.save(folder / f"{NAME}.npy", np.array(content, dtype=object), allow_pickle=True)
        return f"{NAME}.npy"

    def test_same_as_text(self, folder, card, read):
        joints = upright(5)
        content = {"nbodys": [1] * 5, "njoints": 25, "skel_body0": joints.astype(np.float64)}
        (clip,) = Adapter(card, folder).read(self.save(folder, content))
        text = read([[body] for body in tracked("1", joints)])
        np.testing.assert_allclose(clip.joints, text.joints, rtol=1e-6)
        assert clip.record.clip_id == text.record.clip_id

    def test_wrong_and_unsafe(self, folder, card):
        adapter = Adapter(card, folder)
        with pytest.raises(BadSampleError, match=r"skel_body0 has shape \(4, 25, 3\)"):
            adapter.read(self.save(folder, {"nbodys": [1] * 5, "skel_body0": upright(4)}))
        with pytest.raises(BadSampleError, match="no dictionary with the key nbodys"):
            adapter.read(self.save(folder, {"a": 1}))

        class Evil:
            def __reduce__(self):
                return os.system, (f"touch {folder}/victim",)

        with pytest.raises(BadSampleError, match=r"refused.*system"):
            adapter.read(self.save(folder, {"nbodys": Evil()}))
        assert not (folder / "victim").exists()


class TestDenoise:
    def test_short_tracks_go_unless_all_are_short(self):
        person, ghost = track("a", 0, upright(30)), track("b", 5, upright(11, 1))
        assert select_bodies([ghost, person]) == [person]
        assert select_bodies([ghost]) == [ghost]
        assert len(select_bodies([ghost, replace(ghost, body_id="c")])) == 2

    def test_wide_bodies_go_unless_it_is_the_last(self):
        wide = upright(30, seed=1)[:, :, [1, 0, 2]]
        person, sofa = track("a", 0, upright(30)), track("b", 0, wide)
        assert select_bodies([sofa, person]) == [person]
        assert select_bodies([sofa]) == [sofa]
        assert len(select_bodies([sofa, replace(sofa, body_id="c")])) == 1

    @pytest.mark.parametrize(("noisy", "kept"), [(69, True), (70, False)])
    def test_share_of_wide_frames(self, noisy, kept):
        joints = upright(100, seed=1)
        joints[:noisy] = joints[:noisy][:, :, [1, 0, 2]]
        person, doubtful = track("a", 0, upright(100)), track("b", 0, joints)
        bodies = [body.body_id for body in select_bodies([person, doubtful])]
        assert ("b" in bodies) is kept

    def test_wide_frames_do_not_count_as_motion(self):
        calm = upright(40, seed=2)
        jumpy = calm.copy()
        jumpy[:20] = jumpy[:20][:, :, [1, 0, 2]] * 30
        lively = upright(40) * 2
        bodies = select_bodies([track("jumpy", 0, jumpy), track("lively", 0, lively)])
        assert [body.body_id for body in bodies] == ["lively", "jumpy"]

    def test_actors(self):
        first, again = track("a", 0, upright(20)), track("b", 25, upright(15, 1))
        other, third = track("c", 10, upright(30, 2)), track("d", 5, upright(20, 3))
        joints, confidence = fill_actors([first, other, again, third], 40)
        assert joints.shape == (2, 40, 25, 3)
        np.testing.assert_array_equal(joints[0, :20], first.joints)
        np.testing.assert_array_equal(joints[0, 25:], again.joints)
        np.testing.assert_array_equal(joints[1, 10:], other.joints)
        assert not confidence[0, 20:25].any()
        assert not confidence[1, :10].any()
        assert fill_actors([first, again], 40)[0].shape[0] == 1

    def test_the_span_of_actor_2_counts_from_frame_0(self):
        main, second = track("a", 0, upright(40)), track("b", 20, upright(20, 1))
        before = track("c", 0, upright(15, 2))
        joints, _ = fill_actors([main, second, before], 40)
        assert not joints[1, :20].any()
        assert fill_actors([main, before, second], 40)[0][1, :15].any()


def test_real_files(real_data):
    card = load_card("ntu60")
    adapter = Adapter(card, real_data / "ntu", skip_list="missing_skeletons.txt")
    clips = {clip.record.clip_id: clip for item in adapter.items() for clip in adapter.read(item)}
    counts = {name: (c.record.person_count, c.record.frame_count) for name, c in clips.items()}
    assert counts == {
        "S001C001P001R001A001": (1, 103),
        "S001C001P001R001A002": (1, 158),
        "S001C001P001R001A003": (1, 104),
        "S001C003P008R002A058": (2, 70),
    }
    for name, clip in clips.items():
        lines = (real_data / "ntu" / f"{name}.skeleton").read_text().splitlines()
        first = np.array([line.split()[:3] for line in lines[4:29]], dtype=np.float32)
        assert any(np.array_equal(person[0], first) for person in clip.joints)


def test_both_bodies_of_a_real_file_are_kept_whole(real_data):
    name = "S001C003P008R002A058"
    content = (real_data / "ntu" / f"{name}.skeleton").read_bytes()
    frame_count, tracks = parse_skeleton(content, name)
    (clip,) = Adapter(load_card("ntu60"), real_data / "ntu").read(f"{name}.skeleton")
    assert [len(body.frames) for body in tracks] == [frame_count] * 2
    moving_most = sorted(tracks, key=lambda t: -t.joints.reshape(-1, 3).var(0).sum())
    np.testing.assert_array_equal(clip.joints, np.stack([body.joints for body in moving_most]))
