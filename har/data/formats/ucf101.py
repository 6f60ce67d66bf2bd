"""UCF101: a list of videos for each part of each split.

A line of ``testlist01.txt`` is ``Archery/v_Archery_g01_c01.avi``: class, group and clip. A line of
``trainlist01.txt`` also has the number of the class, from 1.
"""

import re
from pathlib import PurePosixPath

from har.data.cards import Card
from har.data.formats.raw_files import without_zeros
from har.data.formats.timed_labels import SkippedEntry, read_label
from har.data.formats.video_lists import ListedVideo, ParsedList, list_lines
from har.errors import BadSampleError, did_you_mean

_LIST_NAME = re.compile(r"(?P<part>train|test)list0[123]\.txt")
_VIDEO = re.compile(r"(?P<label>\w+)/v_\w+_g(?P<group>\d{2})_c\d{2}\.avi")


def parse_ucf101(content: str, card: Card, source: str) -> ParsedList:
    """Return the videos of a list, their groups as setups.

    Args:
        content: the file's text.
        card: names the classes.
        source: path of the list; its name tells the part.

    Raises:
        BadSampleError: the name of the list is not of this form.
    """
    name = _LIST_NAME.fullmatch(PurePosixPath(source).name)
    if name is None:
        raise BadSampleError(source, "its name is not trainlist0n.txt or testlist0n.txt, n 1 to 3")
    parsed = ParsedList()
    for number, line in list_lines(content):
        try:
            parsed.videos.append(_video(line, card, name["part"]))
        except ValueError as error:
            parsed.skipped.append(SkippedEntry(source, number, str(error)))
    return parsed


def _video(line: str, card: Card, part: str) -> ListedVideo:
    path, _, number = line.partition(" ")
    found = _VIDEO.fullmatch(path)
    if found is None:
        raise ValueError(f"'{path}' is not <class>/v_<class>_gGG_cCC.avi")
    if found["label"] not in card.labels:
        hint = did_you_mean(found["label"], card.labels)
        raise ValueError(f"unknown class '{found['label']}'.{hint}")
    label = card.labels.index(found["label"])
    if part == "train" and read_label(number.strip(), len(card.labels), first=1) != label:
        raise ValueError(f"class {number.strip()} is not '{found['label']}', which is {label + 1}")
    return ListedVideo(path, label, part, setup=without_zeros(found["group"]))
