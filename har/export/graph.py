"""A trained classifier as one function of poses, with shapes that do not depend on the values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from har.data.transforms import Transform
from har.export.folding import fold_norms
from har.models.classifier import SkeletonClassifier
from har.models.confidence import weigh_by_confidence
from har.models.multi_stream import MultiStreamClassifier
from har.samples import Batch
from har.skeleton.layout import Layout
from har.skeleton.streams import CONFIDENCE, compute_stream


@dataclass(frozen=True)
class Recipe:
    """What stands between an estimator's poses and a classifier.

    Attributes:
        normalise: transforms of every batch, without random ones.
        layout: of the poses that come in.
        streams: names of the streams that the classifier takes.
    """

    normalise: Transform
    layout: Layout
    streams: tuple[str, ...]

    @property
    def model_layout(self) -> Layout:
        """Layout of the joints that the streams are made from."""
        return self.normalise.output_layout(self.layout)


class PoseClassifier(nn.Module):
    """Poses in, probabilities out; what ``RecognitionModule`` does in a test, as one module.

    Args:
        classifier: trained; a copy with its batch norms folded is used.
        recipe: of its training.
        readout: (A, G) share of each output for each label; None where outputs are labels.
        dtype: of the classifier. Normalisation and streams always have the dtype of the poses.
    """

    projection: Tensor | None

    def __init__(
        self,
        classifier: nn.Module,
        recipe: Recipe,
        readout: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.recipe = recipe
        self.classifier = masked(fold_norms(classifier)).to(dtype)
        self.dtype = dtype
        self.register_buffer("projection", readout)
        self.eval().requires_grad_(False)

    def forward(self, poses: Tensor, confidence: Tensor) -> Tensor:
        """Map poses (N, M, T, V, C) and their confidence (N, M, T, V) to probabilities (N, K).

        A joint with confidence 0 is not there, whatever its coordinates; neither is a person
        without any joint.
        """
        batch = prepare(poses, confidence, self.recipe)
        streams = {
            name: compute_stream(name, batch.joints, self.recipe.model_layout, batch.confidence).to(
                self.dtype
            )
            for name in self.recipe.streams
        }
        probabilities = self.classifier(streams, batch.person_mask).to(poses.dtype).softmax(1)
        return probabilities if self.projection is None else self._read_out(probabilities)

    def _read_out(self, outputs: Tensor) -> Tensor:
        assert self.projection is not None
        mass = outputs @ self.projection.to(outputs.dtype)
        total = mass.sum(1, keepdim=True)
        even = torch.full_like(mass, 1 / mass.shape[1])
        return torch.where(total > 0, mass / total.clamp(min=1e-30), even)


def prepare(poses: Tensor, confidence: Tensor, recipe: Recipe) -> Batch:
    """Return poses as a normalised batch; joints with confidence 0 are zeros."""
    visible = confidence > 0
    nothing = torch.zeros(1, dtype=torch.int64, device=poses.device)
    batch = Batch(
        joints=torch.where(visible[..., None], poses, 0),
        confidence=confidence,
        person_mask=visible.flatten(2).any(2),
        labels=nothing,
        clip_index=nothing,
    )
    return recipe.normalise(batch, recipe.layout, torch.Generator())


def masked(classifier: nn.Module) -> nn.Module:
    """Return the classifier in a form that computes absent people and leaves them out after."""
    if isinstance(classifier, MultiStreamClassifier):
        return MaskedStreams(classifier)
    return MaskedClassifier(cast(SkeletonClassifier, classifier))


class MaskedClassifier(nn.Module):
    """``SkeletonClassifier`` without a choice of rows, which a graph of fixed shapes cannot make.

    Absent people go through the backbone too and then count for nothing; rows do not influence
    each other, so the rest stays the same.
    """

    def __init__(self, classifier: SkeletonClassifier):
        super().__init__()
        self.fusion = classifier.fusion
        self.backbone = classifier.backbone
        self.temporal = classifier.temporal
        self.head = classifier.head
        self.skip_absent_people = classifier.skip_absent_people
        self.joint_confidence = classifier.joint_confidence

    def forward(self, streams: Mapping[str, Tensor], person_mask: Tensor) -> Tensor:
        """Map streams of (N, M, T, V, C) and a person mask (N, M) to logits (N, classes)."""
        joined = self.fusion(streams)
        maps = self.backbone(joined.flatten(0, 1))
        if self.joint_confidence == "weight":
            order = getattr(self.backbone, "out_joints", None)
            maps = weigh_by_confidence(maps, streams[CONFIDENCE].flatten(0, 1), order)
        rows = self.temporal(maps)
        features = rows.view(joined.shape[0], joined.shape[1], -1)
        if not self.skip_absent_people:
            return self.head(features.mean(1))
        present = person_mask[..., None]
        total = torch.where(present, features, 0).sum(1)
        return self.head(total / present.sum(1).clamp(min=1).to(total.dtype))


class MaskedStreams(nn.Module):
    """``MultiStreamClassifier``, each of its classifiers masked."""

    def __init__(self, model: MultiStreamClassifier):
        super().__init__()
        self.classifiers = nn.ModuleDict(
            {name: masked(part) for name, part in model.classifiers.items()}
        )
        self.register_buffer("shares", model.stream_weights().detach().clone())

    def forward(self, streams: Mapping[str, Tensor], person_mask: Tensor) -> Tensor:
        """Map streams of (N, M, T, V, C) and a person mask (N, M) to logits (N, classes)."""
        logits = [model({n: streams[n]}, person_mask) for n, model in self.classifiers.items()]
        return torch.stack(logits, dim=-1) @ cast(Tensor, self.shares)
