"""Batches and loops for the tests of training."""

import torch

from har.samples import Batch


def random_batch(
    clips: int = 6,
    people: int = 2,
    frames: int = 8,
    joints: int = 25,
    classes: int = 5,
    seed: int = 0,
) -> Batch:
    """Return a batch in which every second clip has one person only."""
    rng = torch.Generator().manual_seed(seed)
    person_mask = torch.ones(clips, people, dtype=torch.bool)
    person_mask[1::2, 1:] = False
    confidence = torch.rand(clips, people, frames, joints, generator=rng) * 0.5 + 0.5
    confidence *= person_mask[:, :, None, None]
    points = torch.randn(clips, people, frames, joints, 3, generator=rng)
    return Batch(
        joints=points * (confidence > 0).unsqueeze(-1),
        confidence=confidence,
        person_mask=person_mask,
        labels=torch.randint(classes, (clips,), generator=rng),
        clip_index=torch.arange(clips),
        seed=seed,
    )
