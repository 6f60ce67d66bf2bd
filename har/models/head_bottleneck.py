"""The head of InfoGCN: a noisy bottleneck before the classes, and the loss that shapes it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LARGEST_NOISE = 100.0


class BottleneckHead(nn.Module):
    """Predicts mean and spread of a latent vector, draws it, and classifies it linearly.

    In evaluation the latent vector is its mean.

    Args:
        in_channels: features a clip.
        num_classes: scores a clip.
        latent_channels: Z, length of the latent vector; default as ``in_channels``.
        noise: factor on the log of the spread.
        class_weight: weight of the distance of each class's mean latent vector from its target.
        mean_weight: weight of the length of the mean of all latent vectors.
        target_gain: length of the targets, which are random and orthogonal to each other.
        dropout: rate after the first layer.
    """

    targets: Tensor

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        latent_channels: int | None = None,
        noise: float = 0.5,
        class_weight: float = 0.1,
        mean_weight: float = 1e-4,
        target_gain: float = 3.0,
        dropout: float = 0.0,
    ):
        super().__init__()
        latent = latent_channels or in_channels
        self.noise = noise
        self.class_weight = class_weight
        self.mean_weight = mean_weight
        self.encode = nn.Linear(in_channels, latent)
        self.dropout = nn.Dropout(dropout)
        self.mean = nn.Linear(latent, latent)
        self.log_spread = nn.Linear(latent, latent)
        self.classify = nn.Linear(latent, num_classes)
        targets = nn.init.orthogonal_(torch.empty(num_classes, latent), gain=target_gain)
        self.register_buffer("targets", targets)
        for layer in (self.encode, self.mean, self.log_spread):
            nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain("relu"))
        nn.init.normal_(self.classify.weight, std=(2.0 / num_classes) ** 0.5)
        self._latent: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C) to logits (N, num_classes)."""
        hidden = self.dropout(F.relu(self.encode(x)))
        latent = self.mean(hidden)
        self._latent = None
        if self.training:
            spread = (self.noise * self.log_spread(hidden)).exp().clamp(max=LARGEST_NOISE)
            latent = latent + spread * torch.randn_like(spread)
            self._latent = latent
        return self.classify(latent)

    def auxiliary_loss(
        self,
        logits: Tensor,  # noqa: ARG002 - every auxiliary loss is given the same
        labels: Tensor,
        side_features: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the weighted loss on the latent vectors of the last forward pass in training.

        It is used up: a second call without a forward pass returns 0.

        Args:
            logits: not used.
            labels: classes (N,), or their probabilities (N, K) where clips are mixed.
            side_features: not used.
        """
        latent, self._latent = self._latent, None
        if latent is None:
            return self.targets.new_zeros(())
        latent = latent.to(self.targets.dtype)
        length = torch.linalg.vector_norm(latent.mean(dim=0))
        return self.class_weight * self._class_distance(latent, labels) + self.mean_weight * length

    def _class_distance(self, latent: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared distance of class means and targets, of the classes there are."""
        shares = F.one_hot(labels, len(self.targets)) if labels.ndim == 1 else labels
        shares = shares.to(latent.dtype)
        weight = shares.sum(dim=0)
        present = weight > 0
        means = (shares.T @ latent)[present] / weight[present, None]
        return F.mse_loss(means, self.targets[present])
