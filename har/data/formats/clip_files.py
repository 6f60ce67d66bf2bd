"""What the adapters share that read one clip from a file whose name tells what it is."""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.raw_files import list_files
from har.errors import BadSampleError
from har.samples import Clip, ClipRecord


class ClipFiles:
    """The part of an adapter that finds the files, each of one clip.

    Args:
        card: the dataset card.
        raw: folder of the files.

    Attributes:
        PATTERN: how the files are called, such as ``*.json``.
    """

    PATTERN: ClassVar[str]

    def __init__(self, card: Card, raw: Path | None):
        self.card = card
        self.raw = raw

    def items(self) -> list[str]:
        """Return the files, relative to the raw folder."""
        return list_files(self.card, self.raw, self.PATTERN)


def match_name(pattern: re.Pattern[str], name: str, form: str, item: str) -> re.Match[str]:
    """Return the parts of a file's name, or raise BadSampleError with the form it should have."""
    found = pattern.fullmatch(name)
    if found is None:
        raise BadSampleError(item, f"its name is not of the form {form}")
    return found


def action_label(number: str, card: Card, item: str, form: str) -> int:
    """Return the label of an action that a name gives by its number, from 1.

    Args:
        number: the digits of the name.
        card: has the classes.
        item: the file, for messages.
        form: how the name writes an action, such as ``a{:02}``.

    Raises:
        BadSampleError: the card has no such class.
    """
    action = int(number)
    if not 1 <= action <= len(card.labels):
        first, last = form.format(1), form.format(len(card.labels))
        raise BadSampleError(item, f"action {form.format(action)} is not one of {first} to {last}")
    return action - 1


def read_text(raw: Path | None, item: str) -> str:
    """Return the text of a file below the raw folder, or raise BadSampleError."""
    try:
        return Path(raw or "", item).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSampleError(item, f"cannot be read: {error}") from error


def make_clip(
    card: Card,
    item: str,
    joints: np.ndarray,
    confidence: np.ndarray,
    *,
    clip_id: str,
    label: int,
    subject: str = "",
    camera: str = "",
    setup: str = "",
    replication: str = "",
) -> Clip:
    """Return the checked clip of a file; frame rate and layout are those of the card.

    Args:
        card: the dataset card.
        item: the file, the source of the clip.
        joints: (M, T, V, C) float32.
        confidence: (M, T, V) float32 in [0, 1].
        clip_id: as in ``ClipRecord``, like all that follow.
        label: index into the card's label list.
        subject: who is seen.
        camera: which camera.
        setup: which setup of the cameras.
        replication: which time of doing it.

    Raises:
        BadSampleError: the arrays break a promise of ``Clip`` or of the card.
    """
    record = ClipRecord(
        clip_id=clip_id,
        dataset=card.name,
        label=label,
        frame_count=joints.shape[1],
        person_count=joints.shape[0],
        fps=card.fps,
        layout=card.layout,
        subject=subject,
        camera=camera,
        setup=setup,
        replication=replication,
        source=item,
    )
    clip = Clip(record, joints, confidence)
    check_clip(clip, card)
    return clip
