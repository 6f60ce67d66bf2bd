"""The path every skeleton model shares: streams, backbone, temporal pooling, people, head."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.confidence import weigh_by_confidence
from har.models.layers import mean_over_people
from har.skeleton.streams import CONFIDENCE


class SkeletonClassifier(nn.Module):
    """Classifies clips of one or several people.

    Args:
        fusion: joins the streams into one input (N, M, T, V, C).
        backbone: maps (P, T, V, C) to features (P, T', V', C').
        temporal: maps those to one vector a person (P, C'').
        head: maps one vector a clip to logits.
        skip_absent_people: run the backbone on the people who are there only, so that padding
            costs no time and enters no statistic. Off, absent people are zeros that count in batch
            norm and in the mean over people, as in PYSKL: for parity with its checkpoints.
        joint_confidence: what becomes of the stream ``confidence``: ``channel`` hands it to the
            fusion like any other stream; ``weight`` keeps it from the fusion, and features count in
            the temporal pooling as much as the joints they come from are sure.
    """

    def __init__(
        self,
        fusion: nn.Module,
        backbone: nn.Module,
        temporal: nn.Module,
        head: nn.Module,
        skip_absent_people: bool = True,
        joint_confidence: Literal["channel", "weight"] = "channel",
    ):
        super().__init__()
        self.fusion = fusion
        self.backbone = backbone
        self.temporal = temporal
        self.head = head
        self.skip_absent_people = skip_absent_people
        self.joint_confidence = joint_confidence
        if skip_absent_people and getattr(backbone, "person_slots", 1) > 1:
            raise ConfigError(
                "a backbone with person_slots over 1 has to see every person of a clip: set "
                "model.skip_absent_people=false"
            )

    def forward(self, streams: Mapping[str, Tensor], person_mask: Tensor) -> Tensor:
        """Map streams of (N, M, T, V, C) and a person mask (N, M) to logits (N, classes)."""
        return self.head(self.features(streams, person_mask))

    def features(self, streams: Mapping[str, Tensor], person_mask: Tensor) -> Tensor:
        """Return one feature vector a clip, (N, C)."""
        joined = self.fusion(streams)
        if not self.skip_absent_people:
            person_mask = torch.ones_like(person_mask)
        people = joined[person_mask]
        if people.shape[0] == 0:
            return joined.new_zeros(joined.shape[0], self.temporal.out_channels)
        features = self.backbone(people)
        if self.joint_confidence == "weight":
            order = getattr(self.backbone, "out_joints", None)
            features = weigh_by_confidence(features, streams[CONFIDENCE][person_mask], order)
        return mean_over_people(self.temporal(features), person_mask)

    def auxiliary_loss(self, logits: Tensor, labels: Tensor, person_mask: Tensor) -> Tensor | None:
        """Return the head's own loss on the last forward pass in training; None where it has none.

        Args:
            logits: of that pass, (N, classes).
            labels: classes (N,), or their probabilities (N, classes) where clips are mixed.
            person_mask: of that pass, (N, M) bool.
        """
        side_features = self._side_features(person_mask)
        own: Callable[..., Tensor] | None = getattr(self.head, "auxiliary_loss", None)
        return None if own is None else own(logits, labels, side_features)

    def _side_features(self, person_mask: Tensor) -> Tensor | None:
        """Return what the backbone left for the head, mean over the people of each clip."""
        take: Callable[[], Tensor | None] | None = getattr(
            self.backbone, "take_side_features", None
        )
        features = take() if take is not None else None
        if features is None:
            return None
        if not self.skip_absent_people:
            person_mask = torch.ones_like(person_mask)
        averaged = mean_over_people(features.flatten(1), person_mask)
        return averaged.unflatten(1, features.shape[1:])
