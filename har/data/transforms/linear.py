"""Transforms that do the same to all joints of a clip: a shift, then a linear map.

A chain of them moves the joints once. Each tells what it would do to clips that those before it
have moved, and their product is applied where the next transform wants to see the joints.
"""

from abc import abstractmethod
from dataclasses import dataclass, replace

import torch

from har.data.transforms.arrays import Array, in_double
from har.data.transforms.base import Transform
from har.data.transforms.geometry import apply_matrices
from har.data.transforms.masking import seen_from
from har.samples import Batch
from har.skeleton.layout import Layout


@dataclass(frozen=True)
class Moving:
    """Clips, and what is still to be done to the joints of each: ``matrix @ (joint - origin)``.

    Attributes:
        batch: the clips as they are.
        origin: (N, 1, T or 1, 1, C); None where nothing is shifted.
        matrix: (N, C, C) float64; None where nothing is turned or scaled.
    """

    batch: Batch
    origin: Array | None = None
    matrix: Array | None = None

    def differences(self, vectors: Array) -> Array:
        """Return differences between joints of one frame, (N, ..., C), as they will be."""
        vectors = in_double(vectors)
        if self.matrix is None:
            return vectors
        rows = vectors.reshape(vectors.shape[0], -1, vectors.shape[-1])
        return (rows @ self.matrix.swapaxes(1, 2)).reshape(vectors.shape)

    def turned(self, matrices: Array) -> "Moving":
        """Return the clips with a linear map (N, C, C) of each behind what is to be done."""
        matrices = in_double(matrices)
        return replace(self, matrix=matrices if self.matrix is None else matrices @ self.matrix)

    def settled(self) -> Batch:
        """Return the clips with everything done."""
        batch = self.batch
        if self.origin is not None:
            batch = replace(batch, joints=seen_from(batch, self.origin))
        if self.matrix is not None:
            batch = replace(batch, joints=apply_matrices(batch.joints, self.matrix))
        return batch


class LinearTransform(Transform):
    """A transform that does the same to all joints of a clip."""

    @abstractmethod
    def move(self, clips: Moving, layout: Layout, rng: torch.Generator) -> Moving:
        """Return the clips with this transform added to what is to be done; see ``Transform``."""

    def __call__(self, batch: Batch, layout: Layout, rng: torch.Generator) -> Batch:
        """Return the moved batch; see ``Transform``."""
        return self.move(Moving(batch), layout, rng).settled()
