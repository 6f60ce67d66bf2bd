"""From video files to a store of small frames, and from it to batches."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from har.data.batches import BatchRequest
from har.data.cards import load_card
from har.data.combined_videos import CombinedVideos
from har.data.sampling import DenseSampler, UniformSampler
from har.data.splits import make_split
from har.data.video_batches import VideoBatches
from har.data.video_crops import ClipView, FullFrame, PersonCrop, SquareCrop, ThreeCrops
from har.data.video_features import FeatureBatches, FeatureMeta, VideoFeatures, feature_array
from har.data.video_prepare import kept_frames, prepare_videos, stored_size
from har.data.video_selection import SmartSelection
from har.data.video_store import VideoStore
from har.data.video_transforms import Albumentations, FlipVideo, VideoColour, VideoErase
from har.errors import ConfigError, StoreError

av = pytest.importorskip("av", reason="needs har[video]")
HEADER = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"
FPS, SECONDS = 30, 2


def write_video(path, shade):
    """Two seconds of 64x96 pixels: dark at first, then a bright square that moves right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(FPS * SECONDS):
            frame = np.full((64, 96, 3), shade, np.uint8)
            if number >= FPS:
                frame[16:48, number - FPS : number - FPS + 32] = 250
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    for subject in (1, 2):
        for kind in ("ADL", "Fall"):
            write_video(folder / f"Subject {subject}" / kind / "01.mp4", 20 * subject)
    for subject in (1, 2):
        place = folder / f"Subject {subject}"
        (place / "ADL.csv").write_text(
            HEADER + "01.mp4,02,Day,Shirt,Sits,Sitting[0 to 1]; Walking[1 to 2.5]\n"
        )
        (place / "Fall.csv").write_text(HEADER + "01.mp4,02,Day,Shirt,Falls,Falling (BW)[1 to 2]\n")
    (folder / "Subject 2" / "Fall" / "02.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def store_path(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("stores") / "gmdcsa24"
    report = prepare_videos(load_card("gmdcsa24"), raw, out, {"short_edge": 32}, progress=False)
    assert (report.clip_count, report.skipped_count) == (4, 1)
    return out


@pytest.fixture
def store(store_path):
    return VideoStore.open(store_path, unit="segment", verify=True)


def test_store_has_small_frames_at_a_steady_rate(store_path):
    store = VideoStore.open(store_path)
    frames = store.frames(0)
    assert frames.shape == (30, 32, 48, 3)
    assert store.index.fps.tolist() == [15.0] * 4
    assert frames[:14].max() < 60 < 200 < frames[-1].max()
    assert "02.mp4,is no readable video" in (store_path / "skipped.csv").read_text()


def test_several_stores_are_read_as_one(store):
    both = CombinedVideos({"first": store, "second": store})
    rows = len(store.index)
    assert len(both.index) == 2 * rows
    assert both.index.recording[rows] == f"second/{store.index.recording[0]}"
    assert both.index.label[rows] == store.index.label[0] + len(store.labels)
    np.testing.assert_array_equal(both.frames(rows + 1), store.frames(1))
    clips = VideoBatches(
        pickle.loads(pickle.dumps(both)), UniformSampler(2), FullFrame(), 32, False
    )
    batch = clips[BatchRequest(np.array([1, rows + 1]), slice(None), 0)]
    assert torch.equal(batch.frames[0], batch.frames[1])
    with pytest.raises(StoreError, match=r"has videos and poses: poses \(.*\) holds poses"):
        CombinedVideos({"videos": store, "poses": SimpleNamespace(origin="somewhere")})


def test_segments_point_into_their_recordings(store):
    assert store.index.frame_count.tolist() == [15, 15, 15] * 2
    labels = [store.labels[label] for label in store.index.label[:3]]
    assert labels == ["Sitting", "Walking", "Falling (BW)"]
    assert store.frames(0).max() < 60 < 200 < store.frames(1).max()
    assert sorted(set(store.index.subject.tolist())) == ["1", "2"]


def test_leave_one_subject_out(store):
    protocol = load_card("gmdcsa24").protocol("leave_one_subject_out")
    split = make_split(store.index, protocol, fold="2")
    assert split.train.tolist() == [0, 1, 2]
    assert split.test.tolist() == [3, 4, 5]


def test_preparing_again_does_nothing_and_force_gives_the_same(raw, store_path, tmp_path):
    card = load_card("gmdcsa24")
    again = prepare_videos(card, raw, store_path, {"short_edge": 32}, progress=False)
    assert again.already_prepared
    other = tmp_path / "other"
    prepare_videos(card, raw, other, {"short_edge": 32}, progress=False)
    assert VideoStore.open(other).fingerprint == VideoStore.open(store_path).fingerprint


def test_a_stopped_preparation_goes_on(raw, tmp_path, monkeypatch):
    from har.data import video_prepare

    card, out = load_card("gmdcsa24"), tmp_path / "store"
    whole, written = video_prepare._write_frames, []

    def stop_at_third(video, kept, target):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(target.name)
        whole(video, kept, target)

    monkeypatch.setattr(video_prepare, "_write_frames", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        prepare_videos(card, raw, out, {}, progress=False)
    assert not out.exists()
    written.clear()
    monkeypatch.setattr(
        video_prepare, "_write_frames", lambda *a: (written.append(a[2].name), whole(*a))
    )
    assert prepare_videos(card, raw, out, {}, progress=False).clip_count == 4
    assert written == ["000002.npy", "000003.npy"]


def test_wrong_options_and_folders(raw, tmp_path):
    card = load_card("gmdcsa24")
    with pytest.raises(ConfigError, match=r"no such option\. Did you mean 'short_edge'"):
        prepare_videos(card, raw, tmp_path / "a", {"short_edg": 3})
    with pytest.raises(ConfigError, match="raw=<folder or archive> is missing"):
        prepare_videos(card, None, tmp_path / "a", {})
    with pytest.raises(StoreError, match="does not exist"):
        prepare_videos(card, tmp_path / "none", tmp_path / "a", {})


def test_kept_frames_are_the_nearest_in_time():
    times = np.array([0.0, 0.03, 0.1, 0.14, 0.2, 0.5])
    assert kept_frames(times, 10).tolist() == [0, 2, 4, 4, 5, 5]
    assert kept_frames(times, 0).tolist() == [0, 1, 2, 3, 4, 5]
    assert kept_frames(np.zeros(1), 15).tolist() == [0]
    assert stored_size(720, 1280, 128) == (128, 228)
    assert stored_size(100, 60, 128) == (100, 60)


def request(rows, seed=0, share=slice(None)):
    return BatchRequest(np.array(rows), share, seed)


def test_batches_are_reproducible_and_have_the_models_size(store):
    clips = VideoBatches(store, UniformSampler(4), SquareCrop(0.5, 0.9), 24, training=True)
    batch, same, other = (clips[request([0, 4], seed)] for seed in (3, 3, 4))
    assert batch.frames.shape == (2, 4, 24, 24, 3)
    assert batch.frames.dtype == torch.uint8
    assert (len(batch), batch.labels.tolist()) == (2, [0, 2])
    assert torch.equal(batch.frames, same.frames)
    assert not torch.equal(batch.frames, other.frames)


def test_shares_of_processes_join_to_the_whole_batch(store):
    clips = VideoBatches(store, UniformSampler(4), SquareCrop(0.5, 0.9), 24, training=True)
    whole = clips[request([0, 1, 4, 5], 7)]
    for share in range(2):
        part = clips[request([0, 1, 4, 5], 7, slice(share, None, 2))]
        assert torch.equal(part.frames, whole.frames[share::2])


def test_views_of_a_clip_lie_together(store):
    clips = VideoBatches(store, DenseSampler(4, views=3), FullFrame(), 16, training=False)
    batch = clips[request([1, 2])]
    assert (len(batch), batch.views) == (6, 3)
    assert batch.clip_index.tolist() == [1, 1, 1, 2, 2, 2]
    assert torch.equal(batch.frames[0], clips[request([1])].frames[0])


def test_three_crops_are_three_views(store):
    clips = VideoBatches(store, DenseSampler(4, views=2), ThreeCrops(), 16, training=False)
    batch = clips[request([1, 2])]
    assert (len(batch), batch.views) == (12, 6)
    middle = VideoBatches(store, DenseSampler(4, views=2), SquareCrop(), 16, training=False)
    assert torch.equal(batch.frames[1], middle[request([1])].frames[0])
    assert ThreeCrops().parts[2](VIEW, None) == (0, 100, 100, 100)


VIEW = ClipView(height=100, width=200, recording="a", start_sec=0, end_sec=2)


def test_crops_lie_in_the_picture():
    rng = np.random.default_rng(0)
    assert SquareCrop()(VIEW, None) == (0, 50, 100, 100)
    for _ in range(50):
        top, left, height, width = SquareCrop(0.3)(VIEW, rng)
        assert height == width <= 100
        assert 0 <= top <= 100 - height
        assert 0 <= left <= 200 - width
    with pytest.raises(ConfigError, match="must satisfy"):
        SquareCrop(0.9, 0.5)


def test_person_crop_holds_the_person_during_the_clip(tmp_path):
    table = tmp_path / "tracks.csv"
    table.write_text(
        "recording,time_sec,left,top,right,bottom\n"
        "a,0.5,0.40,0.2,0.45,0.6\na,1.5,0.50,0.3,0.55,0.7\na,9,0,0,1,1\n"
    )
    crop = PersonCrop(str(table), margin=0.0)
    top, left, height, width = crop(VIEW, None)
    assert top <= 20 < 70 <= top + height
    assert left <= 80 < 110 <= left + width
    assert height < 60
    late = ClipView(100, 200, "a", 3, 4)
    unknown = ClipView(100, 200, "b", 0, 2)
    assert crop(late, None) == crop(unknown, None) == (0, 0, 100, 200)
    with pytest.raises(ConfigError, match="is no table with the columns"):
        PersonCrop(str(tmp_path / "none.csv"))(VIEW, None)


def make_batch(store):
    clips = VideoBatches(store, UniformSampler(3), FullFrame(), 16, training=False)
    return clips[request([1, 2, 4])]


@pytest.mark.parametrize("transform", [FlipVideo(1.0), VideoColour(0.5, 0.5, 0.5), VideoErase(1.0)])
def test_transforms_change_every_frame_of_a_clip_alike(store, transform):
    batch = make_batch(store)
    still = batch.frames[:, :1].expand(-1, 3, -1, -1, -1).contiguous()
    batch.frames = still.clone()
    changed = transform(batch, torch.Generator().manual_seed(1)).frames
    assert torch.equal(batch.frames, still)
    assert changed.shape == still.shape
    assert changed.dtype == torch.uint8
    assert not torch.equal(changed, still)
    assert torch.equal(changed[:, 0], changed[:, 2])


def test_albumentations_are_equal_over_the_frames_and_reproducible():
    pytest.importorskip("albumentations", reason="needs har[video]")
    frames = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8).repeat(4, 0)
    augment = Albumentations({"RandomBrightnessContrast": {"p": 1.0}, "HorizontalFlip": {"p": 0.5}})
    changed = augment(frames, 5)
    assert (changed == changed[:1]).all()
    assert not np.array_equal(changed, frames)
    np.testing.assert_array_equal(changed, augment(frames, 5))
    with pytest.raises(ConfigError, match=r"has no transform .HorizontalFlop.\. Did you mean"):
        Albumentations({"HorizontalFlop": {}})


def test_smart_selection_keeps_frames_in_order_and_learns_the_same_again(store):
    choose = SmartSelection(oversample=3).learn(store, np.arange(3))
    chosen = choose(4, np.arange(15))
    assert len(chosen) == 5
    assert (np.diff(chosen) > 0).all()
    again = SmartSelection(oversample=3).learn(store, np.arange(3))
    np.testing.assert_array_equal(again(4, np.arange(15)), chosen)
    clips = VideoBatches(store, UniformSampler(12), FullFrame(), 16, False, choose=choose)
    assert clips[request([1])].frames.shape[1] == 4


def test_features_are_read_for_their_own_clips_only(store, store_path, tmp_path):
    meta = FeatureMeta(store.fingerprint, store.unit, 3, {})
    with feature_array(tmp_path, (6, 2, 1, 4, 3), meta) as array:
        array[:] = np.arange(6)[:, None, None, None, None]
    features = VideoFeatures.open(tmp_path, store)
    tested = FeatureBatches(store, features, training=False)[request([2, 5])]
    assert tested.frames.shape == (4, 1, 4, 3)
    assert tested.frames[:, 0, 0, 0].tolist() == [2, 2, 5, 5]
    assert FeatureBatches(store, features, training=True)[request([2, 5])].views == 1
    with pytest.raises(StoreError, match="features of other clips"):
        VideoFeatures.open(tmp_path, VideoStore.open(store_path))
    with pytest.raises(StoreError, match="Make them with: har features"):
        VideoFeatures.open(tmp_path / "none", store)
