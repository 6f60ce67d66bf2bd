"""The same bundle in OpenVINO and in onnxruntime."""

import numpy as np
import pytest
from edge_bundle import write_bundle

from har.edge.bundle import BundleError, load_bundle
from har.edge.engine import ClipModel, open_session


@pytest.fixture
def bundle(tmp_path):
    return load_bundle(write_bundle(tmp_path / "bundle"))


def test_both_compute_the_same(bundle):
    pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(2, 1, 8, 3, 3)).astype(np.float32)
    confidence = np.ones(poses.shape[:-1], np.float32)
    expected = ClipModel(bundle)(poses, confidence)
    for provider, tolerance in (("openvino", 1e-6), ("openvino-bf16", 0.05)):
        model = ClipModel(bundle, 1, (provider,))
        found = model(poses, confidence)
        np.testing.assert_allclose(found, expected, atol=tolerance)
        model(np.zeros_like(poses), confidence)
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_ports_are_described_as_onnxruntime_does(bundle):
    pytest.importorskip("openvino")
    ours = open_session(bundle.model, 1, ("openvino",))
    theirs = open_session(bundle.model, 1)
    for ask in ("get_inputs", "get_outputs"):
        pairs = zip(getattr(ours, ask)(), getattr(theirs, ask)(), strict=True)
        assert all(
            (a.name, a.type, len(a.shape)) == (b.name, b.type, len(b.shape)) for a, b in pairs
        )


def test_openvino_shares_with_nobody_and_tells_a_broken_graph(bundle, tmp_path):
    pytest.importorskip("openvino")
    with pytest.raises(BundleError, match="name one"):
        open_session(bundle.model, 1, ("openvino", "CPUExecutionProvider"))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(BundleError, match="OpenVINO cannot load"):
        open_session(broken, 1, ("openvino",))
