"""Models of poses and video from files to run folder, tested without either, and as teachers."""

import numpy as np
import pytest
import torch
from run_helper import read_results

from har.benchmark.suite import load_suite
from har.config.compose import compose, from_plain, to_plain
from har.data.cards import load_card
from har.data.paired_store import PairedStore
from har.data.store import StoreDescription, write_store
from har.data.video_prepare import prepare_videos
from har.errors import CheckpointError, ConfigError
from har.evaluation.predictions import Predictions
from har.models.multimodal import only_present
from har.run import evaluate, train
from har.run.assemble import assemble
from har.run.checkpoints import CheckpointFiles, make_record, read_checkpoint
from har.run.starting import start_from
from har.samples import Clip, ClipRecord
from har.skeleton.layout import load_layout

av = pytest.importorskip("av", reason="needs har[video]")
pytest.importorskip("timm", reason="needs har[video]")
HEADER = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"
LAYOUT = load_layout("mediapipe33")
FRAMES = 20


def write_video(path, shade):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(FRAMES):
            frame = np.full((48, 64, 3), shade + 3 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def pose_clip(name, camera=True):
    rng = np.random.default_rng(len(name))
    joints = rng.normal(0, 0.3, (1, FRAMES, LAYOUT.num_joints, 3)).astype(np.float32)
    joints[..., 2] += 3
    known = {"focal_px": 55.0, "picture_width": 64.0, "picture_height": 48.0} if camera else {}
    record = ClipRecord(name, "poses", -1, FRAMES, 1, 10.0, "mediapipe33", conditions=known)
    return Clip(record, joints, np.ones(joints.shape[:3], np.float32))


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    raw, out = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("stores")
    names = []
    for subject in (1, 2, 3):
        place = raw / f"Subject {subject}"
        write_video(place / "ADL" / "01.mp4", 40 * subject)
        (place / "ADL.csv").write_text(
            HEADER + "01.mp4,02,Day,Shirt,Sits,Sitting[0 to 1]; Falling (BW)[1 to 2]\n"
        )
        names.append(f"Subject {subject}/ADL/01")
    prepare_videos(load_card("gmdcsa24"), raw, out / "gmdcsa24", {"short_edge": 32}, progress=False)
    about = StoreDescription("poses", "mediapipe33", "m", (), LAYOUT.num_joints, 3)
    write_store(out / "gmdcsa24_pose", about, [pose_clip(name) for name in names])
    write_store(out / "hips_pose", about, [pose_clip(name, camera=False) for name in names])
    return out


def make_config(stores, *overrides):
    return to_plain(
        compose(
            [
                "experiment=gmdcsa24_fusion",
                "model/backbone@model.video.backbone=tsn",
                "model.video.backbone.name=test_resnet",
                "model.pose.backbone.base_channels=8",
                "protocol.fold='1'",
                f"paths.store={stores}",
                "data.video.size=32",
                "data.batch_size=2",
                "data.repeat=1",
                "sampling.frames=4",
                "sampling.test.views=1",
                "trainer.max_epochs=1",
                "trainer.accelerator=cpu",
                "trainer.progress_bar=false",
                "evaluation.bootstrap=0",
                "evaluation.examples=0",
                *overrides,
            ]
        )
    )


@pytest.fixture(scope="module")
def fused(stores):
    return train(make_config(stores)).folder


def test_a_run_is_recorded_and_evaluated_again(fused, stores):
    results = read_results(fused)
    assert results["clips"] == 2
    assert results["taxonomy"]["falls"]["fall"]["true_positives"] in (0, 1)
    again = evaluate(fused / "checkpoints" / "last.ckpt").folder
    assert read_results(again)["nll"] == pytest.approx(results["nll"], rel=1e-5)


@pytest.mark.slow
def test_a_test_without_a_modality_sees_the_other_one(fused):
    ckpt = fused / "checkpoints" / "last.ckpt"
    whole = Predictions.read(fused / "predictions.parquet").probabilities
    for absent in ("pose", "video"):
        folder = evaluate(ckpt, absent=absent).folder
        assert folder.name == f"evaluation_without_{absent}"
        found = Predictions.read(folder / "predictions.parquet").probabilities
        assert np.isfinite(found).all()
        assert not np.allclose(found, whole, atol=1e-6)
    with pytest.raises(ConfigError, match="must be one of pose, video"):
        evaluate(ckpt, absent="sound")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["logits", "features"])
def test_a_fused_model_teaches_one_of_poses(fused, stores, kind):
    ckpt = fused / "checkpoints" / "last.ckpt"
    config = poses_alone(stores, f"distillation={kind}", f"distillation.checkpoint={ckpt}")
    folder = train(config).folder
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert not any("video" in name for name in state)
    assert evaluate(folder / "checkpoints" / "last.ckpt").results["clips"] == 2


def test_a_teacher_of_other_clips_is_refused(fused, stores):
    ckpt = fused / "checkpoints" / "last.ckpt"
    options = ("distillation=logits", f"distillation.checkpoint={ckpt}")
    with pytest.raises(CheckpointError, match=r"sampling\.frames=4, this run has 6"):
        train(poses_alone(stores, *options, "sampling.frames=6"))
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        train(poses_alone(stores, "distillation=logits", "distillation.checkpoint=none.ckpt"))


@pytest.mark.slow
def test_late_fusion_is_tuned_on_validation_clips(stores):
    options = ["model/fusion=late_tuned", "+protocol.validation={by: subject, count: 1}"]
    folder = train(make_config(stores, *options)).folder
    state = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert float(state["classifier.fusion.shares"].sum()) == pytest.approx(1)
    with pytest.raises(ConfigError, match="finds its weights on validation clips"):
        build(stores, "model/fusion=late_tuned")


def test_what_does_not_fit_is_told_at_once(stores):
    with pytest.raises(ConfigError) as caught:
        build(stores, "mixing=mixup", "stream=none", "data.poses.rate=0", "model/head=prototype")
    for told in ("mixing=none", "stream=joint", "data.poses.rate", "model/head=linear"):
        assert told in str(caught.value)
    with pytest.raises(ConfigError, match="that of the poses has to be posec3d, not STGCNPP"):
        build(stores, "model/fusion=lateral")
    with pytest.raises(ConfigError, match="ImageModel has none: choose a transformer"):
        build(stores, "model/fusion=pivit")
    with pytest.raises(ConfigError, match="extract them with coordinates=camera"):
        build(
            stores,
            "model/fusion=pivit",
            "model.video.backbone.name=test_vit",
            "model.video.backbone.shift=false",
            f"data.poses.store={stores}/hips_pose",
        )
    with pytest.raises(ConfigError, match="must take the parameter 'stream_channels'"):
        compose(["model/fusion=cross_attention"])


def test_poses_and_video_alone_see_the_same_clips(stores):
    videos = assemble_with(to_plain(compose(alone(stores, "model=video", "stream=none"))))
    poses = assemble_with(poses_alone(stores))
    assert isinstance(videos.store, PairedStore)
    rows = videos.split.test
    assert videos.store.index.clip_id[rows].tolist() == poses.store.index.clip_id[rows].tolist()
    batch = next(iter(poses.data.test_dataloader()))
    assert poses.module(poses.data.transform(batch, False)).shape == (2, 12)
    assert videos.module.eval()(videos.data.transform(batch, False)).shape == (2, 12)


@pytest.mark.slow
@pytest.mark.parametrize("method", load_suite("fusion").methods, ids=lambda method: method.name)
def test_the_methods_of_the_suite_fusion_can_be_built(stores, method):
    assert assemble_with(to_plain(compose(alone(stores, *method.overrides)))).module is not None


def alone(stores, *overrides):
    small = ("data.video.size=32", "data.batch_size=2", "data.repeat=1", "sampling.frames=4")
    return [
        *("experiment=gmdcsa24_fusion", "protocol.fold='1'", f"paths.store={stores}", *small),
        *("sampling.test.views=1", "trainer.max_epochs=1", "trainer.accelerator=cpu"),
        *("trainer.progress_bar=false", "evaluation.bootstrap=0", "evaluation.examples=0"),
        *overrides,
    ]


def poses_alone(stores, *overrides):
    return to_plain(compose(alone(stores, "model=gcn", "model/backbone=mlp", *overrides)))


def assemble_with(config):
    return assemble(config, make_record(config))


def build(stores, *overrides):
    return assemble_with(make_config(stores, *overrides))


@pytest.fixture(scope="module")
def trained_apart(stores, tmp_path_factory):
    """Return checkpoints of a model of poses and of one of video."""
    folder = tmp_path_factory.mktemp("apart")
    poses = ("model=gcn", "model/backbone=stgcnpp_small", "model.backbone.base_channels=8")
    video = ("model=video", "stream=none", "model/backbone=tsn", "model.backbone.name=test_resnet")
    written = []
    for name, overrides in (("poses", poses), ("video", video)):
        module = assemble_with(to_plain(compose(alone(stores, *overrides)))).module
        content = {"state_dict": module.state_dict(), "har": module.record}
        written.append(folder / f"{name}.ckpt")
        CheckpointFiles().save_checkpoint(content, written[-1])
    return written


def test_a_model_of_both_starts_from_models_of_either(stores, trained_apart, capsys):
    config = make_config(stores, "model/fusion=late")
    fused = assemble_with(config)
    outputs = fused.module.record["outputs"]
    fresh = start_from(fused.module, trained_apart, config["model"], outputs)
    assert {name.split(".")[1] for name in fresh} == {"absent", "fusion"}
    told = capsys.readouterr().out
    assert "training of the branch video starts from" in told
    assert "note" not in told
    batch = fused.data.transform(next(iter(fused.data.test_dataloader())), False)
    streams = {"joint": batch.joints}
    model = fused.module.eval().classifier
    clips = only_present(streams, batch.person_mask, batch.frames, batch.present)
    scores = model.readout_scores(clips)
    for path, name, inputs in zip(
        trained_apart,
        ("pose", "video"),
        ((streams, batch.person_mask), (batch.frames,)),
        strict=True,
    ):
        checkpoint = read_checkpoint(path)
        own = to_plain(from_plain(checkpoint["har"]["config"]))
        alone_model = assemble(own, checkpoint["har"]).module
        alone_model.load_state_dict(checkpoint["state_dict"])
        expected = alone_model.eval().classifier(*inputs)
        torch.testing.assert_close(scores[name], expected, atol=1e-5, rtol=1e-5)


def test_one_branch_may_start_alone(stores, trained_apart):
    config = make_config(stores)
    module = assemble_with(config).module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    fresh = start_from(module, trained_apart[0], config["model"])
    given = read_checkpoint(trained_apart[0])["state_dict"]
    for name, tensor in module.state_dict().items():
        expected = before[name] if name in fresh else given[name.replace(".pose.", ".")]
        assert torch.equal(tensor, expected)
    assert not any("pose.backbone" in name for name in fresh)


def test_checkpoints_that_cannot_start_a_model_of_both(stores, fused, trained_apart):
    config = make_config(stores, "model.pose.backbone.base_channels=16")
    module = assemble_with(config).module
    poses, video = trained_apart
    with pytest.raises(CheckpointError, match="of another backbone of the branch pose"):
        start_from(module, [poses, video], config["model"])
    with pytest.raises(ConfigError, match="second one for the same tensors"):
        start_from(module, [video, video], config["model"])
    with pytest.raises(ConfigError, match="give a checkpoint; for a model of poses and video"):
        start_from(module, 3, config["model"])
    config = make_config(stores)
    whole = fused / "checkpoints" / "last.ckpt"
    assert start_from(assemble_with(config).module, whole, config["model"]) == ()
