from pathlib import Path

import numpy as np
import pytest

from har.errors import ConfigError
from har.pose.rtmlib_pose import RtmlibPose, make_people

JOINTS, WIDTH, HEIGHT = 17, 48, 64


@pytest.fixture
def simcc_model(tmp_path: Path) -> Path:
    """Return an ONNX file that, as RTMPose does, gives the place of each joint as two rows."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    rows = {"simcc_x": np.zeros((1, JOINTS, 2 * WIDTH), np.float32),
            "simcc_y": np.zeros((1, JOINTS, 2 * HEIGHT), np.float32)}  # fmt: skip
    for joint in range(JOINTS):
        rows["simcc_x"][0, joint, 2 * (5 + joint)] = 0.8
        rows["simcc_y"][0, joint, 2 * (10 + joint)] = 0.8
    nodes = [helper.make_node("ReduceMax", ["image"], ["most"], keepdims=0),
             helper.make_node("Mul", ["most", "zero"], ["nothing"])]  # fmt: skip
    nodes += [helper.make_node("Add", [f"{name}_rows", "nothing"], [name]) for name in rows]
    graph = helper.make_graph(
        nodes,
        "pose",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape) for n, a in rows.items()],
        [numpy_helper.from_array(a, f"{n}_rows") for n, a in rows.items()]
        + [numpy_helper.from_array(np.float32(0), "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "pose.onnx"
    onnx.save(model, path)
    return path


def test_a_users_onnx_file_gives_2d_poses(simcc_model):
    pytest.importorskip("rtmlib")
    estimator = RtmlibPose(str(simcc_model), input_size=(WIDTH, HEIGHT))
    (person,) = estimator.estimate(np.zeros((HEIGHT * 4, WIDTH * 4, 3), np.uint8))
    assert (estimator.layout, estimator.dims) == ("coco17", 2)
    assert person.world is None
    np.testing.assert_allclose(person.confidence, 0.8, atol=1e-6)
    steps = np.diff(person.image, axis=0)
    np.testing.assert_allclose(steps, steps[:1].repeat(JOINTS - 1, axis=0), atol=1e-3)
    assert (steps > 3).all()


def test_wrong_files_kinds_and_layouts_are_refused():
    pytest.importorskip("rtmlib")
    with pytest.raises(ConfigError, match=r"there is no file none\.onnx"):
        RtmlibPose("none.onnx")
    with pytest.raises(ConfigError, match=r"no kind 'rtmopose'\. Did you mean 'rtmpose'"):
        RtmlibPose("none.onnx", kind="rtmopose")
    with pytest.raises(ConfigError, match="gives 26 joints, the layout coco17 has 17"):
        make_people(np.zeros((1, 26, 2)), np.ones((1, 26)), 17, "coco17")


def test_people_without_any_score_are_left_out_and_scores_are_cut():
    points, scores = np.zeros((2, 17, 2)), np.stack([np.zeros(17), np.full(17, 1.3)])
    (person,) = make_people(points, scores, 17, "coco17")
    assert person.confidence.max() == 1
