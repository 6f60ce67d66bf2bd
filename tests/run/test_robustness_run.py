"""The robustness benchmark on a tiny finished run."""

import csv
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from run_helper import make_config

from har.cli import main
from har.cli.robustness import parse_arguments
from har.data.cards import load_card
from har.data.corrupted import CorruptedClips, CorruptedVideos, corrupted, whole_clip
from har.data.store_writer import write_store
from har.data.video_store import VideoStore, frames_file
from har.errors import ConfigError, HarError
from har.evaluation.predictions import Predictions
from har.quality.corruptions import POSE_CORRUPTIONS, pose_corruption
from har.record import read_json
from har.run.assemble import open_store
from har.run.robustness.methods import Benchmark, robustness
from har.samples import Clip

SMALL = Benchmark(("joint_jitter", "person_swap", "frame_dropout"), (1, 5), bootstrap=20, clips=12)


@pytest.fixture(scope="module")
def checkpoint(finished) -> Path:
    return finished.folder / "checkpoints/best.ckpt"


@pytest.fixture(scope="module")
def done(checkpoint, tmp_path_factory) -> Path:
    """Return the folder of a finished benchmark of two methods, which are the same checkpoint."""
    folder = tmp_path_factory.mktemp("robustness")
    robustness([checkpoint, checkpoint], ("one", "two"), out=folder, benchmark=SMALL)
    return folder


@pytest.fixture
def store():
    return open_store(load_card("synthetic_home"), make_config()["data"])


def test_it_leaves_tables_and_pictures(done):
    content = read_json(done / "robustness.json")
    summary = content["datasets"]["synthetic_home"]
    assert summary["clips"] == 12
    assert summary["methods"].keys() == {"one", "two"}
    one = summary["methods"]["one"]
    assert one["by_corruption"].keys() >= {"joint_jitter", "frame_dropout"}
    assert one["filters"].keys() == {"default", "strict"}
    assert "yaw_deg" in one["by_condition"]
    assert content["corruptions"]["joint_jitter"]["levels"]["5"] == 0.12
    assert content["corruptions"].keys() == {"joint_jitter", "person_swap", "frame_dropout"}
    assert content["provenance"]["packages"]["torch"]
    for name in ("robustness.png", "coverage.png", "robustness.parquet"):
        assert (done / name).stat().st_size > 0
    with (done / "robustness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["corruption"] for row in rows} >= {"clean", "joint_jitter", "frame_dropout"}


def test_equal_checkpoints_see_equal_clips(done):
    summary = read_json(done / "robustness.json")["datasets"]["synthetic_home"]
    one, two = summary["methods"].values()
    assert one == two
    assert two["mean_corruption_error"] == 1


def test_clean_clips_are_those_of_the_run(done, finished):
    ours = Predictions.read(done / "predictions/one/synthetic_home/clean_0.parquet")
    run = Predictions.read(finished.folder / "predictions.parquet")
    rows = np.flatnonzero(np.isin(run.clip_ids, ours.clip_ids))
    assert len(rows) == 12
    np.testing.assert_allclose(ours.probabilities, run.probabilities[rows], atol=1e-5)


def test_a_stopped_benchmark_goes_on_with_what_is_there(done, checkpoint, tmp_path):
    folder = shutil.copytree(done, tmp_path / "again")
    kept = folder / "predictions/one/synthetic_home/joint_jitter_5.parquet"
    lost = folder / "predictions/one/synthetic_home/joint_jitter_1.parquet"
    before = lost.read_bytes()
    lost.unlink()
    written = kept.stat().st_mtime_ns
    robustness([checkpoint], ("one",), out=folder, benchmark=SMALL)
    assert kept.stat().st_mtime_ns == written
    assert lost.read_bytes() == before


def test_predictions_of_another_benchmark_are_refused(done, checkpoint):
    with pytest.raises(HarError, match="was made with another seed"):
        robustness([checkpoint], ("one",), out=done, benchmark=replace(SMALL, seed=1))


def test_measures_of_corrupted_clips_are_kept(done):
    table = pq.read_table(done / "clips/synthetic_home/joint_jitter_5.parquet").to_pydict()
    clean = pq.read_table(done / "clips/synthetic_home/clean_0.parquet").to_pydict()
    assert all(table["changed"])
    assert not any(clean["changed"])
    assert np.nanmedian(table["jitter"]) > 2 * np.nanmedian(clean["jitter"])


def test_names_tell_methods_apart(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match=r"same name .* give names="):
        robustness([checkpoint, checkpoint], out=tmp_path)
    with pytest.raises(ConfigError, match="2 checkpoints and 1 names"):
        robustness([checkpoint, checkpoint], ("one",), out=tmp_path)
    with pytest.raises(ConfigError, match="baseline=on is none of the methods"):
        robustness([checkpoint], ("one",), baseline="on", out=tmp_path)


def test_the_outputs_lie_in_the_run_folder_by_default(checkpoint, finished):
    content = robustness([checkpoint], benchmark=Benchmark(("scale",), (3,), bootstrap=0, clips=4))
    assert (finished.folder / "robustness/robustness.json").exists()
    assert content["datasets"]["synthetic_home"]["methods"].keys() == {"finished"}


@pytest.mark.slow
def test_one_frame_and_nobody_at_all(checkpoint, store, tmp_path):
    """Clips of one frame, and clips in which nobody is seen, are tested like all others."""

    def shorter(row: int) -> Clip:
        clip = store.clip(row)
        joints, confidence = clip.joints[:, :1].copy(), clip.confidence[:, :1].copy()
        if row % 2:
            joints[:], confidence[:] = 0, 0
        return Clip(replace(clip.record, frame_count=1), joints, confidence)

    clips = (shorter(row) for row in range(len(store)))
    write_store(tmp_path / "short", store.meta.description, clips)
    everything = Benchmark((), (5,), bootstrap=10, clips=6)
    content = robustness(
        [checkpoint],
        out=tmp_path / "out",
        benchmark=everything,
        store=tmp_path / "short",
        any_data=True,
    )
    (found,) = content["datasets"]["synthetic_home"]["methods"].values()
    assert all(0 <= own["mean_top1"] <= 1 for own in found["by_corruption"].values())


@pytest.mark.parametrize("name", sorted(POSE_CORRUPTIONS))
def test_a_clip_is_corrupted_the_same_in_any_batch(store, name):
    clips = CorruptedClips(store, pose_corruption(name, 4), seed=3)
    counts = store.index.frame_count[:4]
    positions = np.stack([np.linspace(0, count - 1, 7) for count in counts])[:, None]
    together = clips.gather(np.arange(4), positions, 2)
    for row in range(4):
        alone = clips.gather(np.array([row]), positions[row : row + 1], 2)
        for one, other in zip(alone, together, strict=True):
            assert np.array_equal(one[0], other[row])


def test_without_a_corruption_clips_are_as_recorded(store):
    clips = CorruptedClips(store, None)
    positions = np.linspace(0, 20.5, 9)[None, None].repeat(3, axis=0)
    rows = np.array([5, 0, 7])
    for own, recorded in zip(
        clips.gather(rows, positions, 2), store.gather(rows, positions, 2), strict=True
    ):
        assert np.array_equal(own, recorded)
    assert torch.equal(clips.corrupted(5, 2).joints, whole_clip(store, 5, 2).joints)
    assert (clips.labels, clips.layout, clips.fingerprint) == (
        store.labels,
        store.layout,
        store.fingerprint,
    )


def test_videos_are_corrupted_as_a_whole_and_in_workers_too(store, tmp_path):
    folder = shutil.copytree(store.path, tmp_path / "videos")
    (folder / "frames").mkdir()
    rng = np.random.default_rng(0)
    for row in range(3):
        shape = (int(store.index.frame_count[row]), 24, 32, 3)
        np.save(folder / frames_file(row), rng.integers(256, size=shape, dtype=np.uint8))
    videos = VideoStore.open(folder)
    dark = corrupted(videos, "low_light", 4, seed=0)
    assert isinstance(dark, CorruptedVideos)
    assert dark.frames(1).shape == videos.frames(1).shape
    assert dark.frames(1).mean() < 0.6 * videos.frames(1).mean()
    copy = pickle.loads(pickle.dumps(dark))
    assert np.array_equal(copy.frames(1), dark.frames(1))
    assert not np.array_equal(dark.frames(1), corrupted(videos, "low_light", 4, seed=1).frames(1))
    recorded = corrupted(videos, None, 0, seed=0)
    assert np.array_equal(recorded.frames(2), videos.frames(2))


def test_corruptions_of_video_do_not_fit_poses(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match="none of the corruptions h264 can be applied to"):
        robustness([checkpoint], out=tmp_path, benchmark=Benchmark(("h264",)))


def test_arguments_are_read_and_mistakes_told():
    found = parse_arguments(["ckpt=[a,b]", "names=[x,y]", "severities=[5,1]", "clips=3"])
    assert found == {
        "ckpts": [Path("a"), Path("b")],
        "names": ["x", "y"],
        "severities": [1, 5],
        "clips": 3,
    }
    with pytest.raises(ConfigError) as told:
        parse_arguments(["severities=[0]", "corruptions=[jiter]", "name=x"])
    for part in (
        "numbers from 1 to 5",
        "no corruption 'jiter'",
        "Did you mean 'names'",
        "ckpt=",
    ):
        assert part in str(told.value)


def test_the_verb_lists_what_there_is(capsys):
    assert main(["robustness", "list=true"]) == 0
    printed = capsys.readouterr().out
    assert "joint_jitter" in printed
    assert "h264" in printed
