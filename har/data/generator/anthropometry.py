"""Bodies of the synthetic residents: segment lengths, posture, pace and tremor.

Mean segment lengths follow the usual fractions of body height (Drillis and Contini, 1966, as
tabulated by Winter, Biomechanics and Motor Control of Human Movement).
"""

from dataclasses import dataclass, fields

import numpy as np

from har.data.generator.randomness import SUBJECT_STREAM, Draws, uniforms

STYLE_COLUMNS = 20
NECK_BASE_DROP = 0.015
FLOOR_MARGIN_M = 0.02


@dataclass(frozen=True, slots=True)
class Body:
    """n bodies; every field is (n,). Lengths in metres, angles in radians.

    Attributes:
        frailty: 0 (fit adult) to 1 (very frail); drives stoop, pace and range of motion.
        stoop: forward curve of the upper trunk.
        pace: speed of movement, 1 for a fit adult.
        amplitude: size of gestures, 1 on average.
        tremor_m: amplitude of the hand tremor, 0 for most subjects.
        left_handed: whether the left hand is preferred.
    """

    height: np.ndarray
    thigh: np.ndarray
    shank: np.ndarray
    ankle_height: np.ndarray
    foot: np.ndarray
    hip_half_width: np.ndarray
    hip_drop: np.ndarray
    lower_spine: np.ndarray
    upper_spine: np.ndarray
    shoulder_half_width: np.ndarray
    neck: np.ndarray
    head: np.ndarray
    upper_arm: np.ndarray
    forearm: np.ndarray
    hand: np.ndarray
    frailty: np.ndarray
    stoop: np.ndarray
    pace: np.ndarray
    amplitude: np.ndarray
    tremor_m: np.ndarray
    left_handed: np.ndarray

    @property
    def leg(self) -> np.ndarray:
        """Hip to ankle with the knee straight."""
        return self.thigh + self.shank

    @property
    def arm(self) -> np.ndarray:
        """Shoulder to wrist with the elbow straight."""
        return self.upper_arm + self.forearm

    @property
    def standing_height(self) -> np.ndarray:
        """Height of the pelvis joint above the floor in relaxed standing."""
        return self.ankle_height + self.hip_drop + 0.985 * self.leg

    def take(self, rows: np.ndarray) -> "Body":
        """Return the bodies of the given rows."""
        return Body(*(getattr(self, f.name)[rows] for f in fields(self)))


def resident_bodies(seed: int, subjects: int) -> Body:
    """Draw the bodies of all subjects: adults of 25 to 95 years, from fit to frail."""
    draws = Draws(uniforms(seed, SUBJECT_STREAM, range(subjects), STYLE_COLUMNS))
    age_years = draws.uniform(25, 95)
    frailty = ((age_years - 55) / 40).clip(0, 1)
    height = (draws.normal(1.69, 0.085) - 0.03 * frailty).astype(np.float32)
    leg, arm = height * draws.normal(1, 0.02), height * draws.normal(1, 0.02)
    trunk, width = height * draws.normal(1, 0.02), height * draws.normal(1, 0.05)
    shakes = draws.chance(0.1 + 0.25 * frailty)
    return Body(
        height=height,
        thigh=0.245 * leg,
        shank=0.246 * leg,
        ankle_height=0.039 * height,
        foot=0.09 * height,
        hip_half_width=0.052 * width,
        hip_drop=0.02 * height,
        lower_spine=0.145 * trunk,
        upper_spine=0.145 * trunk,
        shoulder_half_width=0.108 * width,
        neck=0.042 * trunk,
        head=0.085 * trunk,
        upper_arm=0.186 * arm,
        forearm=0.146 * arm,
        hand=0.1 * height,
        frailty=frailty,
        stoop=0.06 + frailty * draws.uniform(0.05, 0.5),
        pace=draws.normal(1, 0.08) - frailty * draws.uniform(0.2, 0.45),
        amplitude=draws.normal(1, 0.09) - 0.1 * frailty,
        tremor_m=shakes * draws.uniform(0.003, 0.012),
        left_handed=draws.chance(0.12),
    )
