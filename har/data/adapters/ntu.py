"""NTU RGB+D and NTU RGB+D 120: one ``.skeleton`` file a clip, Kinect v2, one or two people.

The name ``SsssCcccPpppRrrrAaaa`` gives setup, camera, performer, replication and action. The
coordinates stay in the camera's frame: to move the origin is the work of a transform.
"""

import re
from pathlib import Path

import numpy as np

from har.data.cards import Card
from har.data.formats.clip_files import make_clip, match_name
from har.data.formats.ntu_denoise import fill_actors, select_bodies
from har.data.formats.ntu_skeleton import BodyTrack, load_skeleton_npy, parse_skeleton
from har.data.formats.raw_files import list_files, without_zeros
from har.errors import BadSampleError, CardError
from har.samples import Clip

FILE_NAME = re.compile(
    r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})"
)
TEXT, NPY = ".skeleton", ".skeleton.npy"


class Adapter:
    """Reads skeleton files; files of actions that the card does not have are not its items.

    Args:
        card: the dataset card.
        raw: folder of the skeleton files.
        skip_list: file beside the card with the names of clips to leave out, one a line.
        denoise: drop bodies that are no people, as the usual preprocessing does; otherwise all
            bodies take part in the choice of the two actors.
        drop_empty_frames: drop the frames in which nobody is seen, as the usual preprocessing does.
    """

    VERSION = 1

    def __init__(
        self,
        card: Card,
        raw: Path | None,
        skip_list: str | None = None,
        denoise: bool = True,
        drop_empty_frames: bool = True,
    ):
        self.card = card
        self.raw = raw
        self.skip_list = skip_list
        self.denoise = denoise
        self.drop_empty_frames = drop_empty_frames

    def items(self) -> list[str]:
        """Return the skeleton files; of a clip in both forms, the text."""
        skipped = self._skipped()
        of_clip: dict[str, str] = {}
        for item in list_files(self.card, self.raw, "*.skeleton*"):
            name = clip_name(item)
            if item.endswith((TEXT, NPY)) and name not in skipped and self._is_ours(name):
                of_clip[name] = item if item.endswith(TEXT) else of_clip.get(name, item)
        return sorted(of_clip.values())

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        name = match_name(FILE_NAME, clip_name(item), "SsssCcccPpppRrrrAaaa.skeleton", item)
        joints, confidence = self._actors(*_load_tracks(Path(self.raw or "", item), item))
        clip = make_clip(
            self.card,
            item,
            joints,
            confidence,
            clip_id=name[0],
            label=int(name["action"]) - 1,
            subject=without_zeros(name["subject"]),
            camera=without_zeros(name["camera"]),
            setup=without_zeros(name["setup"]),
            replication=without_zeros(name["replication"]),
        )
        return [clip]

    def _actors(self, frame_count: int, tracks: list[BodyTrack]) -> tuple[np.ndarray, np.ndarray]:
        joints, confidence = fill_actors(
            select_bodies(tracks) if self.denoise else tracks, frame_count
        )
        if self.drop_empty_frames:
            anybody = confidence.any(axis=(0, 2))
            joints, confidence = joints[:, anybody], confidence[:, anybody]
        return joints, confidence

    def _is_ours(self, name: str) -> bool:
        match = FILE_NAME.fullmatch(name)
        return match is None or int(match["action"]) <= len(self.card.labels)

    def _skipped(self) -> set[str]:
        if self.skip_list is None:
            return set()
        path = self.card.folder / self.skip_list
        if not path.is_file():
            raise CardError(f"{self.card.name}: skip_list: no such file {path}")
        return set(path.read_text(encoding="utf-8").split())


def clip_name(item: str) -> str:
    """Return the clip's name: that of its file, without folder and ending."""
    return Path(item).name.removesuffix(".npy").removesuffix(TEXT)


def _load_tracks(path: Path, item: str) -> tuple[int, list[BodyTrack]]:
    try:
        if item.endswith(NPY):
            frame_count, tracks = load_skeleton_npy(path, item)
        else:
            frame_count, tracks = parse_skeleton(path.read_bytes(), item)
    except OSError as error:
        raise BadSampleError(item, f"cannot be read: {error}") from error
    if not tracks:
        raise BadSampleError(item, f"no body in any of its {frame_count} frames")
    return frame_count, tracks
