import json

import numpy as np
import pytest

from har.cli import main
from har.errors import ConfigError
from har.export import parity
from har.export.onnx_file import ExportError, open_session, run_session
from har.run.exports.bundle import export
from har.run.exports.steps import export_steps


@pytest.fixture(scope="module")
def checkpoint(finished):
    return finished.folder / "checkpoints/best.ckpt"


@pytest.fixture(scope="module")
def bundle(checkpoint, tmp_path_factory):
    return export(checkpoint, tmp_path_factory.mktemp("export") / "bundle", clips=8)


def test_bundle_holds_what_a_device_needs(bundle):
    manifest = json.loads((bundle.folder / "bundle.json").read_text())
    assert set(manifest["files"]) == {"model.onnx", "model_card.md"}
    assert manifest["schema_version"] == 1
    assert manifest["model"]["kind"] == "clip"
    window = manifest["window"]
    assert (window["frames"], window["any_frames"]) == (8, True)
    assert (window["people"], window["any_people"]) == (2, True)
    assert window["seconds"] > 0
    assert manifest["parity"]["max_difference"] <= 1e-4
    falls = [label for label in manifest["labels"] if label["risk"] == "urgent"]
    assert falls
    assert all(label["concepts"] for label in falls)
    assert manifest["thresholds"]["alarm"]["urgent"] == pytest.approx(1 / 11)
    assert manifest["metrics"]["metrics"]["top1"] >= 0
    assert "## Export" in (bundle.folder / "model_card.md").read_text()


def test_graph_takes_the_declared_shapes(bundle):
    manifest = bundle.manifest
    joints = len(manifest["layout"]["joints"])
    poses = np.zeros((3, 2, 5, joints, manifest["coordinates"]), np.float32)
    session = open_session(bundle.folder / "model.onnx")
    found = run_session(session, {"poses": poses, "confidence": poses[..., 0]})[0]
    assert found.shape == (3, len(manifest["labels"]))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_int8_tells_the_accuracy_before_and_after(checkpoint, tmp_path):
    manifest = export(checkpoint, tmp_path / "b", precision="int8", clips=8).manifest
    found = manifest["quantisation"]
    assert found["operators"] > 0
    assert found["top1_lost"] == pytest.approx(found["top1_before"] - found["top1_after"])
    assert found["flagged"] == (found["top1_lost"] > 0.01)


def test_a_graph_that_is_not_the_model_is_not_written(checkpoint, tmp_path, monkeypatch):
    strict = parity.Limits(max_difference=-1.0, top1_agreement=0.995)
    monkeypatch.setitem(parity.LIMITS, "fp32", strict)
    with pytest.raises(ExportError, match="Nothing was written"):
        export(checkpoint, tmp_path / "b", clips=8)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_steps_are_a_bundle_too(checkpoint, tmp_path):
    manifest = export_steps(checkpoint, tmp_path / "b", hop=2)
    assert manifest["model"]["kind"] == "step"
    names = [port["name"] for port in manifest["model"]["inputs"]]
    assert names[:3] == ["poses", "confidence", "frames_seen"]
    outputs = [port["name"] for port in manifest["model"]["outputs"]]
    assert [name.replace("state.", "next.") for name in names[3:]] == outputs[2:]
    assert manifest["against_clip_model"]["exact"]
    assert manifest["against_clip_model"]["max_difference"] <= 1e-4


def test_wrong_choices_are_told(checkpoint, tmp_path, capsys):
    with pytest.raises(ConfigError, match="precision=int4: give one of fp32, fp16, int8"):
        export(checkpoint, tmp_path / "b", precision="int4")
    with pytest.raises(ConfigError, match="labels=nwucla: the model gives the labels of"):
        export(checkpoint, tmp_path / "b", labels="nwucla")
    assert main(["export", f"out={tmp_path}", "clips=0", "precison=fp16"]) == 2
    message = capsys.readouterr().err
    assert "Did you mean 'precision'?" in message
    assert "ckpt=<file> is missing" in message
