"""Training steps and inference of our models and the peer's, on the same clips."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.cli.models import build_backbone
from har.models.classifier import SkeletonClassifier
from har.models.fuse import fuse_for_inference
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.heatmaps import crop_to_body, draw_heatmaps
from har.models.temporal.average import GlobalAverage
from speed import peer
from speed.ceiling import operations
from speed.exported import PROVIDERS, exported_call
from speed.timing import Call, interleave, peak_on_cpu, peak_on_gpu

CLASSES = 60
NTU_SECOND_PEOPLE = 0.18
"""Share of the clips of NTU RGB+D with a second person."""
GRAPH_MODELS = ("stgcnpp", "ctrgcn", "aagcn")
ALL_MODELS = (*GRAPH_MODELS, "posec3d")
HEATMAP_SIZE, HEATMAP_PADDING, HEATMAP_SIGMA = 56, 0.25, 0.6
SHORTEST_S = 0.3
"""For how long inference is repeated, as it is in use; a step of training takes longer."""
OURS, FUSED, PEER = "ours", "ours_folded", "peer"
ONNXRUNTIME, OPENVINO = "ours_onnxruntime", "ours_openvino"


@dataclass(frozen=True)
class Setup:
    """How to measure.

    Attributes:
        clips: N of a graph model; PoseC3D takes half as many, at least one.
        frames: T of a graph model.
        repeats: timed rounds.
        device: where the models are.
        channels_last: put the peer's convolutions into that order too; ours always are.
        compiled: compile the backbones with ``torch.compile``.
        with_peer: measure mmaction2 too.
    """

    clips: int
    frames: int
    repeats: int
    device: torch.device
    channels_last: bool = False
    compiled: bool = False
    with_peer: bool = True


@dataclass(frozen=True)
class Case:
    """One comparison: a model, a pass and a precision, on N clips of M people."""

    model: str
    action: str
    precision: str
    clips: int
    people: str

    @property
    def slots(self) -> int:
        """M, the people a clip has room for."""
        return 1 if self.model == "posec3d" else 2


def cases(model: str, setup: Setup, precisions: tuple[str, ...]) -> Iterator[Case]:
    """Yield what is measured of a model."""
    graph = model in GRAPH_MODELS
    clips = setup.clips if graph else max(1, setup.clips // 2)
    everybody = "two people in every clip" if graph else "one person in every clip"
    for precision in precisions:
        yield Case(model, "training", precision, clips, everybody)
        yield Case(model, "inference", precision, clips, everybody)
        yield Case(model, "inference", precision, 1, everybody)
    if graph:
        people = f"a second person in {NTU_SECOND_PEOPLE:.0%} of the clips"
        yield Case(model, "training", precisions[0], clips, people)


def measure(case: Case, setup: Setup) -> dict[str, Any]:
    """Time a case and return its record."""
    calls = {name: make() for name, make in sides(case, setup).items()}
    warmups = 3 if setup.device.type == "cuda" or setup.compiled else 1
    inference = case.action == "inference"
    shortest_s = SHORTEST_S if inference else 0.0
    timed = interleave(calls, setup.repeats, setup.device, warmups, shortest_s, settle=inference)
    facts = asdict(case) | {
        "peer_name": peer.peer_of(case.model) if setup.with_peer else None,
        "operations": operations(_our_call(case, replace(setup, compiled=False), fused=False)),
    }
    record = facts | {name: times.summary() for name, times in timed.items()}
    if setup.device.type == "cuda":
        record["peak_bytes"] = {n: peak_on_gpu(call, setup.device) for n, call in calls.items()}
    return record


def measure_memory(case: Case, setup: Setup) -> dict[str, Any]:
    """Return the peak memory of each side of a case, in processes of their own."""
    peaks = {name: peak_on_cpu(make) for name, make in sides(case, setup).items()}
    return asdict(case) | {"peak_bytes": peaks}


def sides(case: Case, setup: Setup) -> dict[str, Callable[[], Call]]:
    """Return who takes part, and how to prepare them."""
    found = {OURS: partial(_our_call, case, setup, fused=False)}
    if case.action == "inference":
        found[FUSED] = partial(_our_call, case, setup, fused=True)
        if setup.device.type == "cpu":
            for side, provider in PROVIDERS[case.precision].items():
                found[side] = partial(_exported_call, case, setup, provider)
    if setup.with_peer and peer.peer_of(case.model):
        found[PEER] = partial(_peer_call, case, setup)
    return found


def _our_model(case: Case, setup: Setup, frames: int) -> SkeletonClassifier:
    backbone = build_backbone(case.model, _layout(case.model), 3, frames)
    temporal = GlobalAverage(backbone.out_channels)
    head = LinearHead(temporal.out_channels, CLASSES)
    model = SkeletonClassifier(EarlyFusion({"joint": 3}), backbone, temporal, head)
    return model.to(setup.device)


def _our_call(case: Case, setup: Setup, fused: bool) -> Call:
    joints, mask = _clips(case, setup)
    model: nn.Module = _our_model(case, setup, joints.shape[2])
    if fused:
        model = fuse_for_inference(model)
    if setup.compiled:
        model.backbone = torch.compile(model.backbone)
    return _action(case, setup, model, ({"joint": joints}, mask))


def _exported_call(case: Case, setup: Setup, provider: str) -> Call:
    joints, mask = _clips(case, setup)
    model = _our_model(case, setup, joints.shape[2]).eval()
    return exported_call(model, joints, mask, provider, torch.get_num_threads())


def _peer_call(case: Case, setup: Setup) -> Call:
    joints, _ = _clips(case, setup)
    model = peer.build_peer(case.model, CLASSES)
    volumes = case.model == "posec3d"
    inputs = _volumes(joints) if volumes else joints
    if setup.channels_last:
        order = torch.channels_last_3d if volumes else torch.channels_last
        model = model.to(memory_format=order)
        inputs = inputs.contiguous(memory_format=order) if volumes else inputs
    model = model.to(setup.device)
    if setup.compiled:
        model.backbone = torch.compile(model.backbone)
    return _action(case, setup, model, (inputs,))


def _action(case: Case, setup: Setup, model: nn.Module, inputs: tuple[Any, ...]) -> Call:
    if case.action == "training":
        return _training(case, setup, model.train(), inputs)
    return _inference(case, setup, model.eval(), inputs)


def _training(case: Case, setup: Setup, model: nn.Module, inputs: tuple[Any, ...]) -> Call:
    labels = (torch.arange(case.clips) % CLASSES).to(setup.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, nesterov=True)

    def step() -> None:
        optimizer.zero_grad()
        with _precision(case, setup):
            logits = model(*inputs)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return step


def _inference(case: Case, setup: Setup, model: nn.Module, inputs: tuple[Any, ...]) -> Call:
    @torch.inference_mode()
    def predict() -> None:
        with _precision(case, setup):
            model(*inputs)

    return predict


def _precision(case: Case, setup: Setup) -> torch.autocast:
    return torch.autocast(setup.device.type, torch.bfloat16, enabled=case.precision == "bfloat16")


def _layout(model: str) -> str:
    return "ntu25" if model in GRAPH_MODELS else "coco17"


def _clips(case: Case, setup: Setup) -> tuple[Tensor, Tensor]:
    """Return joints (N, M, T, V, 3) and who is there (N, M)."""
    rng = torch.Generator().manual_seed(0)
    frames, joints = (setup.frames, 25) if case.model in GRAPH_MODELS else (48, 17)
    values = torch.randn(case.clips, case.slots, frames, joints, 3, generator=rng)
    mask = torch.ones(case.clips, case.slots, dtype=torch.bool)
    if "second" in case.people:
        mask[max(1, round(NTU_SECOND_PEOPLE * case.clips)) :, 1] = False
        values[~mask] = 0
    return values.to(setup.device), mask.to(setup.device)


def _volumes(joints: Tensor) -> Tensor:
    """Return the heatmaps (N, V, T, H, W) that PoseC3D draws of these joints by itself."""
    points = joints[:, 0, ..., :2]
    seen = torch.ones(points.shape[:-1], dtype=torch.bool, device=points.device)
    pixels = crop_to_body(points, seen, HEATMAP_SIZE, HEATMAP_PADDING)
    volumes = draw_heatmaps(pixels, seen.float(), HEATMAP_SIZE, HEATMAP_SIGMA)
    return volumes.permute(0, 4, 1, 2, 3).contiguous()


def memory_cases(model: str, setup: Setup, precisions: tuple[str, ...]) -> Iterator[Case]:
    """Yield the cases whose peak memory is measured: training, everybody there."""
    for case in cases(model, replace(setup), precisions):
        if case.action == "training" and "second" not in case.people:
            yield case
