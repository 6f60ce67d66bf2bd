"""A graph network that takes the next frames of a stream and gives a prediction.

After Hedegaard, Heidari, Iosifidis, Continual Spatio-Temporal Graph Convolutional Networks, Pattern
Recognition 2023, https://arxiv.org/abs/2203.11009: the weights stay, each convolution along time
remembers the frames that its taps reach. ``docs/export.md`` says what equals what.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.export.folding import fold_norms
from har.export.graph import Recipe
from har.export.onnx_file import ExportError
from har.export.stepwise.branches import step_temporal
from har.export.stepwise.clock import Due, Share, Timing
from har.export.stepwise.poses import StepNormalise, StepStreams
from har.export.stepwise.spatial import step_spatial
from har.export.stepwise.state import (
    Memory,
    RunningMean,
    Stateful,
    Tape,
    clock_of,
    name_states,
    read,
)
from har.export.stepwise.temporal import Delay
from har.models.classifier import SkeletonClassifier
from har.models.fusion.early import EarlyFusion
from har.models.fusion.embedding import EmbeddingFusion
from har.models.graph_blocks import GraphBlock, JointNorm
from har.models.skeleton.aagcn import AAGCN
from har.models.skeleton.ctrgcn import CTRGCN
from har.models.skeleton.stgcn import STGCN
from har.models.skeleton.stgcnpp import STGCNPP, Block
from har.models.temporal.average import GlobalAverage

BACKBONES = (STGCN, STGCNPP, AAGCN, CTRGCN)
GRAPH_EVERY = 16
"""Frames between two times that the graphs of CTR-GCN are made anew."""


class StepBlock(nn.Module):
    """Step form of a block: spatial, temporal, and the way around them."""

    def __init__(self, block: Block | GraphBlock, spatial: Any, joints: int, timing: Timing):
        super().__init__()
        self.spatial = spatial
        self.temporal = step_temporal(block.temporal, joints, spatial.after)
        self.after = self.temporal.after
        self.around: nn.Module | None = None
        if block.has_residual:
            shortcut: Any = block.shortcut
            self.around = Delay(joints, _channels_in(block), timing, self.after)
            self.shortcut = getattr(shortcut, "conv", shortcut)

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (N, C) to (N', C')."""
        out = self.temporal(tape, self.spatial(tape, x))
        if self.around is not None:
            out = out + self.shortcut(self.around(tape, x))
        return F.relu(out)


class StepPooling(nn.Module):
    """Mean over joints, and over the latest frames of a window.

    Args:
        window: frames of the stream.
        channels: C.
        timing: of what comes in.
    """

    def __init__(self, window: int, channels: int, timing: Timing):
        super().__init__()
        self.size = max(1, -(-window // timing.rate))
        frames = (self.size - 1) * timing.spacing
        self.memory = Memory(frames, 1, channels, timing)
        places = np.arange(timing.frames - 1, self.memory.size, timing.spacing)
        self.window = self.memory.reader(places, np.zeros(1, dtype=int))
        self.share = Share((timing.offsets[-1],), timing.rate, self.size)
        self.memory.moments.append(self.share)

    def forward(self, tape: Tape, x: Tensor) -> Tensor:
        """Map (P, K, V, C) to the mean (P, C); zeros before the first frame comes through."""
        window = read(tape, self.memory(tape, x.mean(2)), self.window)
        return window.sum(1) * tape.moments[self.share][:, 0, 0]


class StepClassifier(nn.Module):
    """One step: the next frames of P people in, a prediction for each out, and the states.

    Args:
        classifier: trained; a copy with its batch norms folded is used.
        recipe: of its training.
        coordinates: C of the poses.
        window: frames of the stream that predictions look back on.
        hop: frames a step: 1, or a multiple of all strides of the backbone together.
        graph_every: frames between two times that the graphs of CTR-GCN are made anew, each block
            at another step; in the first steps they always are.

    Attributes:
        graph_every: the same in whole steps; None where there are no graphs to keep.

    Raises:
        ExportError: a part of the model has no step-wise form, or it has none with such steps.
    """

    norm_scale: Tensor
    norm_offset: Tensor

    def __init__(
        self,
        classifier: nn.Module,
        recipe: Recipe,
        coordinates: int,
        window: int,
        hop: int = 1,
        graph_every: int = GRAPH_EVERY,
    ):
        super().__init__()
        model: Any = fold_norms(_checked(classifier))
        layout = recipe.model_layout
        every = max(1, graph_every // hop)
        self.hop, self.window = hop, window
        self.graph_every = every * hop if isinstance(model.backbone, CTRGCN) else None
        self.normalise = StepNormalise(recipe, coordinates)
        self.streams = StepStreams(recipe.streams, layout, coordinates, hop)
        self.fusion, backbone = model.fusion, model.backbone
        self._keep_norm(backbone.data_norm, layout.num_joints)
        timing, blocks = self.streams.after, []
        for number, block in enumerate(backbone.blocks):
            due = Due(timing, every, number % every)
            spatial = step_spatial(block.spatial, layout.num_joints, due, window)
            blocks.append(StepBlock(block, spatial, layout.num_joints, timing))
            timing = blocks[-1].after
        if hop != 1 and hop % timing.rate:
            raise ExportError(f"hop={hop}: give 1, or a multiple of {timing.rate}")
        self.blocks = nn.ModuleList(blocks)
        self.pooling = StepPooling(window, backbone.out_channels, timing)
        self.head = model.head
        self.after = timing
        self.state_shapes = name_states(self)
        self.clock = clock_of(self, hop)
        self.rings = tuple(
            name for name, module in self.named_modules()
            if isinstance(module, Stateful) and module.in_place
        )  # fmt: skip
        self.eval().requires_grad_(False)

    def forward(
        self, poses: Tensor, confidence: Tensor, seen: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        """Take a step.

        Args:
            poses: (P, hop, V, C), the next frames of each row's person.
            confidence: (P, hop, V).
            seen: (P,) int64, frames of each row before this step.
            states: in the order of ``state_shapes``.

        Returns:
            Probabilities (P, classes), ``seen`` after the step, and the states after the step.
        """
        tape = self.tape(seen, states)
        logits = self.head(self.pooling(tape, self.features(tape, poses, confidence)))
        updated = (tape.updated[name] for name in self.state_shapes)
        return (logits.softmax(1), seen + self.hop, *updated)

    def tape(self, seen: Tensor, states: Sequence[Tensor]) -> Tape:
        """Return the tape of a step with the states that come in, in their order."""
        moments = self.clock(seen, self.norm_scale.dtype)
        return Tape(dict(zip(self.state_shapes, states, strict=True)), moments)

    def features(self, tape: Tape, poses: Tensor, confidence: Tensor) -> Tensor:
        """Return the newest features of the backbone, (P, K, V, C)."""
        streams = self.streams(tape, self.normalise(tape, poses, confidence))
        x = self.fusion(streams)[:, 0]
        joints = x.shape[2]
        x = (x * self.norm_scale + self.norm_offset).view(-1, x.shape[-1])
        for block in self.blocks:
            x = block(tape, x)
        return x.view(-1, self.after.frames, joints, x.shape[-1])

    def _keep_norm(self, norm: Any, joints: int) -> None:
        """Keep the norm of joints and coordinates, as (V, C)."""
        norm = norm.norm if isinstance(norm, JointNorm) else norm
        for name, part in (("norm_scale", norm.scale), ("norm_offset", norm.offset)):
            self.register_buffer(name, part.view(joints, -1))

    def initial_states(self, rows: int) -> tuple[Tensor, list[Tensor]]:
        """Return ``seen`` and the states at the start of a stream: all zeros."""
        dtype = next(self.head.parameters()).dtype
        states = [torch.zeros(rows, *shape, dtype=dtype) for shape in self.state_shapes.values()]
        return torch.zeros(rows, dtype=torch.int64), states

    @property
    def warm_up_frames(self) -> int:
        """Frames of a stream until the first features come."""
        return self.after.delay + 1 if self.hop == 1 else self.after.delay + self.hop

    @property
    def is_exact(self) -> bool:
        """Whether it equals the clip model as it is: it has no means that run along."""
        return not any(isinstance(module, RunningMean) for module in self.modules())

    def freeze_means(self, frozen: bool = True) -> None:
        """Keep all running means as they are in the states, instead of following the frames."""
        for module in self.modules():
            if isinstance(module, RunningMean):
                module.frozen = frozen


def _checked(classifier: nn.Module) -> SkeletonClassifier:
    if not isinstance(classifier, SkeletonClassifier):
        raise ExportError(f"{type(classifier).__name__} has no step-wise form: export each stream")
    kinds: Sequence[tuple[str, nn.Module, tuple[type, ...]]] = (
        ("model.fusion", classifier.fusion, (EarlyFusion, EmbeddingFusion)),
        ("model.backbone", classifier.backbone, BACKBONES),
        ("model.temporal", classifier.temporal, (GlobalAverage,)),
    )
    for place, part, known in kinds:
        if not isinstance(part, known):
            raise ExportError(
                f"{place} {type(part).__name__} has no step-wise form; "
                f"{', '.join(kind.__name__ for kind in known)} have"
            )
    if classifier.joint_confidence == "weight":
        raise ExportError("model.joint_confidence=weight has no step-wise form; channel has")
    if getattr(classifier.backbone, "person_slots", 1) > 1:
        raise ExportError("a backbone with person_slots over 1 has no step-wise form")
    return classifier


def _channels_in(block: Block | GraphBlock) -> int:
    spatial: Any = block.spatial
    return int(
        spatial.project.in_features // getattr(getattr(spatial, "graph", None), "subsets", 1)
    )
