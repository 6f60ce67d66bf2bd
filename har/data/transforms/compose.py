"""A chain of transforms."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from har.data.transforms.base import Transform
from har.data.transforms.linear import LinearTransform, Moving
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class Compose(Transform):
    """Applies transforms one after the other; an empty chain returns the batch given.

    Neighbours that are linear are applied as one, see ``linear``.
    """

    transforms: Sequence[Transform] = ()

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the batch after the last transform; see ``Transform``."""
        clips = Moving(batch)
        for transform in self.transforms:
            if isinstance(transform, LinearTransform):
                clips = transform.move(clips, layout, rng)
            else:
                clips = Moving(transform(clips.settled(), layout, rng))
            layout = transform.output_layout(layout)
        return clips.settled()

    def output_layout(self, layout: Layout) -> Layout:
        """Return the layout after the last transform."""
        for transform in self.transforms:
            layout = transform.output_layout(layout)
        return layout
