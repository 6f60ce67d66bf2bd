"""Faults of light and sensor: too little, too much, noise, shadow."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from har.extras import require
from har.quality.corruptions.video_base import (
    EXTRA,
    VideoCorruption,
    quantised,
    to_light,
    to_pixels,
)

FULL_WELL_ELECTRONS = 2000
"""Of a pixel of a small camera; the fewer, the more photon noise."""

READ_NOISE_ELECTRONS = 5


@dataclass(frozen=True)
class SensorNoise(VideoCorruption):
    """Gaussian noise, new in every pixel of every frame. Levels of ImageNet-C (Hendrycks 2019)."""

    name: ClassVar[str] = "sensor_noise"
    parameter: ClassVar[str] = "standard deviation, share of the full scale"
    levels: ClassVar[tuple[float, ...]] = (0.08, 0.12, 0.18, 0.26, 0.38)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return noisy frames."""
        out = np.empty_like(frames)
        for place, frame in enumerate(frames):
            noise = rng.standard_normal(frame.shape, dtype=np.float32)
            out[place] = quantised(frame + noise * np.float32(255 * self.level))
        return out


@dataclass(frozen=True)
class LowLight(VideoCorruption):
    """Less light, with the photon and read noise of a small sensor."""

    name: ClassVar[str] = "low_light"
    parameter: ClassVar[str] = "stops darker"
    levels: ClassVar[tuple[float, ...]] = (1, 2, 3, 4, 5)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return dark frames."""
        out = np.empty_like(frames)
        for place, frame in enumerate(frames):
            electrons = to_light(frame) * np.float32(FULL_WELL_ELECTRONS / 2**self.level)
            spread = np.sqrt(electrons + READ_NOISE_ELECTRONS**2)
            electrons += rng.standard_normal(frame.shape, dtype=np.float32) * spread
            out[place] = to_pixels(electrons / FULL_WELL_ELECTRONS)
        return out


@dataclass(frozen=True)
class OverExposure(VideoCorruption):
    """More light than the sensor holds: bright parts turn white."""

    name: ClassVar[str] = "over_exposure"
    parameter: ClassVar[str] = "stops brighter"
    levels: ClassVar[tuple[float, ...]] = (0.5, 1, 1.5, 2, 3)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Return bright frames."""
        brighter = to_pixels(to_light(np.arange(256)) * np.float32(2**self.level))
        return brighter[frames]


@dataclass(frozen=True)
class Shadow(VideoCorruption):
    """One side of a line across the image lies in shadow with a soft edge, all through the clip."""

    name: ClassVar[str] = "shadow"
    parameter: ClassVar[str] = "share of the light that is gone"
    levels: ClassVar[tuple[float, ...]] = (0.4, 0.6, 0.75, 0.87, 0.95)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return frames with a shadow."""
        height, width = frames.shape[1:3]
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.25, 0.25)
        y, x = np.mgrid[:height, :width].astype(np.float32) / min(height, width)
        x, y = x - x.mean(), y - y.mean()
        side = x * np.cos(angle) + y * np.sin(angle) - offset
        shade = 1 - self.level / (1 + np.exp(-(side / 0.02).clip(-50, 50)))
        shade = shade[..., None].astype(np.float32)
        return np.stack([to_pixels(to_light(frame) * shade) for frame in frames])


@dataclass(frozen=True)
class LensFog(VideoCorruption):
    """Moisture or dirt on the lens: veiling light and blur, in clouds that stay where they are."""

    name: ClassVar[str] = "lens_fog"
    parameter: ClassVar[str] = "share of the light that the fog takes where it is thickest"
    levels: ClassVar[tuple[float, ...]] = (0.3, 0.5, 0.7, 0.85, 0.95)

    def corrupt(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return frames through fog."""
        cv2 = require("cv2", EXTRA)
        height, width = frames.shape[1:3]
        coarse = rng.random((5, 5), dtype=np.float32)
        clouds = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        low, high = clouds.min(), clouds.max()
        clouds = 0.5 + 0.5 * (clouds - low) / max(high - low, 1e-6)
        thickness = (self.level * clouds)[..., None]
        sigma = max(min(height, width) * 0.03 * self.level, 0.1)
        out = np.empty_like(frames)
        for place, frame in enumerate(frames):
            light = to_light(frame)
            blurred = cv2.GaussianBlur(light, (0, 0), sigma)
            veil = 0.5 * light.mean() + 0.3
            out[place] = to_pixels((1 - thickness) * blurred + thickness * veil)
        return out
