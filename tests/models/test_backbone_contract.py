"""What every backbone of ``configs/model/backbone`` has to do; new files are found by themselves.

``backbone_parameters.json`` records the size of each backbone, so that no change of code changes a
model unseen. After adding or changing one on purpose, write it anew:

    python tests/models/test_backbone_contract.py

Of several configurations of one module, the smallest is tested always and the others with the slow
tests: they run the same code.
"""

import inspect
import json
import re
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from operations_helper import Operations
from torch import Tensor, nn

from har.cli.models import (
    Setting,
    backbone_names,
    backbone_node,
    build_backbone,
    inputs,
    markdown_table,
    read_paper,
    setting,
)
from har.config.targets import find_target
from har.errors import ConfigError
from har.models.classifier import SkeletonClassifier
from har.models.cost import parameter_count
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.temporal.average import GlobalAverage
from har.paths import project_root
from har.skeleton.layout import list_layouts, load_layout

TABLE = Path(__file__).with_name("backbone_parameters.json")
CLASSES = 7
FRAMES, OTHER_FRAMES = 8, 5
STATISTICS_PEOPLE = 4
FEW_LAYOUTS = ("ntu25", "coco17", "kinect20")
CHEAP_PARAMETERS = 1_000_000
COORDINATES_ONLY = {"posec3d"}
"""Backbones that draw a pose, and refuse more channels than its coordinates."""
SUMS_IN_FLOAT32 = {"act", "ctrgcn", "dstformer", "mamp", "skateformer", "transformer"}
"""Modules that under autocast add up tokens in float32, as usual for transformers, or graphs."""
WITHOUT_A_REPEATABLE_GRADIENT = re.compile(
    "(max|avg)_pool3d|adaptive_|fractional_|upsample|reflection_pad|replication_pad|median|histc"
)
"""Operations that PyTorch refuses to differentiate on a GPU with ``trainer.deterministic=true``."""
NAMES = backbone_names()
EXPECTED = {"stgcnpp", "stgcnpp_small"}


def parameters_of(name: str) -> int:
    on = setting(name)
    return parameter_count(build_backbone(name, on.layout, on.channels, on.frames))


def fixed_frames(name: str) -> int | None:
    """Return the number of frames that a backbone is built for, None where it takes any."""
    node = backbone_node(name, Setting().frames)
    return node.get("frames")


def build(name: str, layout: str, channels: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return build_backbone(name, layout, channels, Setting().frames)


def random_input(name: str, layout: str, people: int, channels: int = 3, frames: int = 0) -> Tensor:
    count = frames or fixed_frames(name) or FRAMES
    rng = torch.Generator().manual_seed(1)
    return torch.randn(people, count, load_layout(layout).num_joints, channels, generator=rng)


@lru_cache(maxsize=1)
def settled(name: str) -> nn.Module:
    """Return a backbone for ntu25, every number moved a little off its start, in evaluation.

    Graphs that start at zero and scales that start at a millionth would hide what is behind them.
    Batch norms have the statistics of the input of the tests, as if trained on it.
    """
    backbone = build(name, "ntu25")
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
        norms = [m for m in backbone.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        backbone.train()(random_input(name, "ntu25", people=STATISTICS_PEOPLE))
        for norm in norms:
            norm.momentum = 0.1
    return backbone.eval()


def recorded_parameters() -> dict[str, int]:
    return json.loads(TABLE.read_text())


def with_marks() -> list[object]:
    """Return the names, all but the smallest of each module marked as slow."""
    recorded, smallest = recorded_parameters(), {}
    for name in sorted(NAMES, key=lambda name: recorded.get(name, 0)):
        smallest.setdefault(backbone_node(name, 64)["_target_"], name)
    return [
        name if name in smallest.values() else pytest.param(name, marks=pytest.mark.slow)
        for name in NAMES
    ]


@pytest.fixture(scope="module", params=with_marks())
def name(request) -> str:
    return request.param


@pytest.fixture
def backbone(name) -> nn.Module:
    return settled(name)


def classifier(backbone: nn.Module) -> SkeletonClassifier:
    torch.manual_seed(3)
    head = LinearHead(backbone.out_channels, CLASSES, init_std=backbone.out_channels**-0.5)
    pooling = GlobalAverage(backbone.out_channels)
    return SkeletonClassifier(EarlyFusion({"joint": 3}), backbone, pooling, head).eval()


def test_the_list_is_not_short():
    assert set(NAMES) >= EXPECTED
    modules = {path.stem for path in (project_root() / "har/models/skeleton").glob("*.py")}
    configured = {backbone_node(name, 64)["_target_"].split(".")[-2] for name in NAMES}
    assert modules - {"__init__"} <= configured, "a backbone without a configuration"


@pytest.mark.parametrize("name", NAMES)
def test_the_module_names_its_paper(name):
    module = inspect.getmodule(find_target(backbone_node(name, 64)["_target_"]).call)
    docstring = inspect.getdoc(module)
    paper = read_paper(docstring)
    assert ": " in paper["paper"]
    assert paper["year"] or "No paper" in docstring


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_parameters_is_the_recorded_one(name):
    recorded = recorded_parameters()
    assert name in recorded, "a new backbone: run `python tests/models/test_backbone_contract.py`"
    assert parameters_of(name) == recorded[name]


def test_no_recorded_backbone_is_gone():
    assert set(recorded_parameters()) <= set(NAMES)


@torch.no_grad()
def check_shape(name: str, layout: str, channels: int) -> None:
    backbone = build(name, layout, channels).eval()
    x = random_input(name, layout, people=2, channels=channels)
    out = backbone(x)
    people, frames, joints, width = out.shape
    assert people == 2
    assert width == backbone.out_channels
    assert 1 <= frames <= x.shape[1] + 1  # one more where a class token is handed on
    assert joints >= 1  # or places, where the network looks at a picture of the joints
    assert out.dtype == torch.float32
    assert out.isfinite().all()


def test_shape_on_the_layouts(name, backbone):
    cheap = parameter_count(backbone) < CHEAP_PARAMETERS and fixed_frames(name) is None
    for layout in list_layouts() if cheap else FEW_LAYOUTS:
        check_shape(name, layout, channels=2 if layout == "coco17" else 3)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("layout", list_layouts())
def test_shape_on_every_layout(name, layout, channels):
    if name in COORDINATES_ONLY and channels > 3:
        with pytest.raises(ConfigError, match="several streams"):
            build(name, layout, channels)
    else:
        check_shape(name, layout, channels)


@torch.no_grad()
def test_other_numbers_of_frames_or_a_clear_refusal(name, backbone):
    frames = fixed_frames(name)
    if frames is None:
        for count in (OTHER_FRAMES, 1):
            x = random_input(name, "ntu25", people=2, frames=count)
            assert backbone(x).isfinite().all()
    else:
        with pytest.raises(ValueError, match=str(frames)):
            backbone(random_input(name, "ntu25", people=2, frames=frames + 1))


def test_a_gradient_reaches_every_parameter(name, backbone):
    out = backbone(random_input(name, "ntu25", people=2))
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(4))
    parameters = dict(backbone.named_parameters())
    gradients = torch.autograd.grad(
        (out * direction).mean(), list(parameters.values()), allow_unused=True
    )
    for (key, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        assert gradient is not None, f"{key} is not used"
        assert gradient.isfinite().all(), key
        if not key.endswith("bias"):  # a bias before a softmax has no effect
            assert gradient.any(), f"no gradient reaches {key} of {tuple(parameter.shape)}"


@torch.no_grad()
def test_rows_are_independent_in_evaluation(name, backbone):
    x = random_input(name, "ntu25", people=2)
    together = backbone(x)
    scale = together.abs().max()
    torch.testing.assert_close(backbone(x[1:2])[0] / scale, together[1] / scale, atol=1e-5, rtol=0)


@torch.no_grad()
def test_padded_people_change_nothing(name, backbone):
    model = classifier(backbone)
    joints = random_input(name, "ntu25", people=2)[:, None]
    mask = torch.ones(2, 1, dtype=torch.bool)
    expected = model({"joint": joints}, mask)
    padded = torch.cat([joints, torch.zeros_like(joints)], dim=1)
    wider = torch.cat([mask, ~mask], dim=1)
    torch.testing.assert_close(model({"joint": padded}, wider), expected, atol=1e-6, rtol=0)


@torch.no_grad()
def test_state_dict_round_trip(name, backbone):
    state = {key: tensor.clone() for key, tensor in backbone.state_dict().items()}
    other = build(name, "ntu25").eval()
    other.load_state_dict(state)
    x = random_input(name, "ntu25", people=2)
    torch.testing.assert_close(other(x), backbone(x), atol=0, rtol=0)


@torch.no_grad()
def test_double_and_half_precision(name, backbone):
    x = random_input(name, "ntu25", people=2)
    expected = backbone(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert backbone(x).isfinite().all()
    double = build(name, "ntu25").double().eval()
    double.load_state_dict(backbone.state_dict())
    out = double(x.double())
    assert out.dtype == torch.float64
    scale = expected.abs().max()
    torch.testing.assert_close(out.float() / scale, expected / scale, atol=1e-2, rtol=0)


@torch.no_grad()
def test_operations_suit_half_precision_and_repeatable_training(name, backbone):
    x = random_input(name, "ntu25", people=2)
    with torch.autocast("cpu", torch.bfloat16), Operations(smallest=32 * x[..., 0].numel()) as seen:
        backbone(x)
    assert not [found for found in seen.names if WITHOUT_A_REPEATABLE_GRADIENT.search(found)]
    assert not seen.repeated
    if backbone_node(name, 64)["_target_"].split(".")[-2] not in SUMS_IN_FLOAT32:
        assert not seen.lifted


@pytest.mark.slow
def test_what_the_list_tells_of_the_inputs(name):
    told = inputs(name)
    assert told["layouts"] == list(list_layouts())
    assert told["modality"] == ["pose3d", "pose2d"]


@pytest.mark.slow
def test_the_table_of_the_docs_is_the_current_one():
    page = (project_root() / "docs" / "models.md").read_text()
    assert markdown_table() in page, "write it anew: har models --markdown"


if __name__ == "__main__":
    TABLE.write_text(json.dumps({name: parameters_of(name) for name in NAMES}, indent=2) + "\n")
