import pytest
import torch
from models_helper import random_joints
from torch import Tensor

from har.errors import ConfigError
from har.models.skeleton.recurrent import Recurrent
from har.skeleton.layout import load_layout


def recurrent(**options) -> Recurrent:
    return Recurrent(load_layout("kinect20"), **{"width": 16, "layers": 1, **options})


def read_step_by_step(cell: str, state: dict[str, Tensor], frames: Tensor) -> Tensor:
    """Run one recurrent layer as the papers write it, one frame after the other."""
    width = state["weight_hh_l0"].shape[1]
    hidden = memory = frames.new_zeros(frames.shape[0], width)
    outputs = []
    for frame in frames.unbind(1):
        given = frame @ state["weight_ih_l0"].T + state["bias_ih_l0"]
        kept = hidden @ state["weight_hh_l0"].T + state["bias_hh_l0"]
        if cell == "lstm":
            enter, forget, new, leave = (given + kept).chunk(4, 1)
            memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
            hidden = leave.sigmoid() * memory.tanh()
        else:
            (reset, update, new), (r, u, n) = given.chunk(3, 1), kept.chunk(3, 1)
            update = (update + u).sigmoid()
            hidden = (1 - update) * (new + (reset + r).sigmoid() * n).tanh() + update * hidden
        outputs.append(hidden)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_features_equal_a_step_by_step_reading(cell):
    model = recurrent(cell=cell, bidirectional=False).double().eval()
    joints = random_joints(1, people=3, frames=7, joints=20)[0].double()
    frames = model.embed(model.data_norm(joints.reshape(3, 7, 1, 60)))[:, :, 0]
    expected = read_step_by_step(cell, model.recurrent.state_dict(), frames)
    torch.testing.assert_close(model(joints)[:, :, 0], expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_only_a_bidirectional_model_sees_later_frames(bidirectional):
    model = recurrent(bidirectional=bidirectional).eval()
    joints = random_joints(1, people=1, frames=8, joints=20)[0]
    changed = joints.clone()
    changed[:, 5:] += 1
    with torch.no_grad():
        same = torch.allclose(model(joints)[:, :5], model(changed)[:, :5])
    assert same is not bidirectional
    assert model(joints).shape == (1, 8, 1, model.out_channels)
    assert model.out_channels == (32 if bidirectional else 16)


def test_the_forget_gate_starts_open_and_the_memory_steps_orthogonal():
    weights = recurrent().recurrent
    assert weights.bias_ih_l0[16:32].tolist() == [1.0] * 16
    assert weights.bias_ih_l0.sum() == 16
    gate = weights.weight_hh_l0[:16].detach()
    torch.testing.assert_close(gate @ gate.T, torch.eye(16), atol=1e-5, rtol=0)


def test_an_unknown_cell_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"unknown cell 'gruu'. Known: lstm, gru. Did you mean"):
        recurrent(cell="gruu")
