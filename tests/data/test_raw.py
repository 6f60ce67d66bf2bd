"""Raw data as distributed: folders and archives, and archives that must not be trusted."""

import io
import tarfile
import zipfile

import pytest

from har.data.raw import is_archive, open_raw
from har.errors import StoreError

TAR_MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}


def make_tar(path, members):
    suffix = next(s for s in sorted(TAR_MODES, key=len, reverse=True) if path.name.endswith(s))
    with tarfile.open(path, TAR_MODES[suffix]) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def make_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


MEMBERS = {"set/a.txt": b"one", "set/deep/b.txt": b"two"}


@pytest.mark.parametrize("name", [f"raw{suffix}" for suffix in (*TAR_MODES, ".zip", ".ZIP")])
def test_archive_is_extracted_and_removed(tmp_path, name):
    make = make_zip if name.lower().endswith(".zip") else make_tar
    archive = make(tmp_path / name, MEMBERS)
    assert is_archive(archive)
    with open_raw(archive) as folder:
        assert (folder / "set" / "a.txt").read_bytes() == b"one"
        assert (folder / "set" / "deep" / "b.txt").read_bytes() == b"two"
    assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_folder_and_single_file_are_used_as_they_are(tmp_path):
    file = tmp_path / "poses.pkl"
    file.write_bytes(b"data")
    for path in (tmp_path, file):
        with open_raw(path, keep_in=tmp_path / "kept") as opened:
            assert opened == path
    assert not (tmp_path / "kept").exists()


def test_kept_extraction_is_used_again(tmp_path):
    archive = make_tar(tmp_path / "raw.tar", MEMBERS)
    kept = tmp_path / "kept"
    for _ in range(2):
        with open_raw(archive, keep_in=kept) as folder:
            assert folder == kept
            (folder / "mark").touch()
    assert (kept / "mark").exists()


def test_half_extraction_is_not_kept(tmp_path):
    whole = make_tar(tmp_path / "raw.tar.gz", {"a": bytes(10_000), "b": bytes(range(256)) * 400})
    whole.write_bytes(whole.read_bytes()[:-300])
    with (
        pytest.raises(StoreError, match=r"raw\.tar\.gz cannot be extracted.*download it again"),
        open_raw(whole, keep_in=tmp_path / "kept"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["raw.tar.gz"]


@pytest.mark.parametrize("name", ["raw.zip", "raw.tar", "raw.tar.xz"])
def test_file_that_is_no_archive(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is text")
    with pytest.raises(StoreError, match="cannot be extracted"), open_raw(path):
        pass


@pytest.mark.parametrize(
    "member", ["../evil.txt", "set/../../evil.txt", "/evil.txt", "..\\evil.txt"]
)
def test_zip_that_leaves_its_folder(tmp_path, member):
    archive = make_zip(tmp_path / "raw.zip", {"a.txt": b"", member: b"x"})
    with pytest.raises(StoreError, match=r"refused as unsafe.*evil\.txt"), open_raw(archive):
        pass
    assert not list(tmp_path.parent.glob("evil.txt"))


def test_tar_that_leaves_its_folder(tmp_path):
    archive = make_tar(tmp_path / "raw.tar", {"../evil.txt": b"x"})
    with (
        pytest.raises(StoreError, match=r"refused as unsafe.*evil\.txt"),
        open_raw(archive, keep_in=tmp_path / "scratch" / "kept"),
    ):
        pass
    assert not list(tmp_path.rglob("evil.txt"))


def test_tar_with_a_link_to_the_outside(tmp_path):
    with tarfile.open(tmp_path / "raw.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "../../secret"
        archive.addfile(link)
    with pytest.raises(StoreError, match="refused as unsafe"), open_raw(tmp_path / "raw.tar"):
        pass


def test_unsupported_archive(tmp_path):
    path = tmp_path / "raw.rar"
    path.touch()
    with pytest.raises(StoreError, match=r"raw\.rar .*use one of \.zip, \.tar"), open_raw(path):
        pass


def test_missing(tmp_path):
    with (
        pytest.raises(StoreError, match=r"nothing does not exist. Check the path given as raw="),
        open_raw(tmp_path / "nothing"),
    ):
        pass
