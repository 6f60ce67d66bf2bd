"""MSRDailyActivity3D: one text file of Kinect v1 skeletons a clip, people in a living room.

A file ``aXX_sYY_eZZ_skeleton.txt`` gives action, subject, and whether the person is by the sofa
(1) or stands (2).
"""

import re
from pathlib import Path, PurePosixPath

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.msr_skeleton import parse_msr_skeleton
from har.data.formats.raw_files import list_files, without_zeros
from har.errors import BadSampleError
from har.samples import Clip, ClipRecord

FILE_NAME = re.compile(r"a(?P<action>\d{2})_s(?P<subject>\d{2})_e(?P<episode>\d{2})_skeleton")


class Adapter:
    """Reads the skeleton files."""

    VERSION = 1

    def __init__(self, card: Card, raw: Path | None):
        self.card = card
        self.raw = raw

    def items(self) -> list[str]:
        """Return the skeleton files, relative to the raw folder."""
        return list_files(self.card, self.raw, "a*_skeleton.txt")

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        stem = PurePosixPath(item).stem
        name = FILE_NAME.fullmatch(stem)
        if name is None:
            raise BadSampleError(item, "its name is not of the form aXX_sYY_eZZ_skeleton.txt")
        action = int(name["action"])
        if not 1 <= action <= len(self.card.labels):
            raise BadSampleError(
                item, f"action a{action:02} is not one of a01 to a{len(self.card.labels):02}"
            )
        try:
            content = Path(self.raw or "", item).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSampleError(item, f"cannot be read: {error}") from error
        joints, confidence = parse_msr_skeleton(content, item)
        record = ClipRecord(
            clip_id=stem.removesuffix("_skeleton"),
            dataset=self.card.name,
            label=action - 1,
            frame_count=joints.shape[1],
            person_count=joints.shape[0],
            fps=self.card.fps,
            layout=self.card.layout,
            subject=without_zeros(name["subject"]),
            camera="1",
            replication=without_zeros(name["episode"]),
            source=item,
        )
        clip = Clip(record, joints, confidence)
        check_clip(clip, self.card)
        return [clip]
