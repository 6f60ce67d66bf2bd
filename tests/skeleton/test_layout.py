"""Shipped layouts, layouts of a user, and what is said about malformed ones."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from har.errors import LayoutError
from har.skeleton.layout import LANDMARKS, LAYOUT_FOLDER, Layout, list_layouts, load_layout

NAMES = (
    "coco17",
    "h36m17",
    "kinect20",
    "mediapipe33",
    "ntu25",
    "openpose18",
    "smarthome13",
    "smarthome15",
    "smarthome17",
    "utd_mhad20",
)

STICK = """\
name: stick
joints: [head, left_hand, right_hand, pelvis]
edges: [[left_hand, head], [right_hand, head], [pelvis, head]]
root: head
aliases: {pelvis: [hip_center]}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "stick.yaml"
    path.write_text(text)
    return path


def test_list_layouts_has_every_shipped_layout():
    assert list_layouts() == NAMES


@pytest.mark.parametrize("name", NAMES)
class TestShippedLayout:
    def test_name_size_and_file_length(self, name):
        layout = load_layout(name)
        assert layout.name == name
        assert layout.num_joints == int(name[-2:])
        assert len((LAYOUT_FOLDER / f"{name}.yaml").read_text().splitlines()) < 30

    def test_is_loaded_once(self, name):
        assert load_layout(name) is load_layout(name)

    def test_survives_pickling(self, name):
        layout = load_layout(name)
        copy = pickle.loads(pickle.dumps(layout))
        assert copy == layout
        assert hash(copy) == hash(layout)
        assert copy.parents.tolist() == layout.parents.tolist()

    def test_flip_is_an_involution_that_swaps_sides(self, name):
        layout = load_layout(name)
        flip = layout.flip_permutation
        assert flip[flip].tolist() == list(range(layout.num_joints))
        for joint, partner in zip(layout.joints, flip, strict=True):
            swapped = joint.replace("left_", "R").replace("right_", "left_").replace("R", "right_")
            assert layout.joints[partner] == swapped

    def test_flip_keeps_the_graph(self, name):
        layout = load_layout(name)
        edges = {tuple(edge) for edge in layout.edge_indices.tolist()}
        flip = layout.flip_permutation
        assert {(flip[a], flip[b]) for a, b in edges} == edges

    def test_every_joint_reaches_the_root(self, name):
        layout = load_layout(name)
        root = layout.index(layout.root)
        for joint in range(layout.num_joints):
            for _ in range(layout.num_joints):
                joint = layout.parents[joint]
            assert joint == root
        assert (layout.parents == np.arange(layout.num_joints)).nonzero()[0].tolist() == [root]

    def test_parents_follow_the_first_inward_edge(self, name):
        layout = load_layout(name)
        for joint, position in zip(layout.joints, layout.parents, strict=True):
            firsts = [b for a, b in layout.edges if a == joint]
            assert layout.joints[position] == (firsts[0] if firsts else layout.root)

    def test_has_every_landmark(self, name):
        layout = load_layout(name)
        for landmark in LANDMARKS:
            positions = layout.landmark(landmark)
            assert positions
            assert all(0 <= position < layout.num_joints for position in positions)

    def test_shared_arrays_cannot_be_written(self, name):
        with pytest.raises(ValueError, match="read-only"):
            load_layout(name).parents[0] = 1


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("ntu25", "ntu25_kinect_v2"),
        ("kinect20", "kinect_v1_20"),
        ("coco17", "coco17"),
        ("openpose18", "openpose18"),
        ("smarthome15", "smarthome15_2sagcn"),
    ],
)
def test_edges_are_the_published_pairs_in_order(name, published, real_data):
    record = json.loads((real_data / "labels" / "joint_layouts.json").read_text())[published]
    if "edges_1based" in record:
        pairs = [[a - 1, b - 1] for a, b in record["edges_1based"]]
    else:
        pairs = record["edges_0based"]
    assert load_layout(name).edge_indices.tolist() == pairs


def test_utd_mhad_is_kinect_in_another_order():
    kinect, utd = load_layout("kinect20"), load_layout("utd_mhad20")
    assert utd.edges == kinect.edges
    assert utd.joints[:4] == ("head", "spine_shoulder", "spine", "pelvis")
    assert utd.joints[4:] == kinect.joints[4:]


def test_ntu25_known_positions():
    layout = load_layout("ntu25")
    assert layout.root == "spine_shoulder"
    assert layout.index("spine_shoulder") == 20
    assert layout.index("hip_center") == layout.index("spine_base") == 0
    assert layout.index("neck") == 2
    assert layout.landmark("spine_mid") == (1,)
    assert layout.landmark("left_shoulder") == (4,)
    assert layout.landmark("right_shoulder") == (8,)


def test_bone_parents_are_those_of_published_bone_streams():
    ntu, coco, openpose = map(load_layout, ("ntu25", "coco17", "openpose18"))
    assert (ntu.bone_parents != ntu.parents).nonzero()[0].tolist() == [21, 23]
    assert ntu.bone_parents[[21, 23]].tolist() == [22, 24]
    assert coco.bone_parents[[11, 12]].tolist() == [0, 0]
    assert openpose.bone_parents[[0, 1]].tolist() == [0, 0]


def test_landmark_falls_back_on_pairs_of_joints():
    coco = load_layout("coco17")
    assert coco.landmark("spine_base") == (11, 12)
    assert coco.landmark("spine_top") == (5, 6)


def test_index_suggests_the_nearest_joint():
    with pytest.raises(LayoutError, match=r"'coco17' has no joint 'left_wirst'.*'left_wrist'\?"):
        load_layout("coco17").index("left_wirst")


def test_unknown_landmark_names_the_allowed_ones():
    with pytest.raises(LayoutError, match=r"unknown landmark 'spine_bse'.*Did you mean 'spine_bas"):
        load_layout("coco17").landmark("spine_bse")


def test_unknown_layout_names_the_known_ones():
    with pytest.raises(LayoutError, match=r"unknown layout 'ntu52'. Known: coco17,.*path of its"):
        load_layout("ntu52")


class TestOwnLayout:
    def test_loads_from_a_path(self, tmp_path):
        path = write(tmp_path, STICK)
        layout = load_layout(path)
        assert layout == load_layout(str(path))
        assert layout.parents.tolist() == [0, 0, 0, 0]
        assert layout.flip_permutation.tolist() == [0, 2, 1, 3]
        assert layout.index("hip_center") == 3
        assert layout.landmark("spine_base") == (3,)
        assert layout.landmark("spine_top") is None

    def test_is_read_again_when_it_changes(self, tmp_path):
        path = write(tmp_path, STICK)
        assert load_layout(path).name == "stick"
        path.write_text(STICK.replace("name: stick", "name: renamed_stick"))
        assert load_layout(path).name == "renamed_stick"

    def test_optional_keys(self, tmp_path):
        extra = "bones: {pelvis: left_hand}\nlandmarks: {spine_top: [head]}\nflip: [[head, pelvis]]"
        layout = load_layout(write(tmp_path, STICK + extra))
        assert layout.parents[3] == 0
        assert layout.bone_parents[3] == 1
        assert layout.landmark("spine_top") == (0,)
        assert layout.flip_permutation.tolist() == [3, 2, 1, 0]

    def test_example_of_the_documentation_loads(self, tmp_path):
        import har.skeleton.layout as module

        lines = module.__doc__.splitlines()
        example = "\n".join(line[4:] for line in lines if line.startswith("    "))
        assert load_layout(write(tmp_path, example)).name == "stick5"

    def test_extra_edges_enter_the_graph_and_keep_the_first_parent(self, tmp_path):
        text = STICK.replace("[pelvis, head]", "[pelvis, head], [left_hand, pelvis]")
        layout = load_layout(write(tmp_path, text))
        assert len(layout.edges) == 4
        assert layout.parents.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pelvis]\ne", "pelvis, head]\ne", r"joint 'head' is listed 2 times; keep one"),
        ("right_hand, pelvis]\ne", "pelvis]\ne", r"edges names 'right_hand', .*Did you mean"),
        ("[pelvis, head]]", "[pelvis, haed]]", r"edges names 'haed'.*Did you mean 'head'\?"),
        (", [pelvis, head]]", "]", r"joint 'pelvis' is not connected to the root 'head'; add an"),
        ("[pelvis, head]]", "[head, pelvis]]", r"root 'head' has the edge \[head, pelvis\].*turn"),
        ("[pelvis, head]]", "[pelvis, pelvis]]", r"joins 'pelvis' to itself; remove it"),
        ("[pelvis, head]]", "[pelvis, head], [pelvis, head]]", r"joined 2 times; keep one edge"),
        ("left_hand", "left_arm", r"'left_arm' has no partner 'right_arm' on the other side"),
        ("left_hand", "hand_left", r"'hand_left' tells its side inside the name; write 'left_hand"),
        ("left_hand", "HandLeft", r"'HandLeft' is not in snake_case.*write 'left_hand'"),
        ("root: head", "root: neck", r"root names 'neck', which is not among the joints"),
        ("aliases:", "alias:", r"unknown key 'alias'.*Did you mean 'aliases'\?"),
        ("root: head\n", "", r"missing key 'root'. Required: name, joints, edges, root"),
        ("{pelvis: [", "{pelvsi: [", r"aliases names 'pelvsi'.*Did you mean 'pelvis'\?"),
        ("[hip_center]", "[x], head: [x]", r"alias 'x' is given to both 'pelvis' and 'head'"),
        ("[hip_center]", "hip_center", r"aliases.pelvis: expected a list of names, got 'hip_c"),
        ("[pelvis, head]]", "[pelvis]]", r"edges: expected a pair \[joint, joint\], got \['pel"),
        ("[head, left", "[1, left", r"joints: expected a name, got 1"),
        ("aliases: {", "landmarks: {", r"landmarks names 'pelvis', which is not a landmark"),
        ("aliases: {pelvis: [hip_center]}", "bones: {pelvis: x}", r"bones names 'x', which is not"),
        ("aliases: {", "aliases: [", r"not valid YAML"),
    ],
)
def test_malformed_file_is_named_with_the_joint_and_the_fix(tmp_path, old, new, message):
    assert old in STICK
    path = write(tmp_path, STICK.replace(old, new))
    with pytest.raises(LayoutError, match=rf"(?s){path}: .*{message}"):
        load_layout(path)


def test_ring_of_edges_is_named(tmp_path):
    text = """\
name: ring
joints: [a, b, c, d]
edges: [[b, c], [c, d], [d, b]]
root: a
"""
    with pytest.raises(LayoutError, match=r"goes round in a ring through '.' and never reaches"):
        load_layout(write(tmp_path, text))


def test_ring_of_rules_is_named(tmp_path):
    rules = "derive: {head: [pelvis], pelvis: [head, left_hand]}\n"
    with pytest.raises(LayoutError, match=r"derive goes round in a ring: head -> pelvis -> head"):
        load_layout(write(tmp_path, STICK + rules))


def test_file_that_is_no_mapping(tmp_path):
    with pytest.raises(LayoutError, match=r"a layout file is a mapping with the keys name"):
        load_layout(write(tmp_path, "- head"))


def test_missing_file(tmp_path):
    with pytest.raises(LayoutError, match=r"no layout file at .*absent\.yaml"):
        load_layout(tmp_path / "absent.yaml")


def test_layout_built_in_code_is_checked():
    with pytest.raises(LayoutError, match=r"joint 'b' is not connected to the root 'a'"):
        Layout("pair", ("a", "b"), (), "a")
