"""MSRDailyActivity3D skeletons: a text file of one clip, Kinect v1, one person or two.

The first line has the number of frames and of joints (20). Each frame has the number of its rows
(0 with nobody, 40 for each person), and for each joint two rows of four numbers: x, y, z in metres
and a confidence that says nothing, then the position in the depth image, which is not read.
"""

import numpy as np

from har.data.formats.confidence import seen_joints
from har.errors import BadSampleError

JOINTS = 20
ROW_VALUES = 4
ROWS_PER_PERSON = 2 * JOINTS
MOST_PEOPLE = 6


def parse_msr_skeleton(content: str, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (M, T, 20, 3) and confidence (M, T, 20), float32.

    People have no identity in the file: they are in the order of each frame.

    Raises:
        BadSampleError: the file is cut short or not of this form.
    """
    try:
        values = np.array(content.split(), dtype=np.float64)
    except ValueError as error:
        raise BadSampleError(source, f"not a file of numbers: {error}") from error
    if len(values) < 2 or values[1] != JOINTS or not values[0] >= 1:
        raise BadSampleError(source, f"does not start with a frame count and {JOINTS} joints")
    frames = _frames(values, int(values[0]), source)
    people = max(len(frame) for frame in frames)
    if people == 0:
        raise BadSampleError(source, f"nobody was found in any of its {len(frames)} frames")
    joints = np.zeros((people, len(frames), JOINTS, 3), dtype=np.float32)
    for number, frame in enumerate(frames):
        joints[: len(frame), number] = frame
    return joints, seen_joints(joints)


def _frames(values: np.ndarray, frame_count: int, source: str) -> list[np.ndarray]:
    """Return (people, 20, 3) of each frame."""
    frames = []
    position = 2
    for number in range(frame_count):
        rows = values[position] if position < len(values) else 0
        people, rest = divmod(rows, ROWS_PER_PERSON)
        end = position + 1 + int(rows) * ROW_VALUES if rest == 0 and people <= MOST_PEOPLE else 0
        if not position < end <= len(values):
            raise BadSampleError(
                source, f"ends in frame {number} of {frame_count}, or has {rows:g} rows there"
            )
        table = values[position + 1 : end].reshape(int(people), JOINTS, 2, ROW_VALUES)
        frames.append(table[:, :, 0, :3])
        position = end
    if position != len(values):
        raise BadSampleError(source, f"has {len(values) - position} numbers after its last frame")
    return frames
