import os
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from published_helper import save_as_mmengine
from torch.serialization import safe_globals

from har.errors import CheckpointError
from har.run.foreign import IGNORED, Ignored, read_foreign_weights

WEIGHTS = OrderedDict({"fc.weight": torch.arange(6.0).view(2, 3), "fc.bias": torch.ones(2)})


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.marker}",)


class Asking:
    """Asks for an attribute of a string when it is unpickled."""

    def __reduce__(self) -> tuple:
        return getattr, ("abc", "upper")


def assert_read(file: Path) -> None:
    read = read_foreign_weights(file)
    assert list(read) == list(WEIGHTS)
    assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        dict(WEIGHTS),
        OrderedDict((f"module.{name}", tensor) for name, tensor in WEIGHTS.items()),
        {"meta": {"epoch": 16, "config": "text"}, "state_dict": WEIGHTS, "optimizer": {"lr": 0.1}},
    ],
)
def test_the_forms_that_weights_are_published_in(tmp_path, content, zipped):
    file = tmp_path / "weights.pth"
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert_read(file)


def test_what_mmengine_leaves_beside_the_weights_is_passed_over(tmp_path):
    save_as_mmengine(WEIGHTS, tmp_path / "epoch_16.pth")
    assert_read(tmp_path / "epoch_16.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_runs_a_command_is_refused_and_not_run(tmp_path, zipped):
    marker, file = tmp_path / "executed", tmp_path / "evil.pth"
    content = {"state_dict": WEIGHTS, "optimizer": Attack(marker)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"evil\.pth is refused: .*posix\.system"):
        read_foreign_weights(file)
    file.write_bytes(pickle.dumps(content["optimizer"]))
    with pytest.raises(CheckpointError, match=r"evil\.pth (is refused|cannot be read)"):
        read_foreign_weights(file)
    assert not marker.exists()


def test_the_real_getattr_is_not_called(tmp_path):
    torch.save({"fc.weight": WEIGHTS["fc.weight"], "hook": Asking()}, tmp_path / "asking.pth")
    with pytest.raises(CheckpointError, match="'hook' is no tensor"):
        read_foreign_weights(tmp_path / "asking.pth")
    with safe_globals([(Ignored, name) for name in IGNORED]):
        read = torch.load(tmp_path / "asking.pth", weights_only=True)
    assert isinstance(read["hook"], Ignored)


def test_a_file_that_is_cut_short_anywhere(tmp_path):
    file = tmp_path / "short.pth"
    torch.save(WEIGHTS, file)
    whole = file.read_bytes()
    for size in [*range(0, 200, 13), *range(200, len(whole), 97)]:
        file.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=r"short\.pth (cannot be read|is refused)"):
            read_foreign_weights(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "it is no mapping of names to tensors"),
        ({}, "it is no mapping of names to tensors"),
        ({"state_dict": {}}, "it is no mapping of names to tensors"),
        ({"epoch": 3}, "'epoch' is no tensor"),
    ],
)
def test_a_file_without_weights(tmp_path, content, message):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=f"other.pth holds no weights: {message}"):
        read_foreign_weights(tmp_path / "other.pth")


def test_a_text_in_place_of_a_checkpoint(tmp_path):
    (tmp_path / "page.pth").write_text("version https://git-lfs.github.com/spec/v1\nsize 123\n")
    with pytest.raises(CheckpointError, match=r"page\.pth is refused: .*Git LFS pointer$"):
        read_foreign_weights(tmp_path / "page.pth")


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        read_foreign_weights(tmp_path / "none.pth")
