"""Reads the weights of a checkpoint that other code wrote, without running what it may contain."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor
from torch.serialization import safe_globals

from har.errors import CheckpointError

WEIGHTS = "state_dict"
PARALLEL_PREFIX = "module."


class Ignored:
    """Stands in for an object beside the weights: takes whatever it is given and keeps nothing."""

    def __new__(cls, *_arguments: Any) -> "Ignored":
        """Return an object without content."""
        return super().__new__(cls)

    def __init__(self, *_arguments: Any):
        pass

    def __setstate__(self, _state: Any) -> None:
        """Drop the state."""

    def __setitem__(self, _key: Any, _value: Any) -> None:
        """Drop an entry."""


_NUMPY = (
    "ndarray",
    "dtype",
    *(
        f"{core}.{name}"
        for core in ("core", "_core")
        for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
    ),
)
IGNORED = (
    "getattr",
    "builtins.getattr",
    "__builtin__.getattr",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "mmengine.config.config.ConfigDict",
    "mmengine.config.config.Config",
    "mmcv.utils.config.ConfigDict",
    "mmcv.utils.config.Config",
    "addict.addict.Dict",
    *(f"numpy.{name}" for name in _NUMPY),
    *(f"numpy.dtypes.{kind}DType" for kind in ("Float64", "Float32", "Int64", "Int32", "Bool")),
)
"""What training code is known to leave beside the weights; anything else is refused. The real
objects of these names, such as Python's ``getattr``, are not called."""


def read_foreign_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint: its ``state_dict``, or the file's own content.

    Raises:
        CheckpointError: missing, damaged, holding objects that are not known to be harmless, or
            without weights.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}")
    content = _read(path)
    weights = content.get(WEIGHTS, content) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not weights:
        raise CheckpointError(f"{path} holds no weights: it is no mapping of names to tensors")
    if others := [name for name, value in weights.items() if not isinstance(value, Tensor)]:
        raise CheckpointError(
            f"{path} holds no weights: {', '.join(map(repr, others[:5]))} is no tensor"
        )
    return {str(name).removeprefix(PARALLEL_PREFIX): value for name, value in weights.items()}


def _read(path: Path) -> Any:
    try:
        with safe_globals([(Ignored, name) for name in IGNORED]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(f"{path} is refused: {_reason(error)}") from error
    except Exception as error:  # a damaged file can make the reader fail in any way
        raise CheckpointError(
            f"{path} cannot be read, it may be cut short: {str(error).partition(chr(10))[0]}"
        ) from error


def _reason(error: Exception) -> str:
    """Return what is wrong, with the sentence of PyTorch's message that names the object."""
    sentences = [line.strip() for line in str(error).splitlines() if "GLOBAL" in line]
    if not sentences:
        return "it is damaged, or no checkpoint but a text, such as a web page or a Git LFS pointer"
    return f"it is damaged, or holds more than weights and plain data ({sentences[-1]})"
