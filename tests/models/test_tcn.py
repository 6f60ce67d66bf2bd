import torch
from models_helper import random_joints
from torch.nn import functional as F

from har.models.skeleton.tcn import TCN
from har.skeleton.layout import load_layout


def test_features_equal_plain_convolutions_along_time():
    model = TCN(load_layout("kinect20"), width=8, kernel_size=5, dilations=(1, 3)).double().eval()
    joints = random_joints(1, people=3, frames=20, joints=20)[0].double()
    start = model.embed(model.data_norm(joints.reshape(3, 20, 1, 60)))
    x = start[:, :, 0].transpose(1, 2)
    scale = (1 + 1e-5) ** -0.5  # of a batch norm that has seen nothing
    for block, dilation in zip(model.blocks, (1, 3), strict=True):
        out = x
        for convolution in (block.layers[3], block.layers[7]):
            weight = convolution.conv.weight[..., 0]
            out = F.conv1d((out * scale).relu(), weight, padding=2 * dilation, dilation=dilation)
        x = x + out
    expected = (x * scale).relu().transpose(1, 2)[:, :, None]
    torch.testing.assert_close(model(joints), expected, atol=1e-9, rtol=1e-9)


def test_a_frame_sees_as_far_as_the_dilations_say():
    model = TCN(load_layout("kinect20"), width=32, dilations=(1, 2), dropout=0.0).eval()
    joints = random_joints(1, people=1, frames=31, joints=20)[0].requires_grad_()
    model(joints)[0, 15].sum().backward()
    reached = joints.grad.abs().sum((0, 2, 3)).nonzero()[:, 0]
    assert reached.tolist() == list(range(15 - 6, 15 + 7))  # two convolutions of 1 and two of 2
    assert torch.isfinite(joints.grad).all()
