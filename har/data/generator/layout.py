"""The 25 joints of the generated skeletons, by name."""

from har.skeleton.layout import load_layout

LAYOUT = "ntu25"
JOINTS = load_layout(LAYOUT).joints
NUMBER = {name: number for number, name in enumerate(JOINTS)}
MIRRORED = load_layout(LAYOUT).flip_permutation
