"""The path every skeleton model shares: streams, backbone, temporal pooling, people, head."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from har.models.layers import mean_over_people


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
    """

    def __init__(
        self,
        fusion: nn.Module,
        backbone: nn.Module,
        temporal: nn.Module,
        head: nn.Module,
        skip_absent_people: bool = True,
    ):
        super().__init__()
        self.fusion = fusion
        self.backbone = backbone
        self.temporal = temporal
        self.head = head
        self.skip_absent_people = skip_absent_people

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
        return mean_over_people(self.temporal(self.backbone(people)), person_mask)
