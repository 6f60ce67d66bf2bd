"""A small store of clips whose joints tell which clip, person and frame they are of."""

from pathlib import Path

import numpy as np
import pytest

from har.data.store import ClipStore
from har.data.store_meta import StoreDescription
from har.data.store_writer import write_store
from har.samples import Clip, ClipRecord

CLIPS, CLASSES = 23, 4


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Return 23 clips: x is 1 + the clip's row, y the person, z the frame."""
    folder = tmp_path_factory.mktemp("stores") / "tiny"
    labels = tuple(f"class_{n}" for n in range(CLASSES))
    description = StoreDescription("tiny", "ntu25", "m", labels, 25, 3)
    write_store(folder, description, [make_clip(row) for row in range(CLIPS)])
    return ClipStore.open(Path(folder))


def make_clip(row: int) -> Clip:
    people, frames = 1 + row % 2, 10 + row
    record = ClipRecord(
        clip_id=f"clip_{row:02d}",
        dataset="tiny",
        label=row % CLASSES,
        frame_count=frames,
        person_count=people,
        fps=20.0,
        layout="ntu25",
        subject=f"s{row % 5}",
    )
    joints = np.zeros((people, frames, 25, 3), np.float32)
    joints[..., 0] = 1 + row
    joints[..., 1] = np.arange(people)[:, None, None]
    joints[..., 2] = np.arange(frames)[:, None]
    return Clip(record, joints, np.ones(joints.shape[:3], np.float32))
