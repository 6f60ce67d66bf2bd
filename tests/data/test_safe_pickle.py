import builtins
import os
import pickle
import subprocess
from collections import OrderedDict

import numpy as np
import pytest

from har.data import safe_pickle
from har.data.safe_pickle import (
    UnreadablePickleError,
    UnsafePickleError,
    load_object_npy,
    load_pickle,
)

PLAIN = {
    "numbers": np.arange(6.0).reshape(2, 3),
    "column_major": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "half": np.ones((2, 2), np.float16),
    "big_endian": np.arange(3, dtype=">i2"),
    "flags": np.array([True, False]),
    "texts": np.array(["a", "bcd"]),
    "objects": np.array([{"k": [1]}, "x"], dtype=object),
    "empty": np.zeros((0, 3)),
    "zero_dimensional": np.array(5),
    "scalars": [np.float32(3), np.int64(7), np.bool_(True), np.str_("ab")],
    "plain": (1, 2.5, None, True, b"x", b"", "é", {1, 2}, frozenset({3})),
    "ordered": OrderedDict(b=1, a=2),
}


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "content.pkl"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        return path

    return write


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_content_comes_back(write, protocol):
    loaded = load_pickle(write(pickle.dumps(PLAIN, protocol=protocol)))
    assert loaded.keys() == PLAIN.keys()
    for name, value in PLAIN.items():
        if isinstance(value, np.ndarray):
            assert loaded[name].dtype.newbyteorder("=") == value.dtype.newbyteorder("=")
            np.testing.assert_array_equal(np.asarray(loaded[name]), value)
        else:
            assert loaded[name] == value


@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
def test_both_names_of_numpy_core(write, core):
    content = pickle.dumps(np.arange(3.0), protocol=2)
    for name in (b"numpy._core", b"numpy.core"):
        content = content.replace(name, core.encode())
    np.testing.assert_array_equal(load_pickle(write(content)), np.arange(3.0))


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {}",), r"(posix|nt)\.system"),
        (builtins.eval, ("open('{}', 'w')",), r"builtins\.eval"),
        (builtins.exec, ("open('{}', 'w')",), r"builtins\.exec"),
        (builtins.getattr, ("x", "y"), r"builtins\.getattr"),
        (subprocess.Popen, ("touch {}",), r"subprocess\.Popen"),
        (np.load, ("{}",), r"numpy\.load"),
        (np.frombuffer, (b"x",), r"numpy.*frombuffer"),
    ],
)
@pytest.mark.parametrize("wrap", ["bare", "in_list", "in_objects", "nested_objects"])
def test_calls_are_refused_and_not_made(write, tmp_path, function, arguments, name, wrap):
    victim = tmp_path / "victim"
    arguments = [a.format(victim) if isinstance(a, str) else a for a in arguments]
    evil = Calls(function, *arguments)
    objects = np.array([evil, 1], dtype=object)
    content = {
        "bare": evil,
        "in_list": [evil],
        "in_objects": objects,
        "nested_objects": np.array([objects, {"a": objects}], dtype=object),
    }[wrap]
    with pytest.raises(UnsafePickleError, match=rf"refused, nothing in it was run.*{name}"):
        load_pickle(write(content))
    assert not victim.exists()


def test_names_that_hide_behind_allowed_modules(write):
    for module, name in [("numpy", "ndarray.tofile"), ("collections", "os"), ("_codecs", "open")]:
        content = b"\x80\x04" + pickle.dumps(module)[11:-1] + pickle.dumps(name)[11:-1] + b"\x93."
        with pytest.raises(UnsafePickleError, match=f"forbidden name {module}.{name}"):
            load_pickle(write(content))


def test_the_reader_itself_cannot_be_altered(write):
    content = b"cnumpy\ndtype\n(N}Vx\nVy\nstb."
    with pytest.raises(UnsafePickleError, match="a change to one of the reader's own functions"):
        load_pickle(write(content))
    with pytest.raises(UnreadablePickleError):
        load_pickle(write(b"\x80\x02cnumpy\nndarray\n(tK\x01\x85\x81."))
    with pytest.raises(UnsafePickleError, match=r"calling numpy.ndarray"):
        load_pickle(write(b"cnumpy\nndarray\n(I3\ntR."))


def test_array_state_is_checked_before_numpy_sees_it(write):
    array, content = np.arange(4.0), pickle.dumps(np.arange(4.0), protocol=4)
    too_long = content.replace(b"K\x04\x85", b"K\x40\x85")
    assert too_long != content
    with pytest.raises(UnreadablePickleError, match="do not fit its shape"):
        load_pickle(write(too_long))
    structured = np.zeros(2, dtype=[("a", "f4")])
    with pytest.raises(UnsafePickleError, match="an array of"):
        load_pickle(write(structured))
    with pytest.raises(UnsafePickleError, match="an array of the type"):
        load_pickle(write(np.array(["2020-01-01"], dtype="M8[D]")))
    np.testing.assert_array_equal(load_pickle(write(content)), array)


def test_short_object_array_is_refused(write):
    content = pickle.dumps(np.array([[1], [2]], dtype=object), protocol=4)
    with pytest.raises(UnreadablePickleError, match="do not fit its shape"):
        load_pickle(write(content.replace(b"K\x02K\x01\x86", b"K\x09K\x09\x86")))


@pytest.mark.parametrize("length", [0, 1, 10, 100, 200])
def test_cut_short(write, length):
    with pytest.raises(UnreadablePickleError, match="not a readable pickle"):
        load_pickle(write(pickle.dumps(PLAIN)[:length]))


def test_garbled(write):
    rng = np.random.default_rng(0)
    whole = bytearray(pickle.dumps(PLAIN))
    for _ in range(300):
        garbled = bytearray(whole)
        for place in rng.integers(len(whole), size=3):
            garbled[place] = rng.integers(256)
        try:
            load_pickle(write(bytes(garbled)))
        except (UnreadablePickleError, UnsafePickleError):
            continue


class TestObjectNpy:
    def save(self, path, content):
        np.save(path, content, allow_pickle=True)
        return path

    def test_one_object(self, tmp_path):
        content = np.array({"a": np.arange(3)}, dtype=object)
        loaded = load_object_npy(self.save(tmp_path / "a.npy", content))
        np.testing.assert_array_equal(loaded["a"], np.arange(3))

    def test_refusals(self, tmp_path):
        path = tmp_path / "victim"
        evil = np.array({"a": Calls(os.system, f"touch {path}")}, dtype=object)
        with pytest.raises(UnsafePickleError, match="system"):
            load_object_npy(self.save(tmp_path / "a.npy", evil))
        assert not path.exists()
        with pytest.raises(UnreadablePickleError, match=r"shape \(3,\), not one object"):
            load_object_npy(self.save(tmp_path / "b.npy", np.arange(3)))
        (tmp_path / "c.npy").write_bytes(b"no numpy file")
        with pytest.raises(UnreadablePickleError, match="not a NumPy file"):
            load_object_npy(tmp_path / "c.npy")


def test_every_known_name_is_a_stand_in():
    stand_ins = safe_pickle._STAND_INS
    assert len(stand_ins) == 16
    assert all(type(value) is safe_pickle._StandIn for value in stand_ins.values())
