"""Lists of clip ids: text files, CSV files, and the named splits within annotation pickles."""

import csv
from pathlib import Path

from har.data.formats.annotation_pickle import pyskl_splits
from har.errors import SplitError, did_you_mean

ID_COLUMNS = ("clip_id", "path", "file")
PICKLE_MARK = "::"


def read_clip_list(source: str | Path) -> list[str]:
    """Return the clip ids of a list, in its order.

    Args:
        source: a text file with one id a line (empty lines and lines from ``#`` do not count), a
            CSV file with a column ``clip_id``, ``path`` or ``file``, or ``<file>.pkl::<split>``.

    Raises:
        SplitError: there is no such file or split, it names nothing, or it names a clip twice.
    """
    file, _, split = str(source).partition(PICKLE_MARK)
    path = Path(file)
    if not path.is_file():
        raise SplitError(f"{path}: no such list of clips")
    if path.suffix in (".pkl", ".pickle"):
        clips = _from_pickle(path, split)
    elif path.suffix == ".csv":
        clips = _from_csv(path)
    else:
        lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        clips = [line for line in lines if line and not line.startswith("#")]
    _check(source, clips)
    return clips


def _from_pickle(path: Path, split: str) -> list[str]:
    splits = pyskl_splits(path)
    if split not in splits:
        raise SplitError(
            f"{path}: no split '{split}'.{did_you_mean(split, splits)} Write "
            f"{path.name}{PICKLE_MARK}<split>; available: {', '.join(splits) or 'none'}"
        )
    return splits[split]


def _from_csv(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = [name for name in ID_COLUMNS if name in (rows.fieldnames or ())]
        if not columns:
            raise SplitError(
                f"{path}: needs a column {', '.join(ID_COLUMNS)}; "
                f"it has {', '.join(rows.fieldnames or ()) or 'none'}"
            )
        return [row[columns[0]].strip() for row in rows if row[columns[0]]]


def _check(source: str | Path, clips: list[str]) -> None:
    if not clips:
        raise SplitError(f"{source}: names no clips")
    seen: set[str] = set()
    for clip in clips:
        if clip in seen:
            raise SplitError(f"{source}: names the clip '{clip}' more than once")
        seen.add(clip)
