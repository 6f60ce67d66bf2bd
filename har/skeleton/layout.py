"""Joint layouts: which joints a skeleton has, how they hang together, and what they are called.

A layout is a YAML file of under 30 lines. The shipped ones are found by name, a user's own by path:

    name: stick5
    joints: [head, left_hand, right_hand, pelvis, neck]
    edges: [[head, neck], [left_hand, neck], [right_hand, neck], [pelvis, neck]]
    root: neck
    aliases: {pelvis: [spine_base]}                  # what other layouts call the same point
    derive: {pelvis: [left_hip, right_hip]}          # else the mean of these points
    bones: {pelvis: head}                            # parent in the bone stream, if another
    landmarks: {spine_top: [neck]}                   # where the joint names do not tell
    flip: [[left_hand, right_hand]]                  # where left_ and right_ do not tell

The last five keys are optional. Every edge points inward, from a joint to its neighbour towards
the root; the edges keep the order and the direction of the published graphs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from har.errors import LayoutError, did_you_mean
from har.skeleton.layout_checks import check_layout
from har.skeleton.layout_file import read_layout_file

LAYOUT_FOLDER = Path(__file__).parent / "layouts"

# Joints that mark a landmark, the first complete set of a row counts.
LANDMARKS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "spine_base": (("pelvis",), ("left_hip", "right_hip")),
    "spine_mid": (
        ("spine",),
        ("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
        ("pelvis", "neck"),
    ),
    "spine_top": (("spine_shoulder",), ("neck",), ("left_shoulder", "right_shoulder")),
    "left_shoulder": (("left_shoulder",),),
    "right_shoulder": (("right_shoulder",),),
    "left_hip": (("left_hip",),),
    "right_hip": (("right_hip",),),
}


@dataclass(frozen=True)
class Layout:
    """The joints of one kind of skeleton. Checked when built; two with equal fields are equal.

    Attributes:
        name: as in the file.
        joints: names in the order of the data, snake_case, sides told by ``left_`` and ``right_``.
        edges: inward pairs (joint, neighbour towards the root). A joint that comes first in two
            pairs has its parent from the earlier one; the later only adds to the graph.
        root: the joint where all inward paths end. It need not be the pelvis: to centre a body
            use ``landmark("spine_base")`` or ``landmark("spine_mid")``.
        aliases: joint -> names of the same point in other layouts, the best first. The joint's
            own name comes before them unless it stands among them.
        derive: joint -> points whose mean stands for it where a source lacks it.
        bones: joint -> its parent in the bone stream, where that is not the parent in the graph.
        landmarks: landmark -> joints whose mean it is, where the joint names do not tell.
        flip: mirror pairs besides those told by ``left_`` and ``right_``.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    root: str
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    derive: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    bones: Mapping[str, str] = field(default_factory=dict, hash=False)
    landmarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    flip: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_layout(self, tuple(LANDMARKS))

    @property
    def num_joints(self) -> int:
        """V, the number of joints."""
        return len(self.joints)

    @cached_property
    def _positions(self) -> dict[str, int]:
        """Position of every joint by its name and its aliases; names win over aliases."""
        aliases = {
            alias: self.joints.index(joint)
            for joint, names in self.aliases.items()
            for alias in names
        }
        return aliases | {joint: position for position, joint in enumerate(self.joints)}

    def find(self, name: str) -> int | None:
        """Return the position of the joint with this name or alias, or None."""
        return self._positions.get(name)

    def index(self, name: str) -> int:
        """Return the position of the joint with this name or alias.

        Raises:
            LayoutError: if there is none.
        """
        position = self.find(name)
        if position is None:
            raise LayoutError(
                f"layout '{self.name}' has no joint '{name}'. "
                f"It has: {', '.join(self.joints)}.{did_you_mean(name, self._positions)}"
            )
        return position

    @cached_property
    def edge_indices(self) -> np.ndarray:
        """(E, 2) int64: the inward pairs as positions, in the order of ``edges``."""
        return _frozen([[self.index(a), self.index(b)] for a, b in self.edges])

    @cached_property
    def parents(self) -> np.ndarray:
        """(V,) int64: the neighbour towards the root; the root is its own parent."""
        parents = {self.index(self.root): self.index(self.root)}
        for joint, neighbour in self.edge_indices.tolist():
            parents.setdefault(joint, neighbour)
        return _frozen([parents[position] for position in range(self.num_joints)])

    @cached_property
    def bone_parents(self) -> np.ndarray:
        """(V,) int64: the joint each bone starts from: ``parents`` but for ``bones``."""
        parents = self.parents.tolist()
        for joint, parent in self.bones.items():
            parents[self.index(joint)] = self.index(parent)
        return _frozen(parents)

    @cached_property
    def flip_permutation(self) -> np.ndarray:
        """(V,) int64: the mirror partner of each joint; middle joints are their own."""
        partner = {joint: joint for joint in self.joints}
        for joint in self.joints:
            side, _, rest = joint.partition("_")
            if side == "left" and f"right_{rest}" in partner:
                partner |= {joint: f"right_{rest}", f"right_{rest}": joint}
        for first, second in self.flip:
            partner |= {first: second, second: first}
        return _frozen([self.index(partner[joint]) for joint in self.joints])

    def landmark(self, name: str) -> tuple[int, ...] | None:
        """Return the positions whose mean is a body landmark, or None where the layout lacks it.

        Args:
            name: one of ``LANDMARKS``.

        Raises:
            LayoutError: if there is no landmark of that name.
        """
        if name not in LANDMARKS:
            raise LayoutError(
                f"unknown landmark '{name}'. Known: {', '.join(LANDMARKS)}."
                f"{did_you_mean(name, LANDMARKS)}"
            )
        candidates = (self.landmarks[name],) if name in self.landmarks else LANDMARKS[name]
        for names in candidates:
            positions = tuple(position for n in names if (position := self.find(n)) is not None)
            if len(positions) == len(names):
                return positions
        return None


def list_layouts() -> tuple[str, ...]:
    """Return the names of the shipped layouts, sorted."""
    return tuple(sorted(path.stem for path in LAYOUT_FOLDER.glob("*.yaml")))


def load_layout(name: str | Path) -> Layout:
    """Return a layout; the same unchanged file is read once.

    Args:
        name: of a shipped layout, or the path of a YAML file (with a slash or ending in .yaml).

    Raises:
        LayoutError: if there is no such layout or its file is malformed.
    """
    path = _layout_path(name)
    return _load(path, path.stat().st_mtime_ns)


def _layout_path(name: str | Path) -> Path:
    if isinstance(name, Path) or "/" in name or name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise LayoutError(f"no layout file at {path}. Give the path of a YAML layout file.")
        return path
    if name not in list_layouts():
        raise LayoutError(
            f"unknown layout '{name}'. Known: {', '.join(list_layouts())}."
            f"{did_you_mean(name, list_layouts())} For a layout of your own give the path of its "
            "YAML file."
        )
    return LAYOUT_FOLDER / f"{name}.yaml"


@lru_cache(maxsize=64)
def _load(path: Path, modified_ns: int) -> Layout:  # noqa: ARG001 - part of the cache key
    try:
        return Layout(**read_layout_file(path))
    except LayoutError as error:
        raise LayoutError(f"{path}: {error}") from None


def _frozen(values: list) -> np.ndarray:
    """Return an int64 array that cannot be written: it is shared by all users of the layout."""
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array
