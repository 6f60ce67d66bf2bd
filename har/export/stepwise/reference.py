"""What the clip model says of a stream: the truth for a step-wise model."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from har.export.folding import fold_norms
from har.export.graph import Recipe, prepare
from har.export.stepwise.model import StepClassifier
from har.models.classifier import SkeletonClassifier
from har.models.skeleton import aagcn, ctrgcn
from har.skeleton.streams import compute_stream


@torch.no_grad()
def clip_features(
    classifier: SkeletonClassifier, recipe: Recipe, poses: Tensor, confidence: Tensor
) -> Tensor:
    """Return the features that the clip model gives a whole stream, (P, T', V, C).

    Args:
        classifier: in evaluation.
        recipe: of its training.
        poses: (P, T, V, C), one person a row.
        confidence: (P, T, V).
    """
    batch = prepare(poses[:, None], confidence[:, None], recipe)
    layout = recipe.model_layout
    streams = {
        name: compute_stream(name, batch.joints, layout, batch.confidence)
        for name in recipe.streams
    }
    return classifier.backbone(classifier.fusion(streams)[:, 0])


@torch.no_grad()
def clip_model_predictions(
    classifier: SkeletonClassifier,
    recipe: Recipe,
    stream: tuple[Tensor, Tensor],
    model: StepClassifier,
    stepped: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the clip model and the step-wise model say at the same moments.

    The clip model sees the whole stream; its features are averaged over the frames that the
    step-wise model looks back on. Moments are the steps whose newest feature the clip model has.

    Args:
        classifier: in evaluation.
        recipe: of its training.
        stream: poses (1, T, V, C) and confidence (1, T, V).
        model: the step-wise model.
        stepped: its predictions after each step, (S, K).

    Returns:
        Probabilities (n, K) of the clip model, and of the step-wise model.
    """
    features = clip_features(classifier, recipe, *stream).mean(2)[0]
    clips, steps = [], []
    for number, prediction in enumerate(stepped):
        newest = int(model.after.positions(torch.tensor([number * model.hop]))[0, -1])
        if newest < 0 or newest % model.after.rate:
            continue
        last = newest // model.after.rate
        pooled = features[max(0, last + 1 - model.pooling.size) : last + 1].mean(0)
        clips.append(classifier.head(pooled[None]).softmax(1)[0].numpy())
        steps.append(prediction)
    return np.stack(clips), np.stack(steps)


@torch.no_grad()
def clip_means(
    classifier: SkeletonClassifier, recipe: Recipe, poses: Tensor, confidence: Tensor
) -> dict[str, Tensor]:
    """Return the means over time that the clip model takes of a stream.

    They go by the names of the states of the step-wise model that run along in their place.
    """
    backbone: Any = fold_norms(classifier.backbone)
    found: dict[str, Tensor] = {}
    for number, block in enumerate(backbone.blocks):
        _listen(block.spatial, f"blocks.{number}.spatial", found)
    twin = SkeletonClassifier(classifier.fusion, backbone, classifier.temporal, classifier.head)
    clip_features(twin, recipe, poses, confidence)
    return found


def _listen(spatial: nn.Module, name: str, found: dict[str, Tensor]) -> None:
    """Let a spatial module of the clip model leave its means in ``found``."""
    if isinstance(spatial, ctrgcn.SpatialModule):
        _keep_input(spatial.refined_graph, f"{name}.mean", found, lambda x: x[:, None])
    if isinstance(spatial, aagcn.SpatialModule):
        _keep_input(spatial.graph, f"{name}.similarity", found, _similarity(spatial.graph))
        if isinstance(spatial.attention, aagcn.Attention):
            inner = f"{name}.attention"
            _keep_input(
                spatial.attention, f"{inner}.joint_mean", found, lambda x: x.mean(1)[:, None]
            )
            squeeze = spatial.attention.squeeze
            _keep_input(squeeze, f"{inner}.channel_mean", found, lambda x: x[:, None, None])


def _similarity(graph: aagcn.AdaptiveGraph) -> Callable[[Tensor], Tensor]:
    def similarity(x: Tensor) -> Tensor:
        embedded = graph.embed(x).view(*x.shape[:3], 2, graph.subsets, -1)
        sources, targets = embedded.permute(3, 0, 4, 2, 1, 5).flatten(-2)
        alike = sources @ targets.transpose(-1, -2) / sources.shape[-1]
        return alike.flatten(1, 2)[:, None]

    return similarity


def _keep_input(
    module: nn.Module, name: str, found: dict[str, Tensor], read: Callable[[Tensor], Tensor]
) -> None:
    def keep(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found[name] = read(inputs[0])

    module.register_forward_pre_hook(keep)
