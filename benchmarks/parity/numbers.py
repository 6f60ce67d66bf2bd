"""Numbers that are the same everywhere and for ever: weights for a model, and clips for it to see.

They come from the bits of PCG64, whose stream NumPy keeps, so that logits written down on one
machine can be compared on another.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

WEIGHTS_SEED = 1
CLIPS_SEED = 2
GAIN = 0.7


class Uniform:
    """Draws numbers from [0, 1)."""

    def __init__(self, seed: int):
        self._bits = np.random.PCG64(seed)

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        """Return float64 numbers of a shape."""
        bits = self._bits.random_raw(max(1, math.prod(shape))) >> np.uint64(11)
        return torch.from_numpy(bits * 2.0**-53)[: math.prod(shape)].reshape(shape)


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return weights (float32) by name, drawn in the order of the names.

    Everything has an effect: gates are open, norms are off one and zero. What passes through a
    network stays within a few orders of magnitude.
    """
    draw = Uniform(WEIGHTS_SEED)
    return {name: _tensor(name, shape, draw) for name, shape in shapes.items()}


def _tensor(name: str, shape: tuple[int, ...], draw: Uniform) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    numbers = draw(shape)
    if name.endswith(("bias", "running_mean")):
        return (numbers - 0.5).float()
    if len(shape) < 2:
        return (numbers + 0.5).float() if name.endswith("running_var") else (numbers * GAIN).float()
    bound = math.sqrt(3 / math.prod(shape[1:]))
    return ((2 * numbers - 1) * bound).float()


def clips(shape: tuple[int, ...], seed: int = CLIPS_SEED) -> Tensor:
    """Return clips (N, M, T, V, C), float64, coordinates in [-1, 1)."""
    return 2 * Uniform(seed)(shape) - 1


def labels(count: int, classes: int, seed: int = CLIPS_SEED) -> Tensor:
    """Return a class for each of some clips."""
    return (Uniform(seed + 1)((count,)) * classes).long()
