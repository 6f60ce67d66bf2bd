"""ETRI-Activity3D: a CSV table of Kinect v2 skeletons a clip, older and younger people at home.

The name ``AaaaPpppGgggCccc`` gives action, person, group and camera, divided by underscores.
Bodies are chosen as for NTU RGB+D, which has the same sensor.
"""

import re
from pathlib import Path, PurePosixPath

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.etri_skeleton import parse_etri_skeleton
from har.data.formats.ntu_denoise import fill_actors, select_bodies
from har.data.formats.raw_files import list_files, without_zeros
from har.errors import BadSampleError
from har.samples import Clip, ClipRecord

FILE_NAME = re.compile(
    r"A(?P<action>\d{3})_P(?P<subject>\d{3})_G(?P<group>\d{3})_C(?P<camera>\d{3})"
)


class Adapter:
    """Reads the skeleton tables.

    Args:
        card: the dataset card.
        raw: folder of the tables.
        denoise: drop bodies that are no people; otherwise all bodies take part in the choice of
            the two actors.
    """

    VERSION = 1

    def __init__(self, card: Card, raw: Path | None, denoise: bool = True):
        self.card = card
        self.raw = raw
        self.denoise = denoise

    def items(self) -> list[str]:
        """Return the tables, relative to the raw folder."""
        return list_files(self.card, self.raw, "A*.csv")

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a table."""
        stem = PurePosixPath(item).stem
        name = FILE_NAME.fullmatch(stem)
        if name is None:
            raise BadSampleError(item, "its name is not of the form A001_P001_G001_C001.csv")
        action = int(name["action"])
        if not 1 <= action <= len(self.card.labels):
            raise BadSampleError(
                item, f"action A{action:03} is not one of A001 to A{len(self.card.labels):03}"
            )
        try:
            content = Path(self.raw or "", item).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSampleError(item, f"cannot be read: {error}") from error
        frame_count, tracks = parse_etri_skeleton(content, item)
        if not tracks:
            raise BadSampleError(item, f"no body in any of its {frame_count} frames")
        people = select_bodies(tracks) if self.denoise else tracks
        joints, confidence = fill_actors(people, frame_count)
        record = ClipRecord(
            clip_id=stem,
            dataset=self.card.name,
            label=action - 1,
            frame_count=joints.shape[1],
            person_count=joints.shape[0],
            fps=self.card.fps,
            layout=self.card.layout,
            subject=without_zeros(name["subject"]),
            camera=without_zeros(name["camera"]),
            setup=without_zeros(name["group"]),
            source=item,
        )
        clip = Clip(record, joints, confidence)
        check_clip(clip, self.card)
        return [clip]
