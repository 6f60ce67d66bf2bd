"""HMDB51: a list for each class and split, with a file name and its part a line.

The files are named ``<class>_test_split<n>.txt``; the part is 1 for training, 2 for test and 0 for
a clip that the split does not use.
"""

import re
from pathlib import PurePosixPath

from har.data.cards import Card
from har.data.formats.timed_labels import SkippedEntry
from har.data.formats.video_lists import ListedVideo, ParsedList, list_lines
from har.errors import BadSampleError, did_you_mean

PARTS = {"0": "", "1": "train", "2": "test"}

_LIST_NAME = re.compile(r"(?P<label>\w+)_test_split[123]\.txt")


def parse_hmdb51(content: str, card: Card, source: str) -> ParsedList:
    """Return the clips of a class in one of the three official splits.

    Args:
        content: the file's text.
        card: names the classes.
        source: path of the list; its name tells the class.

    Raises:
        BadSampleError: the name of the list is not of this form, or of no class.
    """
    name = _LIST_NAME.fullmatch(PurePosixPath(source).name)
    if name is None:
        raise BadSampleError(source, "its name is not of the form <class>_test_split<1 to 3>.txt")
    if name["label"] not in card.labels:
        hint = did_you_mean(name["label"], card.labels)
        raise BadSampleError(source, f"unknown class '{name['label']}'.{hint}")
    label = card.labels.index(name["label"])
    parsed = ParsedList()
    for number, line in list_lines(content):
        file, _, part = line.rpartition(" ")
        if not file.strip().endswith(".avi") or part not in PARTS:
            reason = f"'{line}' is not <file>.avi and 0, 1 or 2"
            parsed.skipped.append(SkippedEntry(source, number, reason))
            continue
        path = f"{name['label']}/{file.strip()}"
        parsed.videos.append(ListedVideo(path, label, PARTS[part]))
    return parsed
