"""What all corruptions of video share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from har.errors import ConfigError
from har.quality.corruptions.pose_base import check_severity

REFERENCE_SIDE_PX = 224
"""Lengths in pixels are told for images of this short side, that of ImageNet-C, and scaled."""

EXTRA = "video"
"""Extra of har that brings the packages they need."""


@dataclass(frozen=True)
class VideoCorruption(ABC):
    """A fault of camera, light or transmission, in five severities: a pure function of frames.

    Draws do not depend on the severity: with equal seeds a higher one does more of the same.

    Attributes:
        severity: 1 (hardly visible) to 5 (the worst that a working system meets).
    """

    name: ClassVar[str]
    parameter: ClassVar[str]
    levels: ClassVar[tuple[Any, ...]]

    severity: int = 3

    def __post_init__(self) -> None:
        check_severity(self.name, self.severity)

    def __call__(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the corrupted frames, of the same shape.

        Args:
            frames: (T, H, W, 3) uint8 RGB; T may be 0.
            rng: of all draws.

        Raises:
            ConfigError: the frames have another shape or type, or a package is not installed.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise ConfigError(
                f"{self.name} needs frames (T, H, W, 3) of uint8, got {frames.shape} of "
                f"{frames.dtype}"
            )
        return self.corrupt(frames, rng) if frames.size else frames.copy()

    @abstractmethod
    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the corrupted frames; there is at least one."""

    @property
    def level(self) -> Any:
        """What ``parameter`` is at this severity."""
        return self.levels[self.severity - 1]


def pixels(frames: np.ndarray, length: float) -> float:
    """Return a length told for ``REFERENCE_SIDE_PX`` in pixels of these frames."""
    return length * min(frames.shape[1:3]) / REFERENCE_SIDE_PX


def to_light(frames: np.ndarray) -> np.ndarray:
    """Return linear light in [0, 1] from sRGB pixels, float32."""
    return _LIGHT_OF_PIXEL[frames]


def to_pixels(light: np.ndarray) -> np.ndarray:
    """Return sRGB pixels of linear light; what is brighter than 1 is white."""
    light = light.clip(0, 1)
    curved = 1.055 * np.power(light, 1 / 2.4, dtype=np.float32) - 0.055
    encoded = np.where(light <= 0.0031308, 12.92 * light, curved)
    return quantised(encoded * 255)


def quantised(values: np.ndarray) -> np.ndarray:
    """Return values of the scale 0 to 255 as uint8, rounded and cut."""
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _light_of_pixels() -> np.ndarray:
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


_LIGHT_OF_PIXEL = _light_of_pixels()
