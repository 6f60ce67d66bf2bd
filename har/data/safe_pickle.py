"""Reading pickles that others made, without running anything they name.

A pickle can name any function of any module and have it called while it is read. Here every name
stands for a function of this module: those that make NumPy arrays, dtypes and scalars are known,
all others are refused, and neither is ever imported. What a pickle gets hold of it cannot alter.
"""

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from har.errors import HarError

PLAIN_KINDS = "biufcSUO"


class UnsafePickleError(HarError, ValueError):
    """A pickle that names something other than plain containers and NumPy arrays."""


class UnreadablePickleError(HarError, ValueError):
    """A file that is no pickle, or one that is cut short or garbled."""


def load_pickle(path: Path) -> Any:
    """Return the content of a pickle of plain containers, numbers, text and NumPy arrays.

    Raises:
        UnsafePickleError: it names anything else; nothing of it was run.
        UnreadablePickleError: it is no whole pickle.
    """
    with path.open("rb") as file:
        return _load(file, path)


def load_object_npy(path: Path) -> Any:
    """Return the one object of a ``.npy`` file that holds a pickled 0-dimensional object array.

    Raises:
        UnsafePickleError, UnreadablePickleError: as for :func:`load_pickle`.
    """
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, _, dtype = read_header(file)
        except (ValueError, KeyError, EOFError) as error:
            raise UnreadablePickleError(f"{path}: not a NumPy file: {error}") from error
        if shape != () or not dtype.hasobject:
            raise UnreadablePickleError(
                f"{path}: holds an array of {dtype} of shape {shape}, not one object"
            )
        content = _load(file, path)
    if not isinstance(content, np.ndarray) or content.shape != ():
        raise UnreadablePickleError(f"{path}: its pickle is not the one object that it announces")
    return content.item()


def _load(file: BinaryIO, path: Path) -> Any:
    try:
        return _PlainUnpickler(file, encoding="latin1").load()
    except UnsafePickleError as error:
        raise UnsafePickleError(
            f"{path}: refused, nothing in it was run: it holds {error}. Only plain containers, "
            "numbers, text and NumPy arrays are read from a pickle"
        ) from None
    except (MemoryError, RecursionError) as error:
        raise UnreadablePickleError(f"{path}: too large or too deep to be read") from error
    except Exception as error:  # garbled bytes make the unpickler raise nearly anything
        raise UnreadablePickleError(f"{path}: not a readable pickle: {error}") from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise UnsafePickleError(f"the forbidden name {module}.{name}")
        return _STAND_INS[module, name]


class _StandIn:
    """A function that a pickle may call, and do nothing else with."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise UnsafePickleError("a change to one of the reader's own functions")


class _Dtype:
    """A dtype as the pickle spells it; the real one is made anew for each use."""

    __slots__ = ("_byte_order", "_code")

    def __init__(self, code: str, *_flags: Any):
        kind = np.dtype(code).kind if isinstance(code, str) else "?"
        if kind not in PLAIN_KINDS:
            raise UnsafePickleError(f"an array of the type {code!r}")
        self._code = np.dtype(code).str.lstrip("<>|=")
        self._byte_order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if any(part is not None for part in state[2:5]):
            raise UnsafePickleError("an array of structures")
        if state[1] not in ("<", ">", "|", "="):
            raise UnsafePickleError(f"the byte order {state[1]!r}")
        self._byte_order = state[1]

    def resolve(self) -> np.dtype:
        return np.dtype(self._byte_order + self._code)


class _Array(np.ndarray):
    """An array whose state is checked before NumPy, which trusts it, takes it over."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:  # type: ignore[override]
        _, shape, spec, column_major, values = state
        dtype, size = _resolved(spec), math.prod(_checked_shape(shape))
        if dtype.hasobject:
            fits = isinstance(values, list) and len(values) == size
        else:
            values = _as_bytes(values)
            fits = len(values) == size * dtype.itemsize
        if not fits:
            raise ValueError(f"the values of an array do not fit its shape {shape}")
        super().__setstate__((1, shape, dtype, bool(column_major), values))  # type: ignore[arg-type]


def _empty_array(*_arguments: Any) -> _Array:
    """Stand in for ``_reconstruct``; the state that follows fills the array."""
    return _Array((0,), np.int8)


def _array_from_buffer(buffer: Any, spec: _Dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    """Stand in for ``_frombuffer``, by which protocol 5 carries arrays."""
    flat = np.frombuffer(bytes(buffer), dtype=_resolved(spec))
    return flat.reshape(_checked_shape(shape), order="F" if order == "F" else "C")


def _scalar(spec: _Dtype, value: bytes | str) -> Any:
    """Stand in for NumPy's ``scalar``."""
    dtype = _resolved(spec)
    if dtype.hasobject:
        raise UnsafePickleError("a scalar of the type object")
    return np.frombuffer(_as_bytes(value), dtype=dtype, count=1)[0]


def _resolved(spec: Any) -> np.dtype:
    if not isinstance(spec, _Dtype):
        raise UnsafePickleError(f"an array of the type {spec!r}")
    return spec.resolve()


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"an array of the shape {shape!r}")
    return shape


def _as_bytes(value: bytes | str = b"", encoding: str = "latin1") -> bytes:
    """Return bytes, which old protocols carry as text: stands in for their functions too."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or encoding != "latin1":
        raise ValueError("bytes in an unknown encoding")
    return value.encode("latin1")


def _ordered_dict(items: Any = ()) -> dict[Any, Any]:
    """Stand in for ``OrderedDict``, of which an ordinary dictionary has the order."""
    return dict(items)


def _not_callable(*_arguments: Any) -> None:
    raise UnsafePickleError("an array made by calling numpy.ndarray")


_STAND_INS: dict[tuple[str, str], _StandIn] = {
    ("numpy", "ndarray"): _StandIn(_not_callable),
    ("numpy", "dtype"): _StandIn(_Dtype),
    ("collections", "OrderedDict"): _StandIn(_ordered_dict),
    ("_codecs", "encode"): _StandIn(_as_bytes),
    **{
        (module, name): _StandIn(function)
        for module in ("builtins", "__builtin__")
        for name, function in (("set", set), ("frozenset", frozenset), ("bytes", _as_bytes))
    },
    **{
        (f"numpy.{core}.{module}", name): _StandIn(function)
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _empty_array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array_from_buffer),
        )
    },
}
