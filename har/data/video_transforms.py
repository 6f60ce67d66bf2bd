"""Augmentation of video clips; a clip's frames are all changed alike.

Transforms of batches run on the device of the batch. Their draws come from a generator on the
CPU, one set a clip, so that equal seeds give equal draws on all devices. ``Albumentations`` runs on
the CPU while a batch is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from har.errors import ConfigError, did_you_mean
from har.extras import require
from har.samples import Batch

GREY_WEIGHTS = (0.299, 0.587, 0.114)


class VideoTransform(Protocol):
    """A pure function of a batch that has frames (N, T, H, W, 3) uint8."""

    def __call__(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Return the changed batch."""


@dataclass(frozen=True)
class FlipVideo:
    """Mirrors left and right, with probability ``p``."""

    p: float = 0.5

    def __call__(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Return the changed batch; see ``VideoTransform``."""
        frames = _frames(batch)
        chosen = (torch.rand(len(frames), generator=rng) < self.p).to(frames.device)
        mirrored = torch.where(_per_clip(chosen), frames.flip(3), frames)
        return replace(batch, frames=mirrored)


@dataclass(frozen=True)
class VideoColour:
    """Changes brightness, contrast and saturation.

    Attributes:
        brightness, contrast, saturation: largest change, as a share; 0 leaves it as it is.
        grey: probability of a clip without colour.
    """

    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    grey: float = 0.0

    def __call__(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Return the changed batch; see ``VideoTransform``."""
        frames = _frames(batch)
        draws = torch.rand(4, len(frames), generator=rng).to(frames.device)
        brightness, contrast, saturation = (
            _per_clip(1 + (2 * draw - 1) * largest)
            for draw, largest in zip(
                draws, (self.brightness, self.contrast, self.saturation), strict=False
            )
        )
        saturation = torch.where(_per_clip(draws[3] < self.grey), 0.0, saturation)
        pixels = frames.float() * brightness
        pixels = pixels.lerp(pixels.mean(dim=(1, 2, 3, 4), keepdim=True), 1 - contrast)
        weights = torch.tensor(GREY_WEIGHTS, device=frames.device)
        grey = (pixels * weights).sum(dim=-1, keepdim=True)
        pixels = grey + (pixels - grey) * saturation
        return replace(batch, frames=pixels.round().clamp(0, 255).to(torch.uint8))


@dataclass(frozen=True)
class VideoErase:
    """Covers a rectangle, the same in all frames, with grey.

    Attributes:
        p: probability.
        max_share: largest share of height and of width.
    """

    p: float = 0.25
    max_share: float = 0.4

    def __call__(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Return the changed batch; see ``VideoTransform``."""
        frames = _frames(batch).clone()
        height, width = frames.shape[2:4]
        draws = torch.rand(len(frames), 5, generator=rng).tolist()
        for clip, (chance, tall, wide, down, across) in zip(frames, draws, strict=True):
            if chance < self.p:
                rows, columns = (
                    int(tall * self.max_share * height),
                    int(wide * self.max_share * width),
                )
                top, left = int(down * (height - rows)), int(across * (width - columns))
                clip[:, top : top + rows, left : left + columns] = 128
        return replace(batch, frames=frames)


@dataclass(frozen=True)
class Albumentations:
    """Transforms of albumentations, with equal draws for all frames of a clip.

    Attributes:
        transforms: name of each transform with its arguments, in order, as in
            ``{MotionBlur: {p: 0.2}, ImageCompression: {quality_range: [30, 80], p: 0.3}}``.
    """

    transforms: dict[str, dict[str, Any]]

    def __post_init__(self) -> None:
        self._compose(0)

    def __call__(self, frames: np.ndarray, seed: int) -> np.ndarray:
        """Return the changed frames (T, H, W, 3)."""
        changed: Sequence[np.ndarray] = self._compose(seed % 2**32)(images=frames)["images"]
        return np.stack(list(changed))

    def _compose(self, seed: int) -> Any:
        library = require("albumentations", "video")
        steps = []
        for name, options in self.transforms.items():
            kind = getattr(library, name, None)
            if not (isinstance(kind, type) and issubclass(kind, library.BasicTransform)):
                raise ConfigError(
                    f"albumentations has no transform '{name}'.{did_you_mean(name, dir(library))}"
                )
            steps.append(kind(**options))
        return library.Compose(steps, seed=seed)


def _frames(batch: Batch) -> Tensor:
    if batch.frames is None:
        raise ConfigError("transforms of videos need a dataset of videos")
    return batch.frames


def _per_clip(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1, 1)
