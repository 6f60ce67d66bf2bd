import numpy as np
import pytest
import torch
from models_helper import random_joints
from torch.utils.flop_counter import FlopCounterMode

from har.errors import ConfigError, LayoutError
from har.models.body_parts import body_parts, named_parts
from har.models.cost import parameter_count
from har.models.heads import LinearHead
from har.models.skeleton.skateformer import GROUPINGS, SkateFormer, largest_window
from har.skeleton.layout import Layout, list_layouts, load_layout

SMALL = {"frames": 12, "channels": (16, 32), "depths": (1, 1), "heads": 8, "window": 4}


def small(layout: str = "kinect20", **options) -> SkateFormer:
    return SkateFormer(load_layout(layout), **{**SMALL, **options})


def attend_pair_by_pair(attention, x: torch.Tensor, near_frames: bool, near_joints: bool):
    """Let every token see those of its window, one token at a time, as the paper describes it."""
    people, frames, joints, _ = x.shape
    query, key, value = x.unflatten(-1, (3, attention.heads, -1)).unbind(3)
    out = torch.zeros(people, frames, joints, attention.heads, query.shape[-1], dtype=x.dtype)

    def place(index: int, count: int, inside: int, near: bool) -> tuple[int, int]:
        """Return which window an element is in, and where in it."""
        return divmod(index, inside) if near else divmod(index, count // inside)[::-1]

    def token(t: int, v: int) -> tuple[tuple[int, int], int, int]:
        window_t, inner_t = place(t, frames, attention.frames, near_frames)
        window_v, inner_v = place(v, joints, attention.joints, near_joints)
        return (window_t, window_v), inner_t, inner_v

    everything = [(t, v, *token(t, v)) for t in range(frames) for v in range(joints)]
    for t, v, window, inner_t, inner_v in everything:
        seen = [other for other in everything if other[2] == window]
        places = [o[0] for o in seen], [o[1] for o in seen]
        bias = torch.stack(
            [
                attention.bias[
                    inner_t - o[3] + attention.frames - 1,
                    0 if near_joints else inner_v,
                    0 if near_joints else o[4],
                ]
                for o in seen
            ]
        )
        scores = (query[:, t, v, None] * key[:, places[0], places[1]]).sum(-1)
        weights = (scores * attention.heads**-0.5 + bias).softmax(1)
        out[:, t, v] = (weights[..., None] * value[:, places[0], places[1]]).sum(1)
    return out.flatten(-2)


@pytest.mark.parametrize(("near_frames", "near_joints"), GROUPINGS)
def test_attention_equals_one_token_at_a_time(near_frames, near_joints):
    torch.manual_seed(0)
    block = small(heads=16).double().eval().stages[0]
    attention = block.attentions[GROUPINGS.index((near_frames, near_joints))]
    torch.nn.init.normal_(attention.bias)
    x = torch.randn(2, 8, 20, 3 * 4, dtype=torch.float64)
    expected = attend_pair_by_pair(attention, x, near_frames, near_joints)
    torch.testing.assert_close(attention(x), expected, atol=1e-10, rtol=1e-10)


def test_graphs_gather_from_joint_u_to_joint_v():
    torch.manual_seed(0)
    block = small(heads=16).double().eval().stages[0]
    x = torch.randn(2, 8, 20, 16, dtype=torch.float64)
    first = block.open(block.norm(x))[..., :4].permute(0, 3, 1, 2)  # channels first
    groups = zip(first.chunk(4, 1), block.graphs, strict=True)
    expected = [torch.einsum("nctu,vu->nctv", part, graph) for part, graph in groups]
    mixed = block._mix(x)[..., :4].permute(0, 3, 1, 2)
    torch.testing.assert_close(mixed, torch.cat(expected, 1), atol=1e-10, rtol=1e-10)


def two_people() -> tuple[Layout, list[list[str]]]:
    """Return the joints of two people of 24 as one body, which is how the authors see them."""
    names = [f"joint{i}" for i in range(48)]
    edges = tuple((name, names[0]) for name in names[1:])
    layout = Layout(name="two_people", joints=tuple(names), edges=edges, root=names[0])
    return layout, [names[i : i + 4] for i in range(0, 48, 4)]


@pytest.mark.slow
def test_cost_is_the_published_one_for_two_people_in_one_sequence():
    layout, parts = two_people()
    model = SkateFormer(layout, frames=64, parts=parts, parts_per_window=2)
    total = parameter_count(model) + parameter_count(LinearHead(model.out_channels, 60))
    assert total == pytest.approx(3.62e6, rel=0.01)
    assert macs(model, 48) == pytest.approx(3.46e9, rel=0.02)


@pytest.mark.slow
def test_two_people_apart_cost_hardly_less():
    assert 2 * macs(SkateFormer(load_layout("ntu25")), 25) == pytest.approx(3.46e9, rel=0.03)


def macs(model: SkateFormer, joints: int) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(random_joints(1, 1, 64, joints)[0])
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("frames", [12, 13, 24, 30])
def test_each_length_has_windows_that_fit(frames):
    model = small(frames=frames)
    features = model(random_joints(1, 2, frames, 20)[0])
    assert features.shape == (2, -(-frames // 2), 20, 32)


def test_windows_are_the_largest_divisors():
    assert [largest_window(t, 8) for t in (64, 12, 7, 13, 3)] == [8, 6, 7, 1, 3]


@pytest.mark.parametrize("name", list_layouts())
def test_parts_hold_every_joint_but_those_the_authors_leave_out(name):
    layout = load_layout(name)
    parts = body_parts(layout)
    assert parts.shape[1] == 4
    left_out = {"spine_shoulder"} if name == "ntu25" else set()
    assert {layout.joints[i] for i in parts.ravel()} == set(layout.joints) - left_out


def test_parts_of_limbs_with_many_joints():
    layout = load_layout("mediapipe33")
    parts = [[layout.joints[i] for i in part] for part in body_parts(layout)]
    assert parts[0] == ["left_wrist", "left_pinky", "left_index", "left_thumb"]
    assert parts[4] == ["left_shoulder", "right_shoulder", "left_elbow", "right_elbow"]
    assert parts[5] == ["left_hip", "right_hip", "right_hip", "right_hip"]


def test_named_parts():
    layout = load_layout("coco17")
    parts = [["nose", "left_eye"], ["left_hip", "right_hip"]]
    np.testing.assert_array_equal(named_parts(layout, parts), [[0, 1], [11, 12]])
    with pytest.raises(LayoutError, match=r"equally many joints.*these have \[1, 2\]"):
        named_parts(layout, [["nose"], ["left_hip", "right_hip"]])
    with pytest.raises(LayoutError, match="has no joint 'noze'"):
        named_parts(layout, [["noze"]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 12}, "multiple of 8"),
        ({"channels": (16, 36)}, "divides them all"),
        ({"depths": (1,)}, "channels has 2 values, depths 1"),
        ({"parts_per_window": 2}, "the joints form 5 parts"),
    ],
)
def test_wrong_options_say_what_is_allowed(options, message):
    with pytest.raises(ConfigError, match=message):
        small(**options)


def test_another_number_of_frames_is_refused():
    with pytest.raises(ConfigError, match=r"built for 12 frames and got 13"):
        small()(torch.zeros(1, 13, 20, 3))
