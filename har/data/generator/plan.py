"""Which class, subject and camera each clip number stands for."""

from dataclasses import dataclass

import numpy as np

from har.data.generator.actions import CLASSES
from har.data.generator.spec import GeneratorSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """Who does what before which camera; every field is (N,) int64, counted from 0."""

    labels: np.ndarray
    subjects: np.ndarray
    cameras: np.ndarray
    replications: np.ndarray

    def part(self, rows: slice) -> "Plan":
        """Return some consecutive clips of the plan."""
        return Plan(
            self.labels[rows], self.subjects[rows], self.cameras[rows], self.replications[rows]
        )


def plan_clips(clip_numbers: np.ndarray, spec: GeneratorSpec) -> Plan:
    """Cross classes, subjects and cameras: consecutive clips have different classes."""
    turn, labels = np.divmod(clip_numbers, len(CLASSES))
    replications, subjects = np.divmod(turn, spec.subjects)
    cameras = (labels + subjects + replications) % spec.cameras
    return Plan(labels, subjects, cameras, replications)
