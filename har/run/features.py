"""Features of clips from a frozen classifier: what it knows before the head."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import nn

from har.data.loaders import BatchLoaders
from har.errors import CheckpointError
from har.evaluation.probes import LabelledFeatures
from har.models.classifier import SkeletonClassifier
from har.models.multi_stream import MultiStreamClassifier
from har.samples import Batch
from har.skeleton.streams import compute_stream

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
Classifier = SkeletonClassifier | MultiStreamClassifier

_CLASSIFIER = "classifier."
_AFTER_FEATURES = re.compile(r"(classifiers\.\w+\.)?head\.|(shares|scores)$")
"""Tensors that the features do not depend on: heads, and the weights of the streams' logits."""


@dataclass(frozen=True)
class FrozenModel:
    """A classifier that only looks.

    Attributes:
        classifier: in evaluation, on ``device``.
        streams: names of the streams it takes.
    """

    classifier: Classifier
    streams: Sequence[str]
    device: torch.device

    @classmethod
    def of(cls, classifier: nn.Module, config: Mapping[str, Any]) -> "FrozenModel":
        """Put a classifier where the configuration's trainer would."""
        wants_gpu = config["trainer"]["accelerator"] != "cpu"
        device = torch.device("cuda" if wants_gpu and torch.cuda.is_available() else "cpu")
        model = cast(Classifier, classifier.eval().to(device))
        return cls(model, config["stream"]["names"], device)

    def part(self, data: BatchLoaders, part: Part) -> LabelledFeatures:
        """Return the features of the clips of a part, in the order of their rows."""
        data.tested = part
        features = [self._features(batch, data) for batch in data.test_dataloader()]
        labels = data.store.index.label[getattr(data.split, part)].astype(np.int64)
        return LabelledFeatures(np.concatenate(features), labels)

    @torch.no_grad()
    def _features(self, batch: Batch, data: BatchLoaders) -> np.ndarray:
        """Return (N, D), the mean over the views of each clip."""
        batch = data.transform(batch.to(self.device), training=False)
        streams = {
            name: compute_stream(name, batch.joints, data.output_layout, batch.confidence)
            for name in self.streams
        }
        features = self.classifier.features(streams, batch.person_mask)
        return features.unflatten(0, (-1, batch.views)).mean(1).cpu().numpy()


def load_feature_weights(classifier: nn.Module, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Load all weights that the features depend on; heads are left as they are.

    Raises:
        CheckpointError: one is missing, or of another shape.
    """
    stored = {
        name.removeprefix(_CLASSIFIER): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(_CLASSIFIER)
    }
    if not stored:
        raise CheckpointError(
            f"{path} has an encoder and its decoder: give encoder.ckpt of the same run folder"
        )
    needed = {k: v for k, v in classifier.state_dict().items() if not _AFTER_FEATURES.match(k)}
    problems = [f"{name} is missing" for name in needed if name not in stored]
    problems += [
        f"{name} is {tuple(stored[name].shape)}, the model has {tuple(tensor.shape)}"
        for name, tensor in needed.items()
        if name in stored and stored[name].shape != tensor.shape
    ]
    if problems:
        shown = "; ".join(problems[:5]) + (" ..." if len(problems) > 5 else "")
        raise CheckpointError(f"{path} does not give all weights of the features: {shown}")
    classifier.load_state_dict({name: stored[name] for name in needed}, strict=False)
