import os
import pickle
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from har.errors import CheckpointError, HarError
from har.run.checkpoints import CheckpointFiles, load_weights, make_record, read_checkpoint


def small_model(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2))


def content(**changes: object) -> dict:
    record = make_record({"name": "tiny", "seed": 0})
    record |= {"labels": ["walk", "fall"], "outputs": ["walk", "fall"], "data_fingerprint": "abc"}
    return {"state_dict": small_model().state_dict(), "epoch": 2, "har": record, **changes}


@pytest.fixture
def path(tmp_path) -> Path:
    """Return a whole checkpoint."""
    path = tmp_path / "checkpoints" / "last.ckpt"
    CheckpointFiles().save_checkpoint(content(), path)
    return path


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.marker}",)


def test_round_trip(path):
    checkpoint = read_checkpoint(path)
    assert checkpoint["epoch"] == 2
    assert checkpoint["har"] == {
        "format": 1,
        "config": {"name": "tiny", "seed": 0},
        "labels": ["walk", "fall"],
        "outputs": ["walk", "fall"],
        "data_fingerprint": "abc",
    }
    model = small_model()
    load_weights(model, checkpoint, path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, checkpoint["state_dict"][name]), name


def test_a_missing_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"There is no checkpoint .*none\.ckpt"):
        read_checkpoint(tmp_path / "none.ckpt")
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        read_checkpoint(tmp_path)


def test_a_checkpoint_that_is_cut_short_anywhere(path):
    whole = path.read_bytes()
    for size in [*range(0, 200, 7), *range(200, len(whole), 211)]:
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=r"last\.ckpt (cannot be read|is refused)"):
            read_checkpoint(path)


def test_damage_is_told_or_harmless(path):
    whole = path.read_bytes()
    rng = torch.Generator().manual_seed(0)
    for position in torch.randint(len(whole), (150,), generator=rng).tolist():
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        with suppress(CheckpointError):
            read_checkpoint(path)


def test_a_pickle_that_runs_a_command_is_refused_and_not_run(tmp_path):
    marker, path = tmp_path / "executed", tmp_path / "evil.ckpt"
    attack = content(optimizer_states=[Attack(marker)])
    torch.save(attack, path)
    with pytest.raises(CheckpointError, match=r"evil\.ckpt is refused: .* more than weights"):
        read_checkpoint(path)
    with pytest.raises(CheckpointError, match="is refused"):
        CheckpointFiles().load_checkpoint(path, weights_only=False)
    path.write_bytes(pickle.dumps(attack))
    with pytest.raises(CheckpointError, match=r"evil\.ckpt (is refused|cannot be read)"):
        read_checkpoint(path)
    torch.save(attack, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="is refused"):
        read_checkpoint(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "foreign", [{"state_dict": {}}, small_model().state_dict(), [1, 2], torch.ones(3), {"har": 3}]
)
def test_a_file_of_another_program(path, foreign):
    torch.save(foreign, path)
    with pytest.raises(CheckpointError, match="was not written by this project"):
        read_checkpoint(path)


def test_a_text_file(path):
    path.write_text("epoch,loss\n0,3.1\n")
    with pytest.raises(CheckpointError, match=r"last\.ckpt (cannot be read|is refused)"):
        read_checkpoint(path)


def test_another_format(path):
    torch.save(content(har={**content()["har"], "format": 99}), path)
    with pytest.raises(CheckpointError, match="has format 99, this version reads format 1"):
        read_checkpoint(path)


@pytest.mark.parametrize("key", ["config", "labels", "data_fingerprint"])
def test_a_record_that_lacks_a_part(path, key):
    record = {name: value for name, value in content()["har"].items() if name != key}
    torch.save(content(har=record), path)
    with pytest.raises(CheckpointError, match="lacks a part"):
        read_checkpoint(path)


@pytest.mark.parametrize("weights", [None, [1.0], {"0.weight": "none"}])
def test_weights_that_are_none(path, weights):
    torch.save(content(state_dict=weights), path)
    with pytest.raises(CheckpointError, match="lacks a part"):
        read_checkpoint(path)


def test_weights_of_another_model_are_refused_with_the_names_of_the_tensors(path):
    checkpoint = read_checkpoint(path)
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Identity(), nn.Linear(5, 2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, checkpoint, path)
    message = str(caught.value)
    assert "last.ckpt belongs to another model, 10 tensors: " in message
    assert "3.weight is missing; 3.bias is missing; 2.weight is not in the model" in message
    assert message.endswith(" ...")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_shapes_that_differ_are_told(path):
    with pytest.raises(CheckpointError, match=r"0\.weight is \(4, 3\), the model has \(6, 3\)"):
        load_weights(small_model(6), read_checkpoint(path), path)


def test_a_full_disk_keeps_the_checkpoint_before(path, monkeypatch):
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("har.record.os.fsync", full)
    with pytest.raises(HarError, match=r"disk of .* is full: last\.ckpt was not written"):
        CheckpointFiles().save_checkpoint(content(epoch=3), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]
