"""Late fusion: each modality has a head of its own, and their probabilities are averaged."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from har.models.fusion.base import MODALITIES, ModalityFusion
from har.models.multi_stream import checked_shares

SMALLEST = 1e-8

CANDIDATES = torch.stack([torch.linspace(1, 0, 21), torch.linspace(0, 1, 21)], dim=1)
"""(21, 2) weights of poses and of video among which "tuned" chooses."""


class LateFusion(ModalityFusion):
    """A weighted mean of the probabilities of poses and video.

    Where one is absent, the other counts alone.

    Args:
        map_channels: C of each modality.
        weights: of poses and of video; None counts both the same. Only their ratio matters.
        method: "fixed" keeps the weights; "learned" trains them by gradient with the rest;
            "tuned" sets them before each validation to those of least log-loss on its clips.
    """

    shares: Tensor

    def __init__(
        self,
        map_channels: Mapping[str, int],
        weights: Sequence[float] | None = None,
        method: Literal["fixed", "tuned", "learned"] = "fixed",
    ):
        super().__init__()
        self.readouts = dict(map_channels)
        self.method = method
        shares = checked_shares(weights, MODALITIES, method == "learned")
        if method == "learned":
            self.scores = torch.nn.Parameter(shares.log())
        else:
            self.register_buffer("shares", shares)

    def forward(self, maps: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        return dict(maps)

    def combine(self, scores: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """Return the logarithm of the mean probabilities, (N, K)."""
        stacked = torch.stack([scores[name].float() for name in MODALITIES], dim=1).softmax(2)
        weights = self.weights_of(present).to(stacked.dtype)
        return (weights[:, :, None] * stacked).sum(1).clamp(min=SMALLEST).log()

    @torch.no_grad()
    def log_losses(self, scores: Mapping[str, Tensor], present: Tensor, labels: Tensor) -> Tensor:
        """Return the summed log-loss of the clips for each of ``CANDIDATES``.

        Args:
            scores: logits (N, K) of each modality.
            present: (N, 2) bool.
            labels: (N,).
        """
        stacked = torch.stack([scores[name].double() for name in MODALITIES], dim=1).softmax(2)
        right = stacked[torch.arange(len(labels)), :, labels]
        found = [
            (_counted(shares.to(right), present) * right).sum(1).clamp(min=SMALLEST).log().sum()
            for shares in CANDIDATES
        ]
        return -torch.stack(found)

    def choose(self, losses: Tensor) -> None:
        """Take the candidate of least loss, the first of equals."""
        self.shares.copy_(CANDIDATES[int(losses.argmin())])

    def weights_of(self, present: Tensor) -> Tensor:
        """Return how much each modality counts, (N, 2); they sum to 1 over what is present."""
        return _counted(
            self.scores.softmax(0) if self.method == "learned" else self.shares, present
        )


def _counted(shares: Tensor, present: Tensor) -> Tensor:
    """Return the shares (2,) for clips (N, 2); where nothing is present, as if both were."""
    # A share of 0 must not leave a clip without any weight where only that modality is there.
    there = present | ~present.any(1, keepdim=True)
    counted = shares.clamp(min=SMALLEST) * there
    return counted / counted.sum(1, keepdim=True)
