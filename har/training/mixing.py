"""Mixing augmentations: two clips and their labels become one."""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from har.samples import Batch


@dataclass(frozen=True)
class Mixup:
    """Mixup of whole clips, Zhang et al., ICLR 2018.

    Args:
        alpha: of the Beta(alpha, alpha) distribution of the share.
        p: probability that a batch is mixed.
    """

    alpha: float = 0.2
    p: float = 1.0

    def __call__(self, batch: Batch, num_classes: int, rng: torch.Generator) -> Batch:
        """Return the batch mixed with a permutation of itself, with soft targets (N, classes).

        The share is one number a batch; it and the permutation come from ``rng``, a CPU generator.
        A joint unseen in either clip keeps the coordinates of the other.
        """
        soft = F.one_hot(batch.labels, num_classes).to(batch.joints.dtype)
        if torch.rand(1, generator=rng).item() >= self.p:
            return replace(batch, targets=soft)
        share = _beta(self.alpha, rng)
        other = torch.randperm(len(batch), generator=rng).to(batch.joints.device)
        seen, other_seen = batch.confidence > 0, batch.confidence[other] > 0
        weight = torch.where(seen & other_seen, share, seen.to(soft.dtype)).unsqueeze(-1)
        return replace(
            batch,
            joints=batch.joints * weight + batch.joints[other] * (1 - weight),
            confidence=torch.maximum(batch.confidence, batch.confidence[other]),
            person_mask=batch.person_mask | batch.person_mask[other],
            targets=soft * share + soft[other] * (1 - share),
        )


def _beta(alpha: float, rng: torch.Generator) -> float:
    concentration = torch.full((2,), alpha)
    first, second = torch._standard_gamma(concentration, generator=rng).tolist()
    return first / max(first + second, 1e-12)
