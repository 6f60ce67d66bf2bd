"""MSRDailyActivity3D: one text file of Kinect v1 skeletons a clip, people in a living room.

A file ``aXX_sYY_eZZ_skeleton.txt`` gives action, subject, and whether the person is by the sofa
(1) or stands (2).
"""

import re
from pathlib import PurePosixPath

from har.data.formats.clip_files import ClipFiles, action_label, make_clip, match_name, read_text
from har.data.formats.msr_skeleton import parse_msr_skeleton
from har.data.formats.raw_files import without_zeros
from har.samples import Clip

FILE_NAME = re.compile(r"a(?P<action>\d{2})_s(?P<subject>\d{2})_e(?P<episode>\d{2})_skeleton")


class Adapter(ClipFiles):
    """Reads the skeleton files."""

    VERSION = 1
    PATTERN = "a*_skeleton.txt"

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        stem = PurePosixPath(item).stem
        name = match_name(FILE_NAME, stem, "aXX_sYY_eZZ_skeleton.txt", item)
        label = action_label(name["action"], self.card, item, "a{:02}")
        joints, confidence = parse_msr_skeleton(read_text(self.raw, item), item)
        clip = make_clip(
            self.card,
            item,
            joints,
            confidence,
            clip_id=stem.removesuffix("_skeleton"),
            label=label,
            subject=without_zeros(name["subject"]),
            camera="1",
            replication=without_zeros(name["episode"]),
        )
        return [clip]
