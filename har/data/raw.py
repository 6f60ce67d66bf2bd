"""Opens raw data as it is distributed: a folder, a single file, or an archive of files."""

import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from har.errors import StoreError

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
ARCHIVE_SUFFIXES = (".zip", *TAR_SUFFIXES)
_UNSUPPORTED = (".rar", ".7z", ".gz", ".xz", ".zst", ".bz2")
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError)


@contextmanager
def open_raw(path: Path, keep_in: Path | None = None) -> Iterator[Path]:
    """Yield the folder (or the single file) that holds the raw data.

    A folder is yielded as it is, and so is a file that is no archive: some datasets are one file.
    An archive is extracted first.

    Args:
        path: folder, file, or archive with one of ``ARCHIVE_SUFFIXES``.
        keep_in: where to extract an archive. What is completely extracted there already is used
            again, and it is left there. Without it a temporary folder is used and removed.

    Raises:
        StoreError: the path does not exist, or the archive is unsupported, damaged, or tries to
            write outside its folder.
    """
    if not path.exists():
        raise StoreError(f"The raw data {path} does not exist. Check the path given as raw=.")
    if path.is_dir() or not is_archive(path):
        _refuse_unsupported(path)
        yield path
    elif keep_in is not None:
        if not keep_in.is_dir():
            _extract_whole(path, keep_in)
        yield keep_in
    else:
        with tempfile.TemporaryDirectory(prefix="har-raw-") as scratch:
            folder = Path(scratch) / "raw"
            _extract_whole(path, folder)
            yield folder


def is_archive(path: Path) -> bool:
    """Say by its name whether ``path`` is an archive that :func:`open_raw` extracts."""
    return path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES)


def _refuse_unsupported(path: Path) -> None:
    if path.is_file() and path.name.lower().endswith(_UNSUPPORTED):
        raise StoreError(
            f"{path} is not an archive that can be read here: use one of "
            f"{', '.join(ARCHIVE_SUFFIXES)}, or extract it yourself and give its folder as raw=."
        )


def _extract_whole(path: Path, folder: Path) -> None:
    """Extract so that ``folder`` exists only when everything is in it."""
    unfinished = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        _extract(path, unfinished)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    unfinished.rename(folder)


def _extract(path: Path, folder: Path) -> None:
    try:
        if path.name.lower().endswith(".zip"):
            _extract_zip(path, folder)
        else:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise StoreError(f"The archive {path} is refused as unsafe: {error}.") from error
    except _BROKEN as error:
        raise StoreError(
            f"The archive {path} cannot be extracted: {error}. It may be incomplete: compare its "
            f"size with the distributed one, or download it again."
        ) from error


def _extract_zip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if _leaves_folder(name):
                raise StoreError(
                    f"The archive {path} is refused as unsafe: its member '{name}' would be "
                    f"written outside the folder of the archive."
                )
        archive.extractall(folder)


def _leaves_folder(name: str) -> bool:
    windows = PureWindowsPath(name)
    outside = ".." in windows.parts or bool(windows.drive or windows.root)
    return outside or PurePosixPath(name).is_absolute()
