"""What every video backbone has to do: the small ones always, the large with the slow tests."""

import importlib

import pytest
import torch

from har.config.build import build
from har.config.compose import compose, config_dir, to_plain
from har.errors import CheckpointError, ConfigError
from har.models.heads import LinearHead
from har.models.temporal.attention import AttentionPooling
from har.models.temporal.average import GlobalAverage
from har.models.video.classifier import VideoClassifier
from har.models.video.image_models import ImageModel, TemporalShift
from har.models.video.precomputed import PrecomputedFeatures

CLASSES = 5
SMALL = {"x3d_xs", "tsn", "tsm", "videomae", "vjepa2"}
FIXED_SIZE = {"mvit_v1_b": (16, 224), "mvit_v2_s": (16, 224)}
TINY_TRANSFORMER = ("hidden_channels=24", "layers=1", "heads=2")


def video_backbones() -> list[str]:
    folder = config_dir() / "model" / "backbone"
    return sorted(
        path.stem for path in folder.glob("*.yaml") if "har.models.video." in path.read_text()
    )


def make_backbone(name: str):
    """Return the backbone with frames and size of the clips it takes."""
    frames, size = FIXED_SIZE.get(name, (8, 64))
    changes = [f"sampling.frames={frames}", f"data.video.size={size}"]
    if name in ("videomae", "vjepa2"):
        changes += [f"model.backbone.{change}" for change in TINY_TRANSFORMER]
    config = compose(["experiment=gmdcsa24_video", f"model/backbone={name}", *changes])
    return build(to_plain(config)["model"]["backbone"]), frames, size


def needs(*modules: str) -> None:
    for module in modules:
        pytest.importorskip(module, reason="needs har[video]")


@pytest.fixture
def deps(request):
    needs("torchvision", "pytorchvideo", "timm")
    if "name" in request.fixturenames and request.getfixturevalue("name") in ("videomae", "vjepa2"):
        needs("transformers")


def test_there_are_all_families():
    assert len(video_backbones()) >= 20
    assert set(video_backbones()) >= SMALL


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in SMALL else pytest.mark.slow) for n in video_backbones()],
)
def test_backbone_contract(deps, name):
    torch.manual_seed(0)
    backbone, frames, size = make_backbone(name)
    clips = torch.randint(0, 256, (2, frames, size, size, 3), dtype=torch.uint8)
    model = VideoClassifier(
        backbone, GlobalAverage(backbone.out_channels), LinearHead(backbone.out_channels, CLASSES)
    )
    logits = model(clips)
    assert logits.shape == (2, CLASSES)
    logits.logsumexp(1).sum().backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert [n for n in without if "mask_token" not in n and "predictor" not in n] == []
    model.eval()
    with torch.no_grad():
        features = model.feature_map(clips)
        assert features.ndim == 4
        assert features.shape[-1] == backbone.out_channels
        alone = model(clips[1:])
        torch.testing.assert_close(model(clips)[1:], alone, rtol=1e-3, atol=1e-4)


def test_shift_moves_channels_between_neighbouring_frames_of_one_clip():
    shift = TemporalShift(torch.nn.Identity(), share=4)
    shift.frames = 3
    x = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 4, 1, 1) + 1
    moved = shift(x).flatten(1)
    assert moved[:, 0].tolist() == [2, 3, 0, 5, 6, 0]
    assert moved[:, 1].tolist() == [0, 1, 2, 0, 4, 5]
    assert moved[:, 2].tolist() == [1, 2, 3, 4, 5, 6]


def test_frozen_backbone_neither_learns_nor_moves_its_statistics(deps):
    backbone = ImageModel("resnet18")
    model = VideoClassifier(backbone, GlobalAverage(512), LinearHead(512, 2), frozen=True).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    model(torch.randint(0, 256, (2, 2, 32, 32, 3), dtype=torch.uint8)).sum().backward()
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert model.head.linear.weight.grad is not None
    after = backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_features_given_take_the_place_of_the_backbone():
    model = VideoClassifier(
        PrecomputedFeatures(8), AttentionPooling(8, 4, 2, over_joints=True), LinearHead(8, 3)
    )
    assert model(torch.randn(2, 1, 4, 8, dtype=torch.float16)).shape == (2, 3)


def test_weights_from_a_file_are_those_of_the_model(deps, tmp_path):
    source = ImageModel("resnet18")
    timm = importlib.import_module("timm")
    whole = timm.create_model("resnet18", pretrained=False)
    torch.save({"state_dict": whole.state_dict()}, tmp_path / "weights.pth")
    loaded = ImageModel("resnet18", weights=str(tmp_path / "weights.pth"))
    assert torch.equal(loaded.net.conv1.weight, whole.conv1.weight)
    assert not torch.equal(source.net.conv1.weight, whole.conv1.weight)


def test_missing_damaged_and_foreign_weights_are_told(deps, tmp_path):
    with pytest.raises(CheckpointError, match=r"no weights .*none\.pth. Nothing is downloaded"):
        ImageModel("resnet18", weights=str(tmp_path / "none.pth"))
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        ImageModel("resnet18", weights=str(tmp_path / "bad.pth"))
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"is of another model: \d+ tensors differ"):
        ImageModel("resnet18", weights=str(tmp_path / "other.pth"))


def test_weights_in_the_cache_are_named_where_they_are_missing(deps, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    node = to_plain(compose(["experiment=gmdcsa24_video", "model/backbone=x3d_xs"]))["model"]
    with pytest.raises(CheckpointError, match=r"X3D_XS\.pyth"):
        build({**node["backbone"], "weights": "cache"})


def test_models_that_do_not_exist_are_told(deps):
    with pytest.raises(ConfigError, match=r"no model 'resnet81'. Did you mean"):
        ImageModel("resnet81")
    with pytest.raises(ConfigError, match="no residual blocks to shift in"):
        ImageModel("vit_tiny_patch16_224", shift=True)
