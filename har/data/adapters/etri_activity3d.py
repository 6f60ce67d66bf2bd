"""ETRI-Activity3D: a CSV table of Kinect v2 skeletons a clip, older and younger people at home.

The name ``AaaaPpppGgggCccc`` gives action, person, group and camera, divided by underscores.
Bodies are chosen as for NTU RGB+D, which has the same sensor.
"""

import re
from pathlib import Path, PurePosixPath

from har.data.cards import Card
from har.data.formats.clip_files import action_label, make_clip, match_name, read_text
from har.data.formats.etri_skeleton import parse_etri_skeleton
from har.data.formats.ntu_denoise import fill_actors, select_bodies
from har.data.formats.raw_files import list_files, without_zeros
from har.errors import BadSampleError
from har.samples import Clip

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
        name = match_name(FILE_NAME, stem, "A001_P001_G001_C001.csv", item)
        label = action_label(name["action"], self.card, item, "A{:03}")
        frame_count, tracks = parse_etri_skeleton(read_text(self.raw, item), item)
        if not tracks:
            raise BadSampleError(item, f"no body in any of its {frame_count} frames")
        people = select_bodies(tracks) if self.denoise else tracks
        joints, confidence = fill_actors(people, frame_count)
        clip = make_clip(
            self.card,
            item,
            joints,
            confidence,
            clip_id=stem,
            label=label,
            subject=without_zeros(name["subject"]),
            camera=without_zeros(name["camera"]),
            setup=without_zeros(name["group"]),
        )
        return [clip]
