"""Annotation pickles of PYSKL and MMAction2: all clips of a dataset, and its splits, in one file.

The file holds ``{"split": {name: [clip names]}, "annotations": [clips]}``, or the list of clips
alone. It is read without running anything that it names.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from har.data.formats.raw_files import shorten
from har.data.safe_pickle import UnreadablePickleError, load_pickle

Annotation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """The content of an annotation pickle.

    Attributes:
        clips: annotation of each clip by its ``frame_dir``, in the order of the file.
        splits: clip names by split.
    """

    clips: dict[str, Annotation]
    splits: dict[str, list[str]] = field(default_factory=dict)


def load_annotations(path: Path) -> AnnotationFile:
    """Read an annotation pickle.

    Raises:
        UnsafePickleError: it names something other than plain containers and arrays.
        UnreadablePickleError: it is no pickle, or not one of annotations.
    """
    content = load_pickle(path)
    if isinstance(content, list):
        content = {"annotations": content}
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise UnreadablePickleError(
            f"{path}: holds no annotations; expected a dictionary with the keys 'split' and "
            "'annotations'"
        )
    return AnnotationFile(_by_name(path, content["annotations"]), _splits(path, content))


def pyskl_splits(path: Path) -> dict[str, list[str]]:
    """Return the splits of an annotation pickle: names such as ``xsub_train``, with their clips.

    Raises:
        UnsafePickleError, UnreadablePickleError: as for :func:`load_annotations`.
    """
    return _cached_splits(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _cached_splits(path: Path, modified_ns: int) -> dict[str, list[str]]:  # noqa: ARG001
    return load_annotations(path).splits


def _by_name(path: Path, annotations: list[Any]) -> dict[str, Annotation]:
    clips: dict[str, Annotation] = {}
    repeated = []
    for position, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or "frame_dir" not in annotation:
            raise UnreadablePickleError(f"{path}: annotation {position} has no frame_dir")
        name = str(annotation["frame_dir"])
        if name in clips:
            repeated.append(name)
        clips[name] = annotation
    if repeated:
        raise UnreadablePickleError(
            f"{path}: the same frame_dir in more than one annotation: {shorten(repeated)}"
        )
    return clips


def _splits(path: Path, content: dict[str, Any]) -> dict[str, list[str]]:
    splits = content.get("split", {})
    if not isinstance(splits, dict):
        raise UnreadablePickleError(f"{path}: 'split' is no dictionary of names to clip names")
    return {str(name): [str(clip) for clip in clips] for name, clips in splits.items()}
