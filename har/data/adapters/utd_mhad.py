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

from har.data.formats.clip_files import ClipFiles, action_label, make_clip, match_name
from har.data.formats.confidence import seen_joints
from har.errors import BadSampleError
from har.samples import Clip

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


class Adapter(ClipFiles):
    """Reads the skeleton files of UTD-MHAD."""

    VERSION = 1
    PATTERN = "*_skeleton.mat"

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        path = Path(self.raw or "", item)
        name = match_name(FILE_NAME, path.stem, "aA_sS_tT_skeleton.mat", item)
        joints = _load_joints(path, item)[None]
        clip = make_clip(
            self.card,
            item,
            joints,
            seen_joints(joints),
            clip_id=path.stem.removesuffix("_skeleton"),
            label=action_label(name["action"], self.card, item, "a{}"),
            subject=name["subject"],
            camera="1",
            replication=name["trial"],
        )
        return [clip]


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
