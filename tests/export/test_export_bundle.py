import hashlib
import json

import numpy as np
import pytest

from har.errors import HarError
from har.export.bundle import BUNDLE, SCHEMA_VERSION, staged_folder, write_manifest
from har.export.onnx_file import ExportError
from har.export.parity import check_parity, compare


def write(out, content=b"graph"):
    with staged_folder(out) as folder:
        (folder / "model.onnx").write_bytes(content)
        write_manifest(folder, {"name": "x"})


def write_half(out):
    with staged_folder(out) as folder:
        (folder / "model.onnx").write_bytes(b"half")
        raise ExportError("no")


def test_manifest_has_hash_and_size_of_every_file(tmp_path):
    write(tmp_path / "b")
    manifest = json.loads((tmp_path / "b" / BUNDLE).read_text())
    digest = hashlib.sha256(b"graph").hexdigest()
    assert manifest["schema_version"] == SCHEMA_VERSION == 1
    assert manifest["files"] == {"model.onnx": {"sha256": digest, "bytes": 5}}


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(ExportError, match="no"):
        write_half(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_bundle_before(tmp_path):
    write(tmp_path / "b")
    with pytest.raises(ExportError, match="no"):
        write_half(tmp_path / "b")
    assert (tmp_path / "b" / "model.onnx").read_bytes() == b"graph"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_bundle_is_replaced(tmp_path):
    write(tmp_path / "b")
    write(tmp_path / "b", b"newer")
    assert (tmp_path / "b" / "model.onnx").read_bytes() == b"newer"


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(HarError, match="is there and is no bundle"), staged_folder(tmp_path):
        pass
    assert (tmp_path / "mine.txt").exists()


def test_parity_counts_difference_and_agreement():
    model = np.array([[0.6, 0.4], [0.2, 0.8]])
    found = compare(model, np.array([[0.5, 0.5], [0.7, 0.3]]))
    assert found.max_difference == pytest.approx(0.5)
    assert found.top1_agreement == 0.5
    assert found.clips == 2


def test_a_graph_that_is_not_the_model_is_refused():
    model = np.array([[0.6, 0.4], [0.2, 0.8]])
    check_parity(compare(model, model + 5e-5), "fp32")
    with pytest.raises(ExportError, match=r"largest difference of a probability is 0\.01"):
        check_parity(compare(model, model + 0.01), "fp32")
    check_parity(compare(model, model + 0.01), "fp16")


def test_nan_is_no_parity():
    model = np.array([[0.6, 0.4]])
    with pytest.raises(ExportError, match="1 NaN"):
        compare(model, np.array([[np.nan, 0.4]]))
