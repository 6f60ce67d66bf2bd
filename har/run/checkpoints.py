"""Checkpoints as this project writes them: weights, and the plain data that rebuild the model."""

import io
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor, nn

from har.errors import CheckpointError
from har.record import write_bytes_atomic

FORMAT = 1
RECORD_KEYS = {"format", "config", "labels", "data_fingerprint"}


class CheckpointFiles(TorchCheckpointIO):
    """Lets Lightning write whole files or none, and read only what is safe to read."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,  # noqa: ARG002
    ) -> None:
        """Write a checkpoint; a run that is killed meanwhile keeps the one before.

        Raises:
            HarError: it cannot be written, for example because the disk is full.
        """
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_bytes_atomic(Path(path), content.getvalue())

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = None,  # noqa: ARG002
        weights_only: bool | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Read a checkpoint; see ``read_checkpoint``."""
        return read_checkpoint(Path(path))


def make_record(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the start of what every checkpoint of a run carries, as plain data.

    ``har.run.assemble`` adds what the data say: labels, outputs, fingerprint.
    """
    return {"format": FORMAT, "config": dict(config)}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running anything that it may contain.

    Raises:
        CheckpointError: missing, damaged, unsafe, or not written by this project.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(
            f"{path} is refused: it is damaged, or holds more than weights and plain data"
        ) from error
    except Exception as error:  # a damaged file can make the reader fail in any way
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} cannot be read, it may be cut short: {reason}") from error
    _check_content(checkpoint, path)
    return checkpoint


def _check_content(checkpoint: Any, path: Path) -> None:
    record = checkpoint.get("har") if isinstance(checkpoint, dict) else None
    if not isinstance(record, dict):
        raise CheckpointError(f"{path} was not written by this project: it has no 'har' record")
    if record.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {record.get('format')}, this version reads format {FORMAT}"
        )
    weights = checkpoint.get("state_dict")
    complete = record.keys() >= RECORD_KEYS and isinstance(weights, dict)
    if not complete or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise CheckpointError(f"{path} lacks a part of what this project writes")


def load_weights(module: nn.Module, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Load the weights of a checkpoint into the model it belongs to.

    Raises:
        CheckpointError: it belongs to another model; names the first tensors that do not fit.
    """
    weights, own = checkpoint["state_dict"], module.state_dict()
    problems = [f"{name} is missing" for name in own if name not in weights]
    problems += [f"{name} is not in the model" for name in weights if name not in own]
    problems += [
        f"{name} is {tuple(weights[name].shape)}, the model has {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    if problems:
        shown = "; ".join(problems[:5]) + (" ..." if len(problems) > 5 else "")
        raise CheckpointError(f"{path} belongs to another model, {len(problems)} tensors: {shown}")
    module.load_state_dict(weights)
