"""A bundle with a graph so small that its answers are known: the height of the joints decides."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS = (
    ("upright", ["standing"], "none"),
    ("fall", ["fall_forward"], "urgent"),
    ("fallen", ["fallen"], "urgent"),
)
JOINTS = ("pelvis", "head", "left_hand")


def write_bundle(folder: Path, frames: int = 8, fps: float = 20.0) -> Path:
    """Write a bundle whose probabilities follow from the mean height of the joints that are seen.

    Heights (second coordinate) near 1, 0.5 and 0 are upright, fall and fallen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "model.onnx", len(JOINTS))
    model = {
        "file": "model.onnx",
        "kind": "clip",
        "precision": "fp32",
        "opset": 17,
        "inputs": [
            {"name": "poses", "shape": ["clips", "people", "frames", len(JOINTS), 3]},
            {"name": "confidence", "shape": ["clips", "people", "frames", len(JOINTS)]},
        ],
        "outputs": [{"name": "probabilities", "shape": ["clips", len(LABELS)]}],
    }
    manifest = {
        "schema_version": 1,
        "files": {"model.onnx": facts(folder / "model.onnx")},
        "name": "heights",
        "model": model,
        "labels": [{"name": n, "leaves": leaves, "risk": risk} for n, leaves, risk in LABELS],
        "layout": {
            "name": "three",
            "joints": list(JOINTS),
            "edges": [["pelvis", "head"], ["head", "left_hand"]],
            "root": "pelvis",
        },
        "window": {"frames": frames, "people": 1, "seconds": 0.4},
        "coordinates": 3,
        "unit": "m",
        "fps": fps,
    }
    write_manifest(folder, manifest)
    return folder


def write_model(path: Path, joints: int) -> None:
    """Write the graph."""
    heights = np.array([1.0, 0.5, 0.0], np.float32)
    nodes = [
        helper.make_node("Gather", ["poses", "one"], ["y"], axis=4),
        helper.make_node("Mul", ["y", "confidence"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "axes"], ["total"], keepdims=0),
        helper.make_node("ReduceSum", ["confidence", "axes"], ["seen"], keepdims=0),
        helper.make_node("Max", ["seen", "tiny"], ["weight"]),
        helper.make_node("Div", ["total", "weight"], ["height"]),
        helper.make_node("Unsqueeze", ["height", "axis"], ["column"]),
        helper.make_node("Sub", ["column", "heights"], ["away"]),
        helper.make_node("Mul", ["away", "away"], ["square"]),
        helper.make_node("Mul", ["square", "sharp"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants = {
        "one": np.array(1, np.int64),
        "axis": np.array([1], np.int64),
        "axes": np.array([1, 2, 3], np.int64),
        "tiny": np.array(1e-6, np.float32),
        "heights": heights,
        "sharp": np.array(-40.0, np.float32),
    }
    shape = ["clips", "people", "frames", joints]
    graph = helper.make_graph(
        nodes,
        "heights",
        [
            helper.make_tensor_value_info("poses", TensorProto.FLOAT, [*shape, 3]),
            helper.make_tensor_value_info("confidence", TensorProto.FLOAT, shape),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["clips", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


def facts(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def read_manifest(folder: Path) -> dict:
    return json.loads((folder / "bundle.json").read_text())


def write_manifest(folder: Path, manifest: dict) -> None:
    (folder / "bundle.json").write_text(json.dumps(manifest))


def line(time: float, height: float, person: int | str = 1) -> str:
    joints = [[0.0, height, 2.0]] * len(JOINTS)
    return json.dumps({"t": time, "people": [{"id": person, "joints": joints}]})


def write_step_bundle(folder: Path, hop: int = 2, warm_up: int = 10) -> Path:
    """Write a bundle whose graph takes ``hop`` frames at a time and counts them in its state."""
    write_bundle(folder)
    path = folder / "model.onnx"
    graph = onnx.load(str(path)).graph
    joints = len(JOINTS)
    nodes = [
        helper.make_node("Unsqueeze", ["poses", "axis"], ["clip_poses"]),
        helper.make_node("Unsqueeze", ["confidence", "axis"], ["clip_confidence"]),
        *graph.node,
        helper.make_node("Add", ["frames_seen", "hop"], ["next.frames_seen"]),
    ]
    for node in nodes[2:]:
        names = {"poses": "clip_poses", "confidence": "clip_confidence"}
        node.input[:] = [names.get(name, name) for name in node.input]
    hop_value = numpy_helper.from_array(np.array([hop], np.int64), "hop")
    float_, int_ = TensorProto.FLOAT, TensorProto.INT64
    made = helper.make_graph(
        nodes,
        "steps",
        [
            helper.make_tensor_value_info("poses", float_, ["rows", hop, joints, 3]),
            helper.make_tensor_value_info("confidence", float_, ["rows", hop, joints]),
            helper.make_tensor_value_info("frames_seen", int_, ["rows"]),
        ],
        [
            helper.make_tensor_value_info("probabilities", float_, ["rows", 3]),
            helper.make_tensor_value_info("next.frames_seen", int_, ["rows"]),
        ],
        [*graph.initializer, hop_value],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=8), str(path))
    manifest = read_manifest(folder)
    manifest["model"]["kind"] = "step"
    manifest["model"]["inputs"][0]["shape"] = ["rows", hop, joints, 3]
    manifest["window"] |= {"frames_per_step": hop, "warm_up_frames": warm_up}
    manifest["files"]["model.onnx"] = facts(path)
    write_manifest(folder, manifest)
    return folder


def write_video_bundle(
    folder: Path, joints: tuple[str, str, str] = ("nose", "left_hip", "right_hip")
) -> Path:
    """Write the bundle with joints that pose estimators give."""
    write_bundle(folder, fps=10.0)
    manifest = read_manifest(folder)
    edges = [[joint, joints[0]] for joint in joints[1:]]
    manifest["layout"] = {"name": "three", "joints": list(joints), "edges": edges}
    manifest["layout"]["root"] = joints[0]
    write_manifest(folder, manifest)
    return folder
