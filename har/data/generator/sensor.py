"""How a depth sensor reports joints: noise that grows with distance, guesses, gaps and mix-ups."""

from dataclasses import dataclass

import numpy as np

from har.data.generator.camera import project
from har.data.generator.layout import JOINTS, MIRRORED, NUMBER
from har.data.generator.randomness import stream
from har.data.generator.vectors import Array, length, unit

GUESS_BIAS_M = 0.07
MISSING_SHARE = 0.35
_SMOOTHING = (0.41, 0.82, 0.41)
_EXTREMITIES = {
    "hand_tip": 1.9,
    "thumb": 1.9,
    "hand": 1.5,
    "wrist": 1.25,
    "foot": 1.5,
    "ankle": 1.2,
}


@dataclass(frozen=True, slots=True)
class SensorNoise:
    """Random numbers of n recordings.

    Attributes:
        jitter: (n, 3, V, T + 2) standard normal.
        bias: (n, 3, V, 2) standard normal: error of a guessed joint at the start and at the end.
        gap: (n, V) uniform: decides whether a hidden joint is guessed or left out.
        drop: (n, T) uniform: decides which frames are lost.
        fault: (n, 4) uniform: rate of lost frames, and chance, start and length of a mix-up.
    """

    jitter: Array
    bias: Array
    gap: Array
    drop: Array
    fault: Array


@dataclass(frozen=True, slots=True)
class Recording:
    """What the sensor reports of n people.

    Attributes:
        joints: (3, V, n, T) metres in camera coordinates, zero where not seen.
        pixels: (2, V, n, T), zero where not seen.
        confidence: (V, n, T), 0 where not seen.
        outside: (V, n, T) joints beyond the image.
        dropped: (n, T) frames lost.
    """

    joints: Array
    pixels: Array
    confidence: Array
    outside: np.ndarray
    dropped: np.ndarray


def draw_noise(
    seed: int, kind: int, numbers: np.ndarray, frames: int, columns: int
) -> tuple[np.ndarray, SensorNoise]:
    """Return uniform style columns (n, columns) and the sensor's noise, one stream a clip."""
    n, joints = len(numbers), len(JOINTS)
    style = np.empty((n, columns))
    noise = SensorNoise(
        jitter=np.empty((n, 3, joints, frames + 2), np.float32),
        bias=np.empty((n, 3, joints, 2), np.float32),
        gap=np.empty((n, joints)),
        drop=np.empty((n, frames)),
        fault=np.empty((n, 4)),
    )
    for row, number in enumerate(numbers):
        generator = stream(seed, kind, int(number))
        generator.random(out=style[row])
        generator.standard_normal(dtype=np.float32, out=noise.jitter[row])
        generator.standard_normal(dtype=np.float32, out=noise.bias[row])
        for uniform in (noise.gap, noise.drop, noise.fault):
            generator.random(out=uniform[row])
    return style, noise


def typical_noise_m(distance_m: Array, scale: float) -> Array:
    """Return the standard deviation of a trunk joint at a distance."""
    return scale * (0.005 + 0.0018 * distance_m**2)


def record(seen: Array, hidden: np.ndarray, noise: SensorNoise, scale: float) -> Recording:
    """Report true joints (3, V, n, T) in camera coordinates; ``hidden`` (V, n, T) are occluded."""
    error, surprise = _errors(seen, hidden, noise, scale)
    reported = seen + error
    pixels, reported_inside = project(reported)
    outside = ~(project(seen)[1] & reported_inside)
    missing = hidden & (noise.gap.T < MISSING_SHARE)[:, :, None]
    clear = (1 - 0.04 * seen[2] - 0.1 * surprise).clip(0.4, 1)
    confidence = np.where(hidden, 0.35 * clear, clear).astype(np.float32)
    confidence[missing | outside] = 0
    dropped = _dropped_frames(noise, scale)
    confidence[:, dropped] = 0
    seen_at_all = confidence > 0
    recording = Recording(
        reported * seen_at_all, pixels * seen_at_all, confidence, outside, dropped
    )
    _mix_up_sides(recording, noise, scale)
    return recording


def _errors(
    seen: Array, hidden: np.ndarray, noise: SensorNoise, scale: float
) -> tuple[Array, Array]:
    """Return position errors (3, V, n, T) and how unusual they are (V, n, T)."""
    jitter = np.moveaxis(noise.jitter, 0, 2)
    before, now, after = _SMOOTHING
    smooth = before * jitter[..., :-2] + now * jitter[..., 1:-1] + after * jitter[..., 2:]
    trunk = unit(seen[:, NUMBER["spine_shoulder"]] - seen[:, NUMBER["pelvis"]])
    posture = 1 + 0.7 * (1 - np.abs(trunk[1]))
    spread = typical_noise_m(seen[2], scale) * _joint_factors()[:, None, None] * posture
    spread = spread * (1 + 1.5 * hidden)
    bias = np.moveaxis(noise.bias, 0, 2)
    time = np.linspace(0, 1, seen.shape[-1], dtype=np.float32)
    guess = bias[..., :1] + (bias[..., 1:] - bias[..., :1]) * time
    error = spread * smooth + (scale * GUESS_BIAS_M) * (hidden * guess)
    return error.astype(np.float32), length(smooth)


def _joint_factors() -> Array:
    factors = [
        next((f for part, f in _EXTREMITIES.items() if name.endswith(part)), 1.0) for name in JOINTS
    ]
    return np.array(factors, dtype=np.float32)


def _dropped_frames(noise: SensorNoise, scale: float) -> np.ndarray:
    """Return (n, T): about half of the clips lose frames, up to 15 %."""
    rate = (0.3 * (noise.fault[:, 0] - 0.5)).clip(0) * min(scale, 1.0)
    return noise.drop < rate[:, None]


def _mix_up_sides(recording: Recording, noise: SensorNoise, scale: float) -> None:
    """Exchange left and right for a few frames in some clips, as trackers do."""
    frames = recording.confidence.shape[-1]
    _, happens, start, duration = noise.fault.T
    first = start * frames
    number = np.arange(frames)
    during = (number >= first[:, None]) & (number < (first + 2 + 8 * duration)[:, None])
    swapped = during & (happens < 0.15 * min(scale, 1.0))[:, None]
    rows = np.flatnonzero(swapped.any(axis=1))
    for values in (recording.joints, recording.pixels, recording.confidence[None]):
        mixed = np.where(swapped[rows], values[:, MIRRORED][:, :, rows], values[:, :, rows])
        values[:, :, rows] = mixed
