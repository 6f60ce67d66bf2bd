"""Poses and frames of the same clips: found by name, aligned in time and in the picture."""

import pickle

import numpy as np
import pytest
import torch
import yaml
from transforms_helper import KINECT

from har.config.build import build
from har.config.compose import config_dir
from har.data.batches import BatchRequest
from har.data.cards import load_card
from har.data.paired_batches import PairedBatches, between
from har.data.paired_datamodule import PairedDataModule
from har.data.paired_store import NO_POSES, PairedStore
from har.data.paired_transforms import FlipBoth, HideModality, ModalityDropout
from har.data.sampling import UniformSampler
from har.data.splits import Split
from har.data.store import StoreDescription, write_store
from har.data.transforms import Center, ConvertLayout, RandomFlip, TemporalReverse
from har.data.video_crops import FullFrame, SquareCrop
from har.data.video_prepare import prepare_videos
from har.data.video_transforms import FlipVideo
from har.errors import ConfigError, StoreError
from har.samples import Clip, ClipRecord
from har.skeleton.layout import load_layout

av = pytest.importorskip("av", reason="needs har[video]")
HEADER = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"
LAYOUT = load_layout("coco17")
FPS, POSE_FPS, SECONDS = 20, 10, 2
HEIGHT, WIDTH = 48, 64
FOCAL = 50.0


def dot_at(time):
    """Where the white dot of the videos is after some seconds, x and y in pixels."""
    return 8 + 24 * time, 36 - 12 * time


def write_video(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FPS * SECONDS):
            x, y = dot_at(number / FPS)
            near = (columns - x) ** 2 + (rows - y) ** 2 < 16
            frame = np.repeat((near * 255).astype(np.uint8)[..., None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def pose_clip(clip_id, dimensions=3):
    """All joints of a pose are at the dot, 2 m away; y up and x to the left."""
    x, y = dot_at(np.arange(POSE_FPS * SECONDS) / POSE_FPS)
    if dimensions == 3:
        points = np.stack(
            [-(x - WIDTH / 2) * 2 / FOCAL, -(y - HEIGHT / 2) * 2 / FOCAL, np.full_like(x, 2)], -1
        )
    else:
        points = np.stack([x, y], -1)
    joints = np.repeat(points[None, :, None].astype(np.float32), LAYOUT.num_joints, axis=2)
    record = ClipRecord(
        clip_id=clip_id,
        dataset="poses",
        label=-1,
        frame_count=len(x),
        person_count=1,
        fps=POSE_FPS,
        layout="coco17",
        conditions={"focal_px": FOCAL, "picture_width": WIDTH, "picture_height": HEIGHT},
    )
    return Clip(record, joints, np.ones(joints.shape[:3], np.float32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    raw, out = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("stores")
    for subject in (1, 2):
        place = raw / f"Subject {subject}"
        for number in (1, 2):
            write_video(place / "ADL" / f"0{number}.mp4")
        (place / "ADL.csv").write_text(
            HEADER
            + "01.mp4,02,Day,Shirt,Sits,Sitting[0 to 1]; Walking[1 to 2]\n"
            + "02.mp4,02,Day,Shirt,Falls,Falling (BW)[0 to 2]\n"
        )
    prepare_videos(
        load_card("gmdcsa24"), raw, out / "videos", {"short_edge": 48, "fps": 20}, progress=False
    )
    names = [f"Subject {s}/ADL/0{n}" for s in (1, 2) for n in (1, 2) if (s, n) != (2, 2)]
    write_poses(out / "poses", [pose_clip(name) for name in names])
    return out


def write_poses(path, clips):
    dimensions = clips[0].joints.shape[-1]
    about = StoreDescription(
        dataset="poses",
        layout="coco17",
        unit="m" if dimensions == 3 else "px",
        labels=(),
        joint_count=LAYOUT.num_joints,
        coordinate_count=dimensions,
        adapter="test",
        adapter_version=1,
        adapter_options={},
    )
    write_store(path, about, clips)


@pytest.fixture
def store(folder):
    return PairedStore.open_pair(folder / "videos", folder / "poses", unit="segment")


def batches(store, crop=None, training=False, **options):
    return PairedBatches(store, UniformSampler(4), crop or FullFrame(), 48, training, **options)


def dots(frames):
    """Return the middle of the dot in frames (N, T, H, W, 3), x and y as shares."""
    bright = frames.numpy()[..., 0] > 127
    place = np.full((*bright.shape[:2], 2), np.nan)
    for clip, frame in np.ndindex(bright.shape[:2]):
        rows, columns = np.nonzero(bright[clip, frame])
        if len(rows):
            place[clip, frame] = (columns.mean() + 0.5) / 48, (rows.mean() + 0.5) / 48
    return place


def request(rows, seed=0):
    return BatchRequest(np.array(rows), slice(None), seed)


def test_recordings_are_found_by_name_without_the_ending(store):
    assert store.pose_rows.tolist() == [0, 0, 1, 2, 2, NO_POSES]
    assert store.layout == "coco17"
    assert store.labels == load_card("gmdcsa24").labels
    assert pickle.loads(pickle.dumps(store)).fingerprint == store.fingerprint


@pytest.mark.parametrize("training", [False, True])
def test_poses_are_where_the_frames_show_them(store, training):
    crop = SquareCrop(0.8, 1.0) if training else FullFrame()
    batch = batches(store, crop, training)[request([0, 1, 2, 4], seed=3)]
    seen = dots(batch.frames)
    expected = batch.points[:, 0, :, 0].numpy()
    inside = np.isfinite(seen).all(axis=2) & ((expected > 0.1) & (expected < 0.9)).all(axis=2)
    assert inside.sum() > 6
    np.testing.assert_allclose(seen[inside], expected[inside], atol=0.05)


def test_a_segment_that_starts_later_has_the_poses_of_its_time(store):
    first, second = (batches(store)[request([row])].points[0, 0, :, 0, 0] for row in (0, 1))
    assert torch.all(second > first.max())


def test_nobody_is_present_where_a_recording_has_no_poses(store):
    batch = batches(store, people=2)[request([0, 5])]
    assert batch.present.tolist() == [[True, True], [False, True]]
    assert batch.person_mask.tolist() == [[True, False], [False, False]]
    assert batch.joints[1].abs().sum() == batch.points[1].abs().sum() == 0


def test_several_poses_a_frame_lie_evenly_about_it(store):
    assert between(np.array([0, 4, 8]), 1).tolist() == [0, 4, 8]
    assert between(np.array([0, 4, 8]), 2).tolist() == [0, 1, 3, 5, 7, 8]
    batch = batches(store, rate=3)[request([2])]
    assert batch.joints.shape[2] == 12
    assert batch.frames.shape[1] == 4


def test_poses_in_pixels_are_placed_too(folder, tmp_path):
    write_poses(tmp_path / "flat", [pose_clip("Subject 1/ADL/01", dimensions=2)])
    flat = PairedStore.open_pair(folder / "videos", tmp_path / "flat", unit="segment")
    solid = PairedStore.open_pair(folder / "videos", folder / "poses", unit="segment")
    found, expected = (batches(s)[request([0])].points for s in (flat, solid))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_wrong_stores_are_refused(folder, tmp_path):
    with pytest.raises(StoreError, match=r"no clip store .*har poses videos="):
        PairedStore.open_pair(folder / "videos", tmp_path / "none")
    write_poses(tmp_path / "other", [pose_clip("somebody else")])
    with pytest.raises(StoreError, match="'somebody else', the videos are named like 'Subject 1"):
        PairedStore.open_pair(folder / "videos", tmp_path / "other")


def test_the_data_module_transforms_poses_points_and_frames(store):
    clips = batches(store)
    rows = np.arange(5)
    data = PairedDataModule(
        store,
        Split(rows, rows[:0], rows),
        clips,
        clips,
        normalise=[ConvertLayout(target="smarthome13"), Center(point="spine_mid")],
        augment=[FlipBoth(p=1.0), ModalityDropout(pose=0.5, video=0.5)],
        batch_size=5,
    )
    given = clips[request(rows, seed=7)]
    batch = data.transform(given, training=True)
    assert data.output_layout.num_joints == batch.joints.shape[3] == batch.points.shape[3] == 13
    mirrored = 1 - given.points[:, 0, :, 0, 0]
    torch.testing.assert_close(batch.points[:, 0, :, 0, 0], mirrored)
    assert torch.equal(batch.frames, given.frames.flip(3))
    again = data.transform(clips[request(rows, seed=7)], training=True)
    assert torch.equal(batch.present, again.present)
    assert torch.equal(data.transform(given, training=False).frames, given.frames)


def test_the_transforms_of_the_configuration_run(store):
    config = yaml.safe_load((config_dir() / "transform" / "fusion.yaml").read_text())
    steps = {part: [build(node) for node in nodes] for part, nodes in config.items()}
    clips, rows = batches(store), np.arange(5)
    data = PairedDataModule(store, Split(rows, rows[:0], rows), clips, clips, **steps)
    given = clips[request(rows, seed=7)]
    batch = data.transform(given, training=True)
    assert batch.joints.shape == given.joints.shape
    assert batch.joints.isfinite().all()
    assert not torch.equal(batch.frames, given.frames)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (RandomFlip(), r"RandomFlip flips the poses and not the frames: use .*FlipBoth"),
        (FlipVideo(), r"FlipVideo flips the frames and not the poses: use .*FlipBoth"),
        (TemporalReverse(), r"TemporalReverse moves the poses in time and not the frames"),
        (ConvertLayout(target="coco17"), r"put it into transform\.normalise"),
    ],
)
def test_transforms_that_would_part_poses_from_frames_are_refused(store, step, told):
    clips, split = batches(store), Split(*[np.arange(5)] * 3)
    with pytest.raises(ConfigError, match=told):
        PairedDataModule(store, split, clips, clips, augment=[step])


def test_modality_dropout_takes_one_of_two_and_never_the_last(store):
    batch = batches(store)[request([0, 5] * 200)]
    rng = torch.Generator().manual_seed(0)
    present = ModalityDropout(pose=0.3, video=0.2)(batch, LAYOUT, rng).present
    both, alone = present[::2], present[1::2]
    assert torch.equal(alone, torch.tensor([[False, True]]).expand(200, 2))
    assert present.any(1).all()
    assert 0.2 < (~both[:, 0]).float().mean() < 0.4
    assert 0.1 < (~both[:, 1]).float().mean() < 0.3
    assert not HideModality("video")(batch, LAYOUT, rng).present[:, 1].any()
    assert batch.present[:, 1].all()


def test_modality_transforms_check_what_they_are_given(store):
    with pytest.raises(ConfigError, match=r"pose=0.7 and video=0.6 are over 1 together"):
        ModalityDropout(pose=0.7, video=0.6)
    with pytest.raises(ConfigError, match="must be one of pose, video"):
        HideModality("sound")
    alone = batches(store)[request([0])]
    alone.present = None
    with pytest.raises(ConfigError, match="only from clips that have poses and frames"):
        HideModality("pose")(alone, KINECT, torch.Generator())
