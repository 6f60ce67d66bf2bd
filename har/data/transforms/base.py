"""What every transform does."""

from abc import ABC, abstractmethod

import torch

from har.samples import Batch
from har.skeleton.layout import Layout


class Transform(ABC):
    """A pure function of a batch: it returns a new batch and leaves the one given as it was.

    Joints with confidence 0 are zeros before and after, and ``person_mask`` tells who is left.
    """

    @abstractmethod
    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the transformed batch.

        Args:
            batch: clips on any device.
            layout: the joints of the batch.
            rng: a generator on the CPU, wherever the batch is: equal seeds give equal draws on all
                devices. A random transform first draws one number a clip that decides with
                probability ``p`` whether the clip changes, then, for all clips, its parameters in
                the order its docstring tells. Other transforms draw nothing.

        Raises:
            LayoutError: if the layout lacks joints that the transform needs.
            ConfigError: if the transform cannot work on joints of this kind.
        """

    def output_layout(self, layout: Layout) -> Layout:
        """Return the layout of the joints that come out, where ``layout`` goes in."""
        return layout
