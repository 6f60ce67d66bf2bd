"""Batches for the tests of corruptions."""

from dataclasses import fields

import torch
from torch import Tensor

from har.samples import Batch
from har.skeleton.layout import Layout, load_layout

KINECT = load_layout("kinect20")
COCO = load_layout("coco17")


def pose_batch(
    layout: Layout = KINECT,
    clips: int = 6,
    people: int = 2,
    frames: int = 12,
    axes: int = 3,
    seen: float = 0.95,
) -> Batch:
    """Return random bodies three units away that move a little, with some joints unseen."""
    rng = torch.Generator().manual_seed(0)
    shape = (clips, people, frames, layout.num_joints)
    bodies = torch.randn((clips, people, 1, layout.num_joints, axes), generator=rng)
    joints = 3 + bodies + 0.1 * torch.randn((*shape, axes), generator=rng).cumsum(2)
    confidence = torch.rand(shape, generator=rng) * 0.5 + 0.5
    confidence[torch.rand(shape, generator=rng) >= seen] = 0
    visible = confidence > 0
    return Batch(
        joints=joints * visible.unsqueeze(-1),
        confidence=confidence,
        person_mask=visible.flatten(2).any(2),
        labels=torch.arange(clips),
        clip_index=torch.arange(clips),
    )


def apply(corruption, batch: Batch, layout: Layout = KINECT, seed: int = 0) -> Batch:
    return corruption(batch, layout, torch.Generator().manual_seed(seed))


def tensors(batch: Batch) -> dict[str, Tensor]:
    return {
        f.name: value for f in fields(batch) if isinstance(value := getattr(batch, f.name), Tensor)
    }
