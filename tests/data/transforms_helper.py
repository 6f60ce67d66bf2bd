"""Batches for the tests of transforms."""

from dataclasses import fields

import torch
from torch import Tensor

from har.data.transforms import Transform
from har.samples import Batch
from har.skeleton.layout import Layout, load_layout

KINECT = load_layout("kinect20")
COCO = load_layout("coco17")


def full_batch(
    layout: Layout = KINECT, clips: int = 6, people: int = 2, frames: int = 10, axes: int = 3
) -> Batch:
    """Random joints, all of them seen."""
    generator = torch.Generator().manual_seed(0)
    shape = (clips, people, frames, layout.num_joints)
    return Batch(
        joints=torch.randn((*shape, axes), generator=generator),
        confidence=torch.rand(shape, generator=generator) * 0.5 + 0.5,
        person_mask=torch.ones((clips, people), dtype=torch.bool),
        labels=torch.arange(clips),
        clip_index=torch.arange(clips),
    )


def random_batch(layout: Layout = KINECT, clips: int = 6, axes: int = 3) -> Batch:
    """Random joints with unseen ones, an absent second person, and a frame without anybody."""
    batch = full_batch(layout, clips, axes=axes)
    generator = torch.Generator().manual_seed(1)
    batch.confidence[torch.rand(batch.confidence.shape, generator=generator) < 0.05] = 0
    batch.confidence[0, 1] = 0
    batch.confidence[1, :, 0] = 0
    visible = batch.confidence > 0
    batch.joints = (batch.joints + 3) * visible.unsqueeze(-1)
    batch.person_mask = visible.flatten(2).any(2)
    return batch


def apply(transform: Transform, batch: Batch, layout: Layout = KINECT, seed: int = 0) -> Batch:
    return transform(batch, layout, torch.Generator().manual_seed(seed))


def tensors(batch: Batch) -> dict[str, Tensor]:
    return {
        f.name: value for f in fields(batch) if isinstance(value := getattr(batch, f.name), Tensor)
    }


def assert_equal(first: Batch, second: Batch) -> None:
    for name, value in tensors(first).items():
        assert torch.equal(value, tensors(second)[name]), name


def assert_close(first: Tensor, second: Tensor) -> None:
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
