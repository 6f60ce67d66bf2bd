import numpy as np
import pytest
import torch
from models_helper import random_joints
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.cost import count_macs, parameter_count
from har.models.heads import LinearHead
from har.models.heatmaps import crop_to_body, draw_heatmaps
from har.models.skeleton.posec3d import PoseC3D, image_max_pool
from har.models.temporal_modules import temporal_max_pool
from har.skeleton.layout import load_layout

SMALL = {"base_channels": 4, "stage_blocks": (1, 2), "size": 20}
SMALL |= {"inflate": (False, True), "temporal_strides": (1, 2)}


def small(layout: str = "coco17", in_channels: int = 2, **options) -> PoseC3D:
    return PoseC3D(load_layout(layout), in_channels, **{**SMALL, **options})


def drawn_by_loop(pixels: np.ndarray, peaks: np.ndarray, size: int, sigma: float) -> np.ndarray:
    """Draw the heatmaps of the paper joint by joint and pixel by pixel."""
    volume = np.zeros((*peaks.shape[:2], size, size, peaks.shape[2]))
    reach = 3 * sigma
    for p, t, v in np.ndindex(peaks.shape):
        x, y = pixels[p, t, v]
        for row in range(max(0, int(np.floor(y - reach))), min(size, int(np.floor(y + reach)) + 1)):
            for column in range(
                max(0, int(np.floor(x - reach))), min(size, int(np.floor(x + reach)) + 1)
            ):
                distance = (column - x) ** 2 + (row - y) ** 2
                volume[p, t, row, column, v] = peaks[p, t, v] * np.exp(-distance / 2 / sigma**2)
    return volume


@pytest.mark.parametrize("sigma", [0.6, 1.5])
def test_heatmaps_equal_a_loop_over_pixels(sigma):
    rng = np.random.default_rng(0)
    pixels = rng.uniform(-4, 24, (2, 3, 17, 2))  # some lie at the border, some outside
    pixels[0, 0, :2] = [[0.0, 19.0], [10.0, 5.0]]
    peaks = rng.uniform(0, 1, (2, 3, 17)) * (rng.uniform(size=(2, 3, 17)) > 0.2)
    drawn = draw_heatmaps(torch.tensor(pixels), torch.tensor(peaks), 20, sigma)
    np.testing.assert_allclose(drawn.numpy(), drawn_by_loop(pixels, peaks, 20, sigma), atol=1e-12)


def test_a_joint_that_is_not_a_number_gives_no_number():
    pixels = torch.full((1, 2, 3, 2), 5.0)
    pixels[0, 1, 2, 0] = torch.nan
    drawn = draw_heatmaps(pixels, torch.ones(1, 2, 3), 20, 0.6)
    assert drawn[0, 1, ..., 2].isnan().any()
    drawn[0, 1, ..., 2] = 0
    assert drawn.isfinite().all()
    joints = random_joints(1, people=2, frames=4, joints=17)[0][..., :2]
    joints[0, 0, 0] = torch.nan
    assert small().heatmaps(joints).isnan().flatten(1).any(1).tolist() == [True, False]


def test_the_crop_is_a_square_around_the_seen_joints_of_all_frames():
    points = torch.tensor([[[[1.0, 1.0], [3.0, 2.0], [90.0, 90.0]], [[1.0, 5.0]] * 3]])
    seen = torch.tensor([[[True, True, False], [True, True, True]]])
    pixels = crop_to_body(points, seen, size=50, padding=0.25)
    assert pixels[0, 0, 0].tolist() == pytest.approx([15.0, 5.0])  # 10 pixels a unit, centre (2, 3)
    assert pixels[0, 1, 0].tolist() == pytest.approx([15.0, 45.0])
    assert pixels[0, 0, 2].tolist() == [0.0, 0.0]


def test_unseen_joints_and_absent_people_are_not_drawn():
    joints = random_joints(1, people=2, frames=4, joints=17)[0][..., :2]
    joints[0] = 0
    joints[1, :, 3] = 0
    heatmaps = small().heatmaps(joints)
    assert torch.isfinite(heatmaps).all()
    assert heatmaps[0].count_nonzero() == 0
    assert heatmaps[1, ..., 3].count_nonzero() == 0
    assert (heatmaps[1].flatten(1, 2).amax(1) > 0.49).sum() == 4 * 16


def test_a_body_without_extent_is_drawn_in_the_middle():
    heatmaps = small().heatmaps(torch.full((1, 2, 17, 2), 3.0))
    assert heatmaps[0, 0, 10, 10].tolist() == [1.0] * 17


def test_3d_joints_are_seen_along_the_axis_that_is_left_out():
    joints = random_joints(1, people=2, frames=4, joints=25)[0]
    flat = small("ntu25", 2).heatmaps(joints[..., [0, 2]])
    assert torch.equal(small("ntu25", 3, axes=(0, 2)).heatmaps(joints), flat)


def test_place_and_size_do_not_matter():
    joints = random_joints(1, people=2, frames=4, joints=17)[0][..., :2].double()
    torch.testing.assert_close(small().heatmaps(joints), small().heatmaps(joints * 3.0 + 7.0))


def plain_forward(state: dict, volume: torch.Tensor) -> torch.Tensor:
    """Run the small network as the paper writes it, channels first, with single operations."""

    def layer(name: str, x, stride=1):
        weight = state[f"{name}.conv.weight"].contiguous()
        x = F.conv3d(x, weight, stride=stride, padding=[(k - 1) // 2 for k in weight.shape[2:]])
        shape = (1, -1, 1, 1, 1)
        mean, var, gamma, beta = (
            state[f"{name}.norm.{key}"].view(shape)
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * gamma + beta

    x = F.max_pool3d(layer("stem", volume).relu(), (1, 3, 3), 1, (0, 1, 1))
    for block, stride in enumerate([(1, 2, 2), (2, 2, 2), (1, 1, 1)]):
        name = f"blocks.{block}"
        out = layer(f"{name}.reduce", x).relu()
        out = layer(f"{name}.expand", layer(f"{name}.spatial", out, stride).relu())
        if f"{name}.shortcut.conv.weight" in state:
            x = layer(f"{name}.shortcut", x, stride)
        x = (out + x).relu()
    return x


def test_features_equal_the_plain_network():
    rng = torch.Generator().manual_seed(0)
    model = small().double().eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if "norm" in name and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=rng) + 0.5)
    joints = random_joints(1, people=3, frames=7, joints=17)[0][..., :2].double()
    volume = model.heatmaps(joints).permute(0, 4, 1, 2, 3)
    assert volume.is_contiguous(memory_format=torch.channels_last_3d)
    assert model.stem.conv.weight.is_contiguous(memory_format=torch.channels_last_3d)
    expected = plain_forward(model.state_dict(), volume.contiguous())
    features = model(joints)
    assert features.shape == (3, 4, 25, model.out_channels)
    expected = expected.permute(0, 2, 3, 4, 1).flatten(2, 3)
    torch.testing.assert_close(features, expected, atol=1e-9, rtol=1e-9)


def test_parameters_are_the_published_ones():
    model = PoseC3D(load_layout("coco17"), 2)
    total = parameter_count(model) + parameter_count(LinearHead(model.out_channels, 60))
    assert total == pytest.approx(2.03e6, rel=0.01)


@pytest.mark.slow
def test_multiply_accumulates_of_one_person():
    """The authors' own code counts 15.63 G; counted without the taps on padding it is 15.0 G."""

    class Backbone(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = PoseC3D(load_layout("coco17"), 2)

        def forward(self, streams, person_mask):
            return self.model(streams["joint"][person_mask])

    streams = {"joint": random_joints(1, people=1, frames=48, joints=17)[..., :2]}
    macs = count_macs(Backbone(), streams, torch.ones(1, 1, dtype=torch.bool))
    assert macs == pytest.approx(15.63e9, rel=0.001)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axes": (0, 2)}, r"axes of PoseC3D are \[0, 2\]; give two different ones of \[0, 1\]"),
        ({"axes": (1, 1)}, "two different"),
        ({"in_channels": 6}, "would ignore most of 6 channels: choose stream=joint and"),
        ({"inflate": (True,)}, "stage_blocks has 2, inflate 1 and temporal_strides 2"),
    ],
)
def test_wrong_options_say_what_is_allowed(options, message):
    with pytest.raises(ConfigError, match=message):
        small(**{"in_channels": 2, **options})


def test_people_of_a_clip_share_a_volume_as_the_authors_draw_them():
    joints = random_joints(2, people=2, frames=4, joints=17).flatten(0, 1)[..., :2]
    joints[3] = 0  # the second person of the second clip is absent
    together = small(person_slots=2).heatmaps(joints)
    side_by_side = joints.unflatten(0, (2, 2)).transpose(1, 2).flatten(2, 3)
    apart = small("coco17")
    pixels = crop_to_body(side_by_side, (side_by_side != 0).any(-1), apart.size, apart.padding)
    first, second = pixels.split(17, dim=2)
    seen = (joints != 0).any(-1).float().unflatten(0, (2, 2))
    drawn = [
        draw_heatmaps(person, seen[:, number], apart.size, apart.sigma)
        for number, person in enumerate((first, second))
    ]
    torch.testing.assert_close(together, torch.maximum(*drawn))


def test_people_who_share_a_volume_have_its_features():
    model = small(person_slots=2).eval()
    joints = random_joints(2, people=2, frames=4, joints=17).flatten(0, 1)[..., :2]
    features = model(joints)
    assert features.shape[0] == 4
    assert torch.equal(features[0], features[1])
    assert not torch.equal(features[0], features[2])
    with pytest.raises(ConfigError, match=r"has 3 people: clips need 2 each. Set data\.people=2"):
        model(joints[:3])


def test_images_are_pooled_as_volumes_and_axis_by_axis():
    volumes = random_joints(2, people=4, frames=5, joints=6).relu()  # (N, T, H, W, C)
    pooled = F.max_pool3d(volumes.permute(0, 4, 1, 2, 3), (1, 3, 3), 1, (0, 1, 1))
    images = volumes.flatten(0, 1)
    expected = pooled.permute(0, 2, 3, 4, 1).flatten(0, 1)
    assert torch.equal(image_max_pool(images), expected)
    of_rows = temporal_max_pool(images)  # as on a GPU
    assert torch.equal(temporal_max_pool(of_rows.transpose(1, 2)).transpose(1, 2), expected)
