import errno
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from har import record
from har.errors import HarError


@dataclass
class Point:
    x: float
    y: float


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_json_round_trip_of_numpy_nan_paths_and_dataclasses(tmp_path: Path):
    value = {
        "int": np.int64(3), "float": np.float32(0.5), "bool": np.bool_(True), "nan": float("nan"),
        "inf": np.float64("-inf"), "array": np.array([[1.0, np.nan]]), 7: ("a", None),
        "path": Path("a") / "b", "point": Point(1, np.nan), "text": "größer",
    }  # fmt: skip
    path = tmp_path / "new" / "results.json"
    record.write_json_atomic(path, value)
    assert record.read_json(path) == {
        "int": 3, "float": 0.5, "bool": True, "nan": None, "inf": None, "array": [[1.0, None]],
        "7": ["a", None], "path": "a/b", "point": {"x": 1, "y": None}, "text": "größer",
    }  # fmt: skip
    assert [entry.name for entry in path.parent.iterdir()] == ["results.json"]


def test_file_is_readable_as_the_umask_says(tmp_path: Path):
    plain = tmp_path / "plain"
    plain.write_text("x")
    record.write_json_atomic(tmp_path / "a.json", 1)
    assert (tmp_path / "a.json").stat().st_mode == plain.stat().st_mode


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "a.json"
    record.write_json_atomic(path, {"old": 1})
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        record.write_json_atomic(path, {"bad": {1, 2}})
    assert record.read_json(path) == {"old": 1}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_keeps_the_old_file_and_says_so(tmp_path: Path, monkeypatch, code):
    path = tmp_path / "a.json"
    record.write_json_atomic(path, {"old": 1})

    def full(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HarError, match=r"disk of .* is full: a\.json was not written"):
        record.write_json_atomic(path, {"new": 2})
    assert record.read_json(path) == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_write_that_really_fails_for_space(tmp_path: Path):
    (tmp_path / f".a.json.{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(HarError, match="is full"):
        record.write_json_atomic(tmp_path / "a.json", list(range(100)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(HarError, match=r"Cannot write .*a\.json: "):
        record.write_json_atomic(tmp_path / "file" / "a.json", 1)


def test_reading_missing_and_broken_json(tmp_path: Path):
    with pytest.raises(HarError, match=r"no file .*none\.json"):
        record.read_json(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text('{"a": ')
    with pytest.raises(HarError, match=r"broken\.json is not valid JSON"):
        record.read_json(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HarError, match=r"broken\.json is not valid JSON"):
        record.read_json(broken)


def test_copy(tmp_path: Path):
    source, destination = tmp_path / "source", tmp_path / "sub" / "copy"
    source.write_bytes(bytes(range(256)) * 1000)
    record.copy_file_atomic(source, destination)
    record.copy_file_atomic(source, destination)
    assert destination.read_bytes() == source.read_bytes()
    assert len(list(destination.parent.iterdir())) == 1
    with pytest.raises(HarError, match=r"no file .*absent to copy"):
        record.copy_file_atomic(tmp_path / "absent", destination)


def test_provenance_is_plain_json_without_the_host_name():
    found = record.provenance()
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    assert found["packages"]["numpy"] == np.__version__
    assert found["time_utc"].endswith("+00:00")
    assert found["cpu"]["cores"] >= found["cpu"]["usable_cores"] >= 1
    assert "hostname" not in text


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_state(tmp_path: Path):
    file = tmp_path / "code.py"
    file.write_text("a = 1\n")
    assert record.git_state(file) is None
    git(tmp_path, "init", "-q")
    assert record.git_state(file) is None
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    clean = record.git_state(file)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    file.write_text("a = 2\n")
    assert record.git_state(file) == {"commit": clean["commit"], "dirty": True}


def test_provenance_without_any_tool(monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = record.provenance()
    assert found["git"] is None
    assert found["gpus"] == []


def test_gpus_as_the_driver_lists_them(monkeypatch):
    listing = "NVIDIA H100 80GB HBM3, 81559, 570.1\nbroken line\nOther, [N/A], 1"
    monkeypatch.setattr(record, "_output", lambda command: listing)
    assert record._gpus() == [
        {"name": "NVIDIA H100 80GB HBM3", "memory_gib": 79.6, "driver": "570.1"}
    ]
