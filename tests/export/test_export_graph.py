import numpy as np
import pytest
import torch
from export_helper import CLASSES, JOINTS, classifier, clips, expected, recipe

from har.data.transforms import AlignShoulders, AlignSpine, Center, Compose, ScaleBody, ScaleBox
from har.errors import HarError
from har.export.graph import PoseClassifier
from har.export.onnx_file import OPSET, ExportError, Port, open_session, run_session, write_onnx
from har.models.multi_stream import MultiStreamClassifier
from har.models.skeleton.aagcn import AAGCN
from har.models.skeleton.blockgcn import BlockGCN
from har.models.skeleton.ctrgcn import CTRGCN
from har.models.skeleton.stgcnpp import STGCNPP

SMALL = {"base_channels": 16, "blocks": 3, "stages": (3,)}
AXES = ("clips", "people", "frames", JOINTS)
INPUTS = (Port("poses", "float32", (*AXES, 3)), Port("confidence", "float32", AXES))
OUTPUTS = (Port("probabilities", "float32", ("clips", CLASSES)),)
NORMALISATIONS = {
    "aligned": Compose((Center("spine_mid"), AlignSpine(), AlignShoulders())),
    "scaled": Compose((Center("spine_mid", every_frame=True), ScaleBody())),
    "box": ScaleBox(),
}


def exported(graph, path, poses, confidence):
    return run_session(
        open_session(path), {"poses": poses.numpy(), "confidence": confidence.numpy()}
    )[0]


def write(graph, path):
    write_onnx(graph, clips(), INPUTS, OUTPUTS, path)
    return path


def assert_same(graph, model, of, path, limit=1e-5):
    for shape in ((2, 2, 12), (3, 1, 12), (1, 3, 19)):
        given = clips(*shape, seed=sum(shape))
        found = exported(graph, path, *given)
        np.testing.assert_allclose(found, expected(model, of, *given), atol=limit)


@pytest.mark.parametrize("backbone", [STGCNPP, CTRGCN, AAGCN, BlockGCN])
def test_file_equals_model_for_any_clips_people_and_frames(backbone, tmp_path):
    options = {"groups": 4, "base_channels": 16, "blocks": 2, "stages": (2,)}
    model = classifier(backbone, **(options if backbone is BlockGCN else SMALL))
    of = recipe()
    graph = PoseClassifier(model, of)
    assert_same(graph, model, of, write(graph, tmp_path / "m.onnx"), limit=5e-5)


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalisation_is_inside(name, tmp_path):
    model, of = classifier(STGCNPP, **SMALL), recipe(normalise=NORMALISATIONS[name])
    graph = PoseClassifier(model, of)
    assert_same(graph, model, of, write(graph, tmp_path / "m.onnx"))


def test_streams_are_inside(tmp_path):
    names = ("joint", "bone_motion", "velocity")
    model, of = classifier(STGCNPP, streams=names, **SMALL), recipe(names)
    graph = PoseClassifier(model, of)
    assert_same(graph, model, of, write(graph, tmp_path / "m.onnx"))


def test_classifiers_of_several_streams(tmp_path):
    names = ("joint", "bone")
    parts = {name: classifier(STGCNPP, streams=(name,), **SMALL) for name in names}
    kinds = ("fusion", "backbone", "temporal", "head")
    by_kind = {kind: {name: getattr(parts[name], kind) for name in names} for kind in kinds}
    model = MultiStreamClassifier(**by_kind, weights=[2, 1]).eval()
    of = recipe(names)
    graph = PoseClassifier(model, of)
    assert_same(graph, model, of, write(graph, tmp_path / "m.onnx"))


def test_absent_people_change_nothing_whatever_their_coordinates():
    model, of = classifier(STGCNPP, **SMALL), recipe()
    graph = PoseClassifier(model, of)
    poses, confidence = clips(2, 3)
    confidence[:, 1:] = 0
    poses[:, 1:] = torch.nan
    alone = graph(poses[:, :1], confidence[:, :1])
    torch.testing.assert_close(graph(poses, confidence), alone, atol=1e-6, rtol=0)


def test_nobody_gives_what_the_model_gives_for_nobody():
    model, of = classifier(STGCNPP, **SMALL), recipe()
    poses, confidence = clips()
    nobody = torch.zeros_like(confidence)
    found = PoseClassifier(model, of)(poses, nobody)
    torch.testing.assert_close(found, expected(model, of, poses, nobody))


def test_absent_people_count_where_training_counted_them():
    model, of = classifier(STGCNPP, **SMALL), recipe()
    model.skip_absent_people = False
    given = clips()
    torch.testing.assert_close(
        PoseClassifier(model, of)(*given), expected(model, of, *given), atol=1e-5, rtol=0
    )


def test_readout_gives_labels_their_share_of_the_outputs():
    model, of = classifier(STGCNPP, **SMALL), recipe()
    shares = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 0], [0, 0]])
    given = clips()
    outputs = expected(model, of, *given)
    found = PoseClassifier(model, of, shares)(*given)
    torch.testing.assert_close(found, outputs @ shares / (outputs @ shares).sum(1, keepdim=True))


def test_half_precision_is_close(tmp_path):
    model, of = classifier(STGCNPP, **SMALL), recipe()
    graph = PoseClassifier(model, of, dtype=torch.float16)
    assert_same(graph, model, of, write(graph, tmp_path / "m.onnx"), limit=2e-2)


def test_opset_of_the_file(tmp_path):
    import onnx

    path = write(PoseClassifier(classifier(STGCNPP, **SMALL), recipe()), tmp_path / "m.onnx")
    assert [entry.version for entry in onnx.load(path).opset_import] == [OPSET]


def test_no_onnx_form_is_told(tmp_path):
    class Fourier(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x).abs()

    port = Port("x", "float32", ("n", 3))
    with pytest.raises(ExportError, match="no ONNX form of opset 17"):
        write_onnx(Fourier(), [torch.randn(3, 3)], [port], [port], tmp_path / "m.onnx")


def test_a_file_that_is_no_graph_is_told(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"nothing")
    with pytest.raises(HarError, match=r"onnxruntime cannot run m\.onnx"):
        open_session(tmp_path / "m.onnx")
