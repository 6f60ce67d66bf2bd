"""What to generate: sizes, seed and difficulty."""

from dataclasses import dataclass

from har.errors import ConfigError

_WHOLE = {"clips": 1, "subjects": 2, "cameras": 1, "seed": 0, "frames": 8}
_SHARES = ("obstacle_share", "second_person_share")


@dataclass(frozen=True, slots=True)
class GeneratorSpec:
    """A synthetic dataset; equal specs give equal clips, whatever is asked for at once.

    Attributes:
        clips: how many clips there are; clip numbers run from 0.
        subjects, cameras: how many people and viewpoints; every class meets all of them.
        seed: of all randomness.
        frames, fps: length and rate of a clip (3.2 s by default).
        noise_scale: 1 is a consumer depth sensor, 0 removes noise, frame drops and swaps.
        obstacle_share: share of clips with furniture between the camera and the person.
        second_person_share: share of clips in which somebody else walks by.
    """

    clips: int = 4000
    subjects: int = 20
    cameras: int = 4
    seed: int = 0
    frames: int = 64
    fps: float = 20.0
    noise_scale: float = 1.0
    obstacle_share: float = 0.35
    second_person_share: float = 0.15

    def __post_init__(self) -> None:
        """Refuse values that cannot be generated, all in one message."""
        problems = [
            f"{name}={getattr(self, name)} must be a whole number of at least {least}"
            for name, least in _WHOLE.items()
            if not isinstance(getattr(self, name), int) or getattr(self, name) < least
        ]
        problems += [
            f"{name}={getattr(self, name)} must be between 0 and 1"
            for name in _SHARES
            if not 0 <= getattr(self, name) <= 1
        ]
        if not self.fps > 0:
            problems.append(f"fps={self.fps} must be positive")
        if not self.noise_scale >= 0:
            problems.append(f"noise_scale={self.noise_scale} must not be negative")
        if problems:
            raise ConfigError("synthetic_home: " + "; ".join(problems))
