"""Late fusion in one model: a classifier for each stream, their logits added up."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import cast

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.classifier import SkeletonClassifier


class MultiStreamClassifier(nn.Module):
    """Trains one ``SkeletonClassifier`` a stream together, on their weighted mean of logits.

    Every part comes by stream, in the order of the streams; the four mappings have the same keys.

    Args:
        fusion: for each stream, hands that one stream on.
        backbone, temporal, head: parts of each classifier.
        weights: share of each stream, in the order of the streams, such as ``[2, 2, 1, 1]``; None
            counts all the same. Only their ratios matter.
        learn_weights: start from ``weights`` and train them.
        skip_absent_people: as in ``SkeletonClassifier``.

    Raises:
        ConfigError: the weights do not fit the streams.
    """

    shares: Tensor

    def __init__(
        self,
        fusion: Mapping[str, nn.Module],
        backbone: Mapping[str, nn.Module],
        temporal: Mapping[str, nn.Module],
        head: Mapping[str, nn.Module],
        weights: Sequence[float] | None = None,
        learn_weights: bool = False,
        skip_absent_people: bool = True,
    ):
        super().__init__()
        self.classifiers = nn.ModuleDict(
            {
                name: SkeletonClassifier(
                    fusion[name], backbone[name], temporal[name], head[name], skip_absent_people
                )
                for name in fusion
            }
        )
        shares = checked_shares(weights, tuple(fusion), learn_weights)
        self.learn_weights = learn_weights
        if learn_weights:
            self.scores = nn.Parameter(shares.log())
        else:
            self.register_buffer("shares", shares)

    def forward(self, streams: Mapping[str, Tensor], person_mask: Tensor) -> Tensor:
        """Map streams of (N, M, T, V, C) and a person mask (N, M) to logits (N, classes)."""
        logits = [model({n: streams[n]}, person_mask) for n, model in self.classifiers.items()]
        return torch.stack(logits, dim=-1) @ self.stream_weights().to(logits[0].dtype)

    def features(self, streams: Mapping[str, Tensor], person_mask: Tensor) -> Tensor:
        """Return the features of all streams side by side, (N, sum of C)."""
        parts = [
            cast(SkeletonClassifier, model).features({name: streams[name]}, person_mask)
            for name, model in self.classifiers.items()
        ]
        return torch.cat(parts, dim=-1)

    def auxiliary_loss(self, logits: Tensor, labels: Tensor, person_mask: Tensor) -> Tensor | None:
        """Return the sum of the streams' own losses; see ``SkeletonClassifier.auxiliary_loss``."""
        found = [
            cast(SkeletonClassifier, model).auxiliary_loss(logits, labels, person_mask)
            for model in self.classifiers.values()
        ]
        losses = [loss for loss in found if loss is not None]
        return torch.stack(losses).sum() if losses else None

    def stream_weights(self) -> Tensor:
        """Return how much each stream counts, (streams,); they sum to 1."""
        return self.scores.softmax(dim=0) if self.learn_weights else self.shares


def checked_shares(weights: Sequence[float] | None, names: tuple[str, ...], learn: bool) -> Tensor:
    """Return one share a stream, positive where they are learned; they sum to 1.

    Raises:
        ConfigError: the weights do not fit the streams.
    """
    given = [1.0] * len(names) if weights is None else list(weights)
    if len(given) != len(names):
        raise ConfigError(
            f"{len(given)} weights for {len(names)} streams ({', '.join(names)}): give one each."
        )
    finite = all(map(isfinite, given))
    if not finite or min(given) < 0 or sum(given) == 0 or (learn and min(given) == 0):
        kind = "positive" if learn else "at least 0, and one of them more"
        raise ConfigError(f"weights={given}: the weight of every stream must be {kind}.")
    return torch.tensor(given) / sum(given)
