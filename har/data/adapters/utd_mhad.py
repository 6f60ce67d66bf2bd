"""UTD-MHAD: one MATLAB file a clip, Kinect v1 skeletons in metres.

A file ``aA_sS_tT_skeleton.mat`` (action, subject, trial) holds ``d_skel`` (20, 3, T). The one
camera of the set stands in front of the person.
"""

import re
import struct
import zlib
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.confidence import seen_joints
from har.data.formats.raw_files import list_files
from har.errors import BadSampleError
from har.samples import Clip, ClipRecord

FILE_NAME = re.compile(r"a(?P<action>\d+)_s(?P<subject>\d+)_t(?P<trial>\d+)_skeleton")

# What scipy raises on a file that is cut short, garbled, or of MATLAB 7.3 (HDF5).
UNREADABLE = (
    MatReadError,
    NotImplementedError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OSError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)


class Adapter:
    """Reads the skeleton files of UTD-MHAD."""

    VERSION = 1

    def __init__(self, card: Card, raw: Path | None):
        self.card = card
        self.raw = raw

    def items(self) -> list[str]:
        """Return the skeleton files, relative to the raw folder."""
        return list_files(self.card, self.raw, "*_skeleton.mat")

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        path = Path(self.raw or "", item)
        name = FILE_NAME.fullmatch(path.stem)
        if name is None:
            raise BadSampleError(item, "its name is not of the form aA_sS_tT_skeleton.mat")
        joints = _load_joints(path, item)[None]
        record = ClipRecord(
            clip_id=path.stem.removesuffix("_skeleton"),
            dataset=self.card.name,
            label=self._label(int(name["action"]), item),
            frame_count=joints.shape[1],
            person_count=1,
            fps=self.card.fps,
            layout=self.card.layout,
            subject=name["subject"],
            camera="1",
            replication=name["trial"],
            source=item,
        )
        clip = Clip(record, joints, seen_joints(joints))
        check_clip(clip, self.card)
        return [clip]

    def _label(self, action: int, item: str) -> int:
        if not 1 <= action <= len(self.card.labels):
            raise BadSampleError(
                item, f"action a{action} is not one of a1 to a{len(self.card.labels)}"
            )
        return action - 1


def _load_joints(path: Path, item: str) -> np.ndarray:
    """Return ``d_skel`` as (T, V, 3) float32."""
    try:
        content = loadmat(path, variable_names=["d_skel"])
    except UNREADABLE as error:
        raise BadSampleError(item, f"not a readable MATLAB file: {error}") from error
    if "d_skel" not in content:
        raise BadSampleError(item, "has no variable d_skel (the file may be cut short)")
    skeletons = content["d_skel"]
    if skeletons.ndim != 3 or skeletons.dtype.kind not in "fiu":
        raise BadSampleError(
            item, f"d_skel is {skeletons.dtype} of shape {skeletons.shape}, not (20, 3, T) numbers"
        )
    if skeletons.size == 0:
        raise BadSampleError(item, "has no frames")
    return np.ascontiguousarray(skeletons.transpose(2, 0, 1), dtype=np.float32)
