"""Losses on soft or hard targets, with weights against unbalanced classes."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.errors import ConfigError

Balance = Literal["none", "inverse", "effective"]


def class_weights(counts: Tensor, balance: Balance, beta: float = 0.999) -> Tensor:
    """Return one weight a class, with mean 1 over the training clips.

    Args:
        counts: (K,) training clips of each class.
        balance: "none"; "inverse" weighs by 1/count; "effective" by the effective number of
            samples (1 - beta^count)/(1 - beta) of Cui et al., CVPR 2019, eq. 2.
        beta: of the effective number.

    A class without training clips has weight 0.

    Raises:
        ConfigError: beta is not in [0, 1).
    """
    _check_share("beta", beta)
    counts = counts.double()
    if balance == "none":
        return torch.ones_like(counts).float()
    amount = counts if balance == "inverse" else (1 - beta**counts) / (1 - beta)
    weights = torch.where(counts > 0, 1 / amount.clamp(min=1e-12), 0.0)
    return (weights * counts.sum() / (weights * counts).sum().clamp(min=1e-12)).float()


class _WeightedLoss(nn.Module):
    """Holds one weight a class; follows the model to its device, not into its checkpoints."""

    weight: Tensor

    def __init__(self, class_counts: Tensor, balance: Balance, beta: float):
        super().__init__()
        self.register_buffer("weight", class_weights(class_counts, balance, beta), persistent=False)


class CrossEntropy(_WeightedLoss):
    """Cross-entropy with label smoothing and class weights.

    Args:
        class_counts: (K,) training clips of each class.
        label_smoothing: share of the target spread evenly over all classes.
        balance: see ``class_weights``.
        beta: see ``class_weights``.

    Raises:
        ConfigError: the smoothing or beta is not in [0, 1).
    """

    def __init__(
        self,
        class_counts: Tensor,
        label_smoothing: float = 0.0,
        balance: Balance = "none",
        beta: float = 0.999,
    ):
        super().__init__(class_counts, balance, beta)
        _check_share("label_smoothing", label_smoothing)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss; targets are labels (N,) or probabilities (N, K)."""
        soft = _soft_targets(targets, logits.shape[1], self.label_smoothing)
        return -(soft * self.weight * logits.log_softmax(1)).sum(1).mean()


class FocalLoss(_WeightedLoss):
    """Focal loss, Lin et al., ICCV 2017, eq. 5: easy clips count less.

    Args:
        class_counts: (K,) training clips of each class.
        gamma: how much less; 0 is cross-entropy.
        balance: see ``class_weights``.
        beta: see ``class_weights``.

    Raises:
        ConfigError: gamma is negative, or beta not in [0, 1).
    """

    def __init__(
        self,
        class_counts: Tensor,
        gamma: float = 2.0,
        balance: Balance = "none",
        beta: float = 0.999,
    ):
        super().__init__(class_counts, balance, beta)
        if gamma < 0:
            raise ConfigError(f"gamma={gamma}: the exponent of the focal loss must be 0 or more")
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss; targets are labels (N,) or probabilities (N, K)."""
        soft = _soft_targets(targets, logits.shape[1], 0.0)
        log_probabilities = logits.log_softmax(1)
        # The slope of a fractional power at 0 is infinite; clips that are certain stay clear of it.
        hardness = (-log_probabilities.expm1()).clamp(min=1e-6) ** self.gamma
        return -(soft * self.weight * hardness * log_probabilities).sum(1).mean()


class MarginalisedCrossEntropy(_WeightedLoss):
    """Cross-entropy where a label admits several outputs, any of which may be right.

    The loss of a clip is the negative logarithm of the probability that the outputs admitted by
    its label have together: the likelihood of a partial label, Cour et al., JMLR 2011, and Jin
    and Ghahramani, NIPS 2002. With one output a label it is cross-entropy.

    Args:
        class_counts: (G,) training clips of each label.
        admissible: (G, A) bool, the outputs that are right for each label. A label without any
            has no loss.
        competing: (G, A) bool, the outputs that a clip with the label chooses among: all of them,
            or those of its dataset's own head.
        label_smoothing: share of the target spread evenly over the competing outputs.
        balance: see ``class_weights``.
        beta: see ``class_weights``.

    Raises:
        ConfigError: the smoothing or beta is not in [0, 1).
    """

    admissible: Tensor
    competing: Tensor

    def __init__(
        self,
        class_counts: Tensor,
        admissible: Tensor,
        competing: Tensor,
        label_smoothing: float = 0.0,
        balance: Balance = "none",
        beta: float = 0.999,
    ):
        super().__init__(class_counts, balance, beta)
        _check_share("label_smoothing", label_smoothing)
        self.label_smoothing = label_smoothing
        right = admissible & competing
        taught = right.any(1, keepdim=True)
        self.register_buffer("admissible", torch.where(taught, right, competing), persistent=False)
        self.register_buffer("competing", competing, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss; targets are labels (N,) or probabilities of labels (N, G)."""
        if targets.ndim == 1:
            return self._losses(logits, targets).mean()
        labels = torch.arange(targets.shape[1], device=targets.device)
        every = self._losses(logits[:, None, :], labels[None, :].expand(len(logits), -1))
        return torch.where(targets > 0, targets * every, 0).sum(1).mean()

    def _losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        competing = self.competing[labels]
        outputs = logits.masked_fill(~competing, -torch.inf).log_softmax(-1)
        admitted = outputs.masked_fill(~self.admissible[labels], -torch.inf).logsumexp(-1)
        even = outputs.masked_fill(~competing, 0).sum(-1) / competing.sum(-1)
        likelihood = (1 - self.label_smoothing) * admitted + self.label_smoothing * even
        return -likelihood * self.weight[labels]


def _soft_targets(targets: Tensor, classes: int, smoothing: float) -> Tensor:
    soft = F.one_hot(targets, classes).float() if targets.ndim == 1 else targets
    return soft * (1 - smoothing) + smoothing / classes


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ConfigError(f"{name}={value}: must be at least 0 and under 1")
