import numpy as np
import pytest
import torch
from models_helper import random_joints
from torch import nn

from har.errors import ConfigError
from har.models.skeleton.mlp import MLP
from har.skeleton.layout import load_layout


def test_pooled_features_are_the_mean_and_the_spread_of_each_part():
    joints = random_joints(1, people=2, frames=12, joints=20)[0]
    pooled = MLP(load_layout("kinect20"), segments=3).pooled(joints)
    parts = joints.numpy().reshape(2, 3, 4, 60)  # people, parts, frames, coordinates
    expected = np.concatenate([parts.mean(2), parts.std(2)], axis=1).reshape(2, -1)
    np.testing.assert_allclose(pooled.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 3, 64])
def test_any_number_of_frames_and_still_bodies_give_finite_gradients(frames):
    model = MLP(load_layout("kinect20"), width=16).train()
    still = torch.ones(4, frames, 20, 3, requires_grad=True)
    features = model(still)
    features.square().sum().backward()
    assert features.shape == (4, 1, 1, model.out_channels)
    assert still.grad.isfinite().all()


def test_depth_and_width_are_those_asked_for():
    model = MLP(load_layout("kinect20"), segments=2, width=16, depth=3)
    sizes = [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, nn.Linear)]
    assert sizes == [(2 * 2 * 60, 16), (16, 16), (16, 16)]


def test_a_single_person_to_train_on_is_refused():
    model = MLP(load_layout("kinect20"), width=16)
    with pytest.raises(ConfigError, match=r"single person: raise data\.batch_size"):
        model.train()(torch.ones(1, 8, 20, 3))
    assert model.eval()(torch.ones(1, 8, 20, 3)).shape[0] == 1
