"""Compares a model with a peer's: logits, loss, and everything that one training step leaves."""

import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.weights.rules import ADD, Change, Rule, convert
from har.models.weights.sources import find_model
from har.run.assemble import build_classifier
from har.run.checkpoints import read_checkpoint
from har.run.importing import CLASSIFIER, import_checkpoint
from har.skeleton.layout import load_layout
from parity import numbers
from parity.case import Case

CLIPS = 2
STEPS = 2
MEAN = Change("averaged", lambda parts, _: torch.stack(list(parts)).mean(0))


def compare(source: str, case: Case) -> dict[str, Any]:
    """Return the largest absolute differences.

    In double precision all of it shows whether both compute the same. In single precision gradients
    need something to compare with: where rounding puts a number on the other side of a ReLU's
    corner they jump, in either code. So they are told for each of some steps, and how far the
    peer's are from its own in double precision.
    """
    peer = build_peer(case)
    calibrate(case, peer)
    own, tensors = import_peer(source, case, peer)
    double = [model.double() for model in (deepcopy(own), deepcopy(peer))]
    steps = [_step(source, case, own, peer, number) for number in range(STEPS)]
    exact = [_step(source, case, *double, number) for number in range(STEPS)]
    rounding = [_rounding(*pair) for pair in zip(steps, exact, strict=True)]
    return {
        "model": case.name,
        "backbone": case.model,
        "parameters": sum(parameter.numel() for parameter in own.parameters()),
        "tensors": tensors,
        "clips": [CLIPS, case.people, case.frames, load_layout(case.layout).num_joints],
        "float32": {
            **evaluate(case, own, peer),
            **_worst(steps),
            "gradients_of_each_step": [step["gradients"] for step in steps],
            "peer_rounding_of_each_step": rounding,
        },
        "float64": {**evaluate(case, *double), **_worst(exact)},
    }


def build_peer(case: Case) -> nn.Module:
    """Return the peer's model with ``parity.numbers`` as weights.

    PyTorch does not train through what some of the peers do in place, on ReLUs or behind them.
    """
    peer = case.build()
    for module in peer.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
            module.register_forward_hook(_copied)
    shapes = {name: tuple(tensor.shape) for name, tensor in peer.state_dict().items()}
    peer.load_state_dict(numbers.weights(shapes))
    return peer.eval()


def _copied(_module: nn.Module, _given: Any, out: Tensor) -> Tensor:
    return out.clone()


@torch.no_grad()
def calibrate(case: Case, peer: nn.Module) -> None:
    """Let the running statistics be those of some clips, so that evaluation tells clips apart."""
    norms = [m for m in peer.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    case.scores(peer.train(), make_clips(case, 0, torch.float32))
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    peer.eval()


def import_peer(source: str, case: Case, peer: nn.Module) -> tuple[nn.Module, int]:
    """Return the same model here, through a file and ``har import``, and its tensor count."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "peer.pth", Path(folder) / "own.ckpt"
        case.save(peer, file)
        done = import_checkpoint(
            source, file, case.model, out, layout=case.layout, overrides=case.settings
        )
        return rebuild(out, case), len(done.conversion.taken)


def rebuild(checkpoint: Path, case: Case) -> nn.Module:
    """Return the classifier of an imported checkpoint, as ``har evaluate`` rebuilds it."""
    content = read_checkpoint(checkpoint)
    config = content["har"]["config"]
    classifier = build_classifier(
        config["model"],
        load_layout(case.layout),
        case.coordinates,
        config["stream"]["names"],
        case.classes,
    )
    weights = content["state_dict"]
    classifier.load_state_dict({n.removeprefix(CLASSIFIER): value for n, value in weights.items()})
    return classifier.eval()


def own_logits(own: nn.Module, clips: Tensor) -> Tensor:
    """Return the logits of clips whose people are all there."""
    return own({"joint": clips}, torch.ones(clips.shape[:2], dtype=torch.bool))


def make_clips(case: Case, number: int, dtype: torch.dtype) -> Tensor:
    """Return clips for the two to see."""
    joints = load_layout(case.layout).num_joints
    shape = (CLIPS, case.people, case.frames, joints, case.coordinates)
    return case.place(numbers.clips(shape, numbers.CLIPS_SEED + number)).to(dtype)


@torch.no_grad()
def evaluate(case: Case, own: nn.Module, peer: nn.Module) -> dict[str, float]:
    """Return the difference of the logits in evaluation, and how large and spread they are."""
    clips = make_clips(case, 0, next(own.parameters()).dtype)
    expected = case.scores(peer.eval(), clips)
    return {
        "logits": _difference(own_logits(own.eval(), clips), expected),
        "largest_logit": float(expected.abs().max()),
        "spread_over_clips": float(expected.std(0).mean()),
    }


def _step(source: str, case: Case, own: nn.Module, peer: nn.Module, number: int) -> dict[str, Any]:
    """Run one training step of copies of both and return the differences."""
    own, peer = deepcopy(own).train(), deepcopy(peer).train()
    clips = make_clips(case, number, next(own.parameters()).dtype)
    labels = numbers.labels(CLIPS, case.classes, number)
    if case.draw is not None:
        volumes = case.draw(clips).permute(0, 2, 3, 4, 1)
        own.backbone.heatmaps = lambda _: volumes
    logits = own_logits(own, clips), case.scores(peer, clips)
    losses = [F.cross_entropy(scores, labels) for scores in logits]
    for loss in losses:
        loss.backward()
    gradients = _gradients(own)
    buffers = {n: b for n, b in own.named_buffers() if b.is_floating_point()}
    expected = _as_own(_gradients(peer), gradients, source, case.model)
    statistics = _as_own(dict(peer.state_dict()), buffers, source, case.model)
    return {
        "training_logits": _difference(*logits),
        "loss": _difference(*losses),
        "gradients": max(_difference(gradients[n], expected[n]) for n in gradients),
        "largest_gradient": max(float(g.abs().max()) for g in expected.values()),
        "statistics": max((_difference(buffers[n], statistics[n]) for n in buffers), default=0.0),
        "peer_gradients": expected,
    }


def _worst(steps: list[dict[str, Any]]) -> dict[str, float]:
    measured = [key for key in steps[0] if key != "peer_gradients"]
    return {key: max(step[key] for step in steps) for key in measured}


def _rounding(single: Mapping[str, Any], double: Mapping[str, Any]) -> float:
    pairs = single["peer_gradients"], double["peer_gradients"]
    return max(_difference(pairs[0][name].double(), pairs[1][name]) for name in pairs[1])


def _gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def _as_own(
    published: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str, model: str
) -> dict[str, Tensor]:
    """Return gradients or statistics of the peer in the names and shapes of the own model.

    Numbers that are added up in one parameter here have one and the same gradient there.
    """
    conversion = convert(published, own, [_averaging(r) for r in find_model(source, model).rules])
    if conversion.problems:
        raise RuntimeError("; ".join(conversion.problems))
    return conversion.weights


def _averaging(given: Rule) -> Rule:
    return replace(given, change=MEAN) if given.change is ADD else given


def _difference(first: Tensor, second: Tensor) -> float:
    return float((first - second).detach().abs().max())
