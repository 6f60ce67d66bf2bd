"""Models that are told how sure the pose estimator is of each joint."""

import pytest
import torch
from models_helper import random_joints
from torch import Tensor, nn

from har.config.compose import compose_unchecked, to_plain
from har.errors import ConfigError
from har.export.graph import masked
from har.export.onnx_file import ExportError
from har.export.stepwise.model import StepClassifier
from har.models.classifier import SkeletonClassifier
from har.models.confidence import weigh_by_confidence
from har.models.fusion.early import EarlyFusion
from har.models.skeleton.skateformer import SkateFormer
from har.run.assemble import build_classifier
from har.skeleton.layout import load_layout

LAYOUT = load_layout("ntu25")
BOTH = ("joint", "confidence")
CLOSE = {"atol": 1e-6, "rtol": 0}


def model(
    *overrides: str, streams: tuple[str, ...] = ("joint", "confidence")
) -> SkeletonClassifier:
    config = to_plain(compose_unchecked(["data=nwucla", "model/backbone=mlp", *overrides]))
    torch.manual_seed(0)
    built = build_classifier(config["model"], LAYOUT, 3, streams, num_classes=4)
    assert isinstance(built, SkeletonClassifier)
    return built.eval()


def clips() -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    joints = random_joints(3)
    confidence = torch.rand(*joints.shape[:-1], 1, generator=torch.Generator().manual_seed(1))
    confidence[2, 1] = 0
    mask = torch.tensor([[True, True], [True, False], [True, True]])
    return {"joint": joints, "confidence": confidence}, mask


@torch.no_grad()
def test_the_mean_of_weighed_features_is_the_weighted_mean() -> None:
    features, confidence = torch.randn(2, 6, 5, 3), torch.rand(2, 6, 5, 1)
    expected = (features * confidence).sum((1, 2)) / confidence.sum((1, 2))
    found = weigh_by_confidence(features, confidence).mean((1, 2))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_fewer_cells_take_the_confidence_they_cover() -> None:
    confidence = torch.zeros(1, 8, 5, 1)
    confidence[:, 4:] = 1
    weighed = weigh_by_confidence(torch.ones(1, 2, 1, 3), confidence)
    torch.testing.assert_close(weighed[0, :, 0, 0], torch.tensor([0.0, 2.0]), **CLOSE)


@torch.no_grad()
def test_even_and_no_confidence_leave_the_features() -> None:
    features = torch.randn(2, 4, 5, 3)
    for value in (0.0, 0.3, 1.0):
        weighed = weigh_by_confidence(features, torch.full((2, 8, 5, 1), value))
        torch.testing.assert_close(weighed, features, **CLOSE)


@torch.no_grad()
def test_without_the_stream_nothing_changes() -> None:
    streams, mask = clips()
    plain = model(streams=("joint",))
    assert plain.joint_confidence == "channel"
    assert torch.equal(plain(streams, mask), plain({"joint": streams["joint"]}, mask))


@torch.no_grad()
def test_as_a_channel_it_is_one_more_input() -> None:
    streams, mask = clips()
    told = model()
    assert told.fusion.out_channels == 4
    without = streams | {"confidence": torch.ones_like(streams["confidence"])}
    assert not torch.allclose(told(streams, mask), told(without, mask))


@torch.no_grad()
@pytest.mark.parametrize("backbone", ["gru", "stgcnpp_small"])
def test_as_a_weight_it_keeps_the_parameters_and_exports(backbone: str) -> None:
    streams, mask = clips()
    words = (f"model/backbone={backbone}", "model.joint_confidence=weight")
    weighed, plain = model(*words), model(words[0], streams=("joint",))
    plain.load_state_dict(weighed.state_dict())
    even = streams | {"confidence": torch.ones_like(streams["confidence"])}
    torch.testing.assert_close(weighed(even, mask), plain(streams, mask), **CLOSE)
    assert not torch.allclose(weighed(streams, mask), plain(streams, mask))
    torch.testing.assert_close(masked(weighed)(streams, mask), weighed(streams, mask), **CLOSE)


@torch.no_grad()
def test_the_weights_follow_a_backbone_that_sorts_the_joints() -> None:
    layout = load_layout("kinect20")
    sizes = {"channels": (16, 16), "depths": (1, 1), "heads": 8, "window": 4}
    backbone = SkateFormer(layout, frames=8, **sizes).eval()  # type: ignore[arg-type]
    assert len(backbone.out_joints) == layout.num_joints
    seen = torch.ones(1, 1, 8, layout.num_joints, 1)
    seen[:, :, :, layout.index("left_knee")] = 0
    parts = EarlyFusion({"joint": 3}), backbone, nn.Identity(), nn.Identity()
    weighed = SkeletonClassifier(*parts, joint_confidence="weight")
    maps: list[Tensor] = []
    weighed.temporal.register_forward_pre_hook(lambda _, args: maps.append(args[0]))
    weighed.temporal.register_forward_hook(lambda _, args, out: out.mean((1, 2)))
    streams = {"joint": random_joints(1, people=1, frames=8, joints=20), "confidence": seen}
    mask = torch.ones(1, 1, dtype=torch.bool)
    expected = weighed(streams, mask)
    unseen = (maps[0] == 0).all(-1).all(1)[0]
    assert torch.equal(unseen, backbone.out_joints == layout.index("left_knee"))
    torch.testing.assert_close(masked(weighed)(streams, mask), expected, **CLOSE)


@pytest.mark.parametrize("streams", [("joint",), ("confidence",)])
def test_a_weight_needs_the_stream_and_another_one(streams: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"stream\.names=.*list the stream 'confidence' and"):
        model("model.joint_confidence=weight", streams=streams)


def test_steps_cannot_weigh() -> None:
    weighed = model("model/backbone=stgcnpp_small", "model.joint_confidence=weight")
    with pytest.raises(ExportError, match="joint_confidence=weight has no step-wise form"):
        StepClassifier(weighed, None, 3, 32)  # type: ignore[arg-type]
