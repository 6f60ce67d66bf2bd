"""Small stores for the tests of audits."""

from pathlib import Path

import numpy as np

from har.data.store import ClipStore, StoreDescription, write_store
from har.samples import Clip, ClipRecord
from har.skeleton.layout import load_layout

LABELS = ("walk", "sit", "fall")


def make_clips(count: int = 60, subjects: int = 6, seed: int = 0) -> list[Clip]:
    """Return clips of smooth random motion; the class gives the direction of the drift."""
    rng = np.random.default_rng(seed)
    layout = load_layout("ntu25")
    clips = []
    for number in range(count):
        label, T = number % len(LABELS), int(rng.integers(20, 40))
        steps = rng.normal(0, 0.02, (1, T, 25, 3)).cumsum(axis=1)
        drift = np.linspace(0, 1, T)[None, :, None, None] * np.eye(3)[label]
        joints = (rng.normal(0, 0.5, (1, 1, 25, 3)) + steps + drift).astype(np.float32)
        record = ClipRecord(
            clip_id=f"clip_{number:03d}",
            dataset="small",
            label=label,
            frame_count=T,
            person_count=1,
            fps=30.0,
            layout=layout.name,
            subject=f"s{number % subjects}",
            camera=f"c{number % 2}",
            source=f"raw/{number}.json",
            conditions={"distance_m": float(number % 7)},
        )
        clips.append(Clip(record, joints, np.ones((1, T, 25), np.float32)))
    return clips


def make_store(folder: Path, clips: list[Clip]) -> ClipStore:
    """Write clips as a store."""
    description = StoreDescription("small", "ntu25", "m", LABELS, 25, 3)
    write_store(folder, description, clips)
    return ClipStore.open(folder)
