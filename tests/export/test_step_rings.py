"""The rings of a step-wise graph: written in place, they say the same as copied."""

import numpy as np
import onnx
import pytest
from export_helper import CLASSES, JOINTS, classifier, clips, recipe

from har.edge.engine import open_session
from har.edge.step_state import StepState
from har.export.stepwise.model import StepClassifier
from har.export.stepwise.state import NEXT, STATE
from har.models.skeleton.ctrgcn import CTRGCN
from har.models.skeleton.stgcnpp import STGCNPP
from har.run.exports.steps import SEEN, Stream, run_steps, write_step_graph

WINDOW, FRAMES = 24, 64


KINDS = {"stgcnpp": (STGCNPP, 4), "ctrgcn": (CTRGCN, 3)}


@pytest.fixture(
    scope="module",
    params=[
        ("stgcnpp", 1),
        ("ctrgcn", 1),
        pytest.param(("stgcnpp", 4), marks=pytest.mark.slow),
        pytest.param(("ctrgcn", 4), marks=pytest.mark.slow),
    ],
)
def step(request, tmp_path_factory):
    name, hop = request.param
    kind, blocks = KINDS[name]
    parts = classifier(kind, base_channels=16, blocks=blocks, stages=(2, blocks))
    model = StepClassifier(parts, recipe(), 3, WINDOW, hop, graph_every=8)
    path = tmp_path_factory.mktemp("steps") / "m.onnx"
    write_step_graph(model, JOINTS, 3, CLASSES, path)
    return model, path


def test_a_ring_is_written_once_and_not_read_before(step):
    model, path = step
    nodes = onnx.load(str(path)).graph.node
    kept = sum(name.endswith("graphs") for name in model.rings)
    assert len(model.rings) == 2 * len(model.blocks) + kept
    assert kept == (len(model.blocks) if model.graph_every else 0)
    for name in model.rings:
        users = [node for node in nodes if STATE + name in node.input]
        assert [node.op_type for node in users] == ["ScatterND"]
        assert users[0].output[0] == NEXT + name


def test_what_is_needed_seldom_is_in_a_branch(step):
    model, path = step
    nodes = onnx.load(str(path)).graph.node
    kinds = [node.op_type for node in nodes]
    kept = sum(name.endswith("graphs") for name in model.rings)
    assert kinds.count("If") == 2 + kept  # the first sight of two transforms
    assert not {"Choice", "ArgMax", "Tanh"} & set(kinds)


def test_states_in_one_memory_give_what_copied_states_give(step):
    model, path = step
    poses, confidence = (part[0] for part in clips(1, 1, FRAMES))
    copied = run_steps(path, model, Stream(poses, confidence))
    session = open_session(path, threads=1, sizes={"rows": 1})
    states = {SEEN: NEXT + SEEN} | {STATE + n: NEXT + n for n in model.state_shapes}
    state = StepState(session, states, {STATE + name for name in model.rings})
    bound = [
        state.step(poses[:, t : t + model.hop].numpy(), confidence[:, t : t + model.hop].numpy())
        for t in range(0, FRAMES, model.hop)
    ]
    np.testing.assert_allclose(np.concatenate(bound), copied, atol=1e-6)
    assert np.abs(np.diff(copied, axis=0)).max() > 1e-3
