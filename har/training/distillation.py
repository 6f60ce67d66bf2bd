"""Distillation: a trained model that sees more teaches one that sees less.

The teacher sees the poses and the frames of a batch, the student the poses. Only the student is
trained, and only it is needed afterwards.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError
from har.samples import Batch
from har.skeleton.layout import Layout
from har.training.inputs import classifier_inputs


@dataclass(frozen=True)
class Teacher:
    """A trained classifier with what it is called with.

    Attributes:
        classifier: with its weights.
        streams: names of the streams it takes.
        layout: of the joints; None where it takes no streams.
    """

    classifier: nn.Module
    streams: Sequence[str]
    layout: Layout | None

    def logits(self, batch: Batch) -> Tensor:
        """Return the logits (N, K) for a batch, with all modalities it has."""
        return self._run(batch, self._ready(batch))

    def features(self, batch: Batch) -> Tensor:
        """Return what the teacher's heads see, (N, C)."""
        own = getattr(self._ready(batch), "features", None)
        if own is None:
            raise ConfigError(
                f"distillation=features: a {type(self.classifier).__name__} has no features to "
                "teach; choose distillation=logits, or a teacher of poses or of both"
            )
        return self._run(batch, own)

    @torch.no_grad()
    def _run(self, batch: Batch, function: Callable[..., Tensor]) -> Tensor:
        whole = replace(batch, present=None)
        return function(*classifier_inputs(self.classifier, whole, self.streams, self.layout))

    def _ready(self, batch: Batch) -> nn.Module:
        return self.classifier.to(batch.joints.device).eval()


class Distillation(ABC):
    """A teacher's part of the loss. It is no module, so that checkpoints do not hold the teacher.

    Args:
        teacher: provided by the program.
        checkpoint: file of the teacher, for the record.
        weight: of this part of the loss.
    """

    def __init__(self, teacher: Teacher, checkpoint: str, weight: float):
        if weight <= 0:
            raise ConfigError(f"distillation.weight={weight} must be above 0")
        self.teacher = teacher
        self.checkpoint = checkpoint
        self.weight = weight

    def watch(self, student: nn.Module) -> None:  # noqa: B027, it is a hook that few need
        """Get ready for a student; before its training starts."""

    @abstractmethod
    def __call__(self, batch: Batch, logits: Tensor) -> Tensor:
        """Return this part of the loss.

        Args:
            batch: transformed, with all that the teacher needs.
            logits: the student's for it, (N, K).
        """


class LogitDistillation(Distillation):
    """The student's probabilities approach the teacher's, both softened by a temperature.

    Hinton et al., Distilling the Knowledge in a Neural Network, 2015,
    https://arxiv.org/abs/1503.02531; Kullback-Leibler divergence times the squared temperature.

    Args:
        teacher, checkpoint, weight: see ``Distillation``.
        temperature: above 0.
    """

    def __init__(
        self, teacher: Teacher, checkpoint: str, weight: float = 1.0, temperature: float = 4.0
    ):
        super().__init__(teacher, checkpoint, weight)
        if temperature <= 0:
            raise ConfigError(f"distillation.temperature={temperature} must be above 0")
        self.temperature = temperature

    def __call__(self, batch: Batch, logits: Tensor) -> Tensor:
        """Return the divergence; see ``Distillation``."""
        taught = (self.teacher.logits(batch).float() / self.temperature).softmax(1)
        own = (logits / self.temperature).log_softmax(1)
        divergence = F.kl_div(own, taught, reduction="batchmean")
        return self.weight * self.temperature**2 * divergence


class FeatureDistillation(Distillation):
    """Clips that are alike to the teacher become alike to the student.

    Tung and Mori, Similarity-Preserving Knowledge Distillation, ICCV 2019,
    https://arxiv.org/abs/1907.09682: the similarities of the clips of a batch are compared, so that
    features of any width fit and no layer has to be added.

    Args:
        teacher, checkpoint: see ``Distillation``.
        weight: the authors take 3000; the distance is divided by the squared size of the batch.
    """

    def __init__(self, teacher: Teacher, checkpoint: str, weight: float = 3000.0):
        super().__init__(teacher, checkpoint, weight)
        self._seen: Tensor | None = None

    def watch(self, student: nn.Module) -> None:
        """Keep what the head of the student is given.

        Raises:
            ConfigError: the student has no one head.
        """
        head = getattr(student, "head", None)
        if not isinstance(head, nn.Module) or isinstance(head, nn.ModuleDict):
            raise ConfigError(
                f"distillation=features: a {type(student).__name__} has no one head whose input "
                "could learn; choose model=gcn, model=video or distillation=logits"
            )
        head.register_forward_pre_hook(self._keep)

    def __call__(self, batch: Batch, logits: Tensor) -> Tensor:  # noqa: ARG002
        """Return the distance of the similarities; see ``Distillation``."""
        seen, self._seen = self._seen, None
        assert seen is not None
        taught = similarities(self.teacher.features(batch).float())
        distance = (similarities(seen.float()) - taught).square().sum()
        return self.weight * distance / len(seen) ** 2

    def _keep(self, head: nn.Module, given: tuple[Tensor, ...]) -> None:
        if head.training:
            self._seen = given[0]


def similarities(features: Tensor) -> Tensor:
    """Return the products of features (N, C) of all pairs of clips, (N, N), rows of length 1."""
    return F.normalize(features @ features.T, dim=1)
