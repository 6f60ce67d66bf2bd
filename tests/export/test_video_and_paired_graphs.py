"""Graphs of video, and of poses and video: what the file says is what the model says."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "models"))
from fusion_helper import CLASSES, LAYOUT, STRATEGIES, make_classifier, make_inputs, video_backbone

from har.data.transforms import Center, Compose, ConvertLayout
from har.export.graph import Recipe
from har.export.onnx_file import kept_inputs, open_session, run_session, write_onnx
from har.export.paired import PairedClassifier
from har.export.video import FrameClassifier, named_ports
from har.models.heads import LinearHead
from har.models.temporal.average import GlobalAverage
from har.models.video.classifier import VideoClassifier
from har.skeleton.layout import load_layout

QUICK = ("early",)


def video_model(name="conv"):
    torch.manual_seed(0)
    backbone = video_backbone(name)
    head = LinearHead(backbone.out_channels, CLASSES, init_std=0.1)
    return VideoClassifier(backbone, GlobalAverage(backbone.out_channels), head).eval()


@pytest.mark.parametrize("shares", [None, torch.tensor([[1.0, 0]] * 2 + [[0, 1.0]] * 3)])
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.float16, 1e-3)])
def test_frames_go_in_as_they_are(tmp_path, shares, dtype, limit):
    model = video_model()
    graph = FrameClassifier(model, shares, dtype)
    labels = CLASSES if shares is None else shares.shape[1]
    frames = torch.randint(0, 256, (3, 4, 32, 32, 3)).to(torch.uint8)
    inputs, outputs = named_ports({"frames": frames}, labels)
    write_onnx(graph, [frames[:2]], inputs, outputs, tmp_path / "m.onnx")
    with torch.no_grad():
        expected = model(frames).softmax(1)
    expected = expected if shares is None else expected @ shares
    found = run_session(open_session(tmp_path / "m.onnx"), {"frames": frames.numpy()})[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=limit)


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in STRATEGIES]
)
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-5), (torch.float16, 1e-2)])
def test_every_fusion_of_poses_and_video(name, dtype, limit, tmp_path):
    model = make_classifier(name).eval()
    given = make_inputs()
    given["present"][1, 1] = False
    given["present"][2, 0] = False
    graph = PairedClassifier(model, Recipe(Compose(()), LAYOUT, ("joint",)), dtype=dtype)
    poses = given["streams"]["joint"]
    confidence = given["person_mask"][:, :, None, None].expand(poses.shape[:-1]).float()
    fed = {"poses": poses, "confidence": confidence.contiguous()}
    fed |= {"frames": given["frames"], "present": given["present"]}
    if graph.needs_points:
        fed["points"] = given["points"]
    found = run(graph, fed, tmp_path / "m.onnx")
    with torch.no_grad():
        expected = model(**given).softmax(1).numpy()
    np.testing.assert_allclose(found, expected, atol=limit)


def test_points_follow_the_joints_to_another_layout(tmp_path):
    source = load_layout("mediapipe33")
    normalise = Compose((ConvertLayout("coco17"), Center("spine_mid")))
    graph = PairedClassifier(make_classifier("pivit").eval(), Recipe(normalise, source, ("joint",)))
    given, rng = make_inputs(2), torch.Generator().manual_seed(1)
    shape = (2, 2, given["points"].shape[2], source.num_joints)
    fed = {"poses": torch.randn(*shape, 3, generator=rng), "confidence": torch.ones(shape)}
    fed |= {"frames": given["frames"], "present": given["present"]}
    fed["points"] = torch.rand(*shape, 2, generator=rng)
    with torch.no_grad():
        expected = graph(**fed).numpy()
    np.testing.assert_allclose(run(graph, fed, tmp_path / "m.onnx"), expected, atol=1e-5)


def test_the_outputs_of_several_datasets_are_read_as_labels_of_one(tmp_path):
    shares = torch.tensor([[1.0, 0]] * 2 + [[0, 1.0]] * 3)
    model, given = make_classifier("early").eval(), make_inputs()
    graph = PairedClassifier(model, Recipe(Compose(()), LAYOUT, ("joint",)), shares)
    poses = given["streams"]["joint"]
    confidence = given["person_mask"][:, :, None, None].expand(poses.shape[:-1]).float()
    fed = {"poses": poses, "confidence": confidence.contiguous()}
    fed |= {"frames": given["frames"], "present": given["present"]}
    with torch.no_grad():
        expected = model(**given).softmax(1) @ shares
    found = run(graph, fed, tmp_path / "m.onnx", labels=2)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def run(graph, fed, path, labels=CLASSES):
    inputs, outputs = named_ports(fed, labels)
    write_onnx(graph, [tensor[:2] for tensor in fed.values()], inputs, outputs, path)
    kept = {port.name for port in kept_inputs(path, inputs)}
    assert kept >= {"confidence", "frames", "present"}
    return run_session(open_session(path), {n: fed[n].numpy() for n in kept})[0]
