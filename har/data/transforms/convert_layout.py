"""Conversion of a batch to another joint layout."""

from dataclasses import dataclass, replace

import torch

from har.data.transforms.base import Transform
from har.samples import Batch
from har.skeleton.convert import conversion
from har.skeleton.layout import Layout, load_layout


@dataclass(frozen=True)
class ConvertLayout(Transform):
    """Reorders and derives joints; the transforms after it work in the new layout.

    Joints that the source cannot give are zeros with confidence 0.

    Attributes:
        target: name of a shipped layout, or path of a layout file.
    """

    target: str

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:  # noqa: ARG002
        """Return the converted batch; see ``Transform``."""
        recipe = conversion(layout, self.output_layout(layout))
        joints, confidence = recipe.apply(batch.joints, batch.confidence)
        person_mask = batch.person_mask & (confidence > 0).flatten(2).any(2)
        return replace(batch, joints=joints, confidence=confidence, person_mask=person_mask)

    def output_layout(self, layout: Layout) -> Layout:  # noqa: ARG002
        """Return the target layout."""
        return load_layout(self.target)
