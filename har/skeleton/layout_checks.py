"""What a joint layout must satisfy: each check raises a LayoutError with the joint and the fix."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from har.errors import LayoutError, did_you_mean

if TYPE_CHECKING:
    from har.skeleton.layout import Layout


def check_layout(layout: "Layout", landmark_names: tuple[str, ...]) -> None:
    """Check the names, the graph, the sides and the rules of a layout.

    Raises:
        LayoutError: at the first thing that is wrong.
    """
    _check_joint_names(layout.joints)
    _check_known(layout, "edges", (joint for edge in layout.edges for joint in edge))
    _check_known(layout, "root", (layout.root,))
    _check_edges(layout.edges)
    _check_paths_to_root(layout)
    _check_known(layout, "flip", (joint for pair in layout.flip for joint in pair))
    _check_sides(layout)
    for key, table in (("aliases", layout.aliases), ("derive", layout.derive)):
        _check_known(layout, key, table)
    _check_known(layout, "bones", (*layout.bones, *layout.bones.values()))
    _check_aliases(layout.aliases)
    _check_rings_of_rules(layout.derive)
    _check_landmarks(layout, landmark_names)


def _check_joint_names(joints: tuple[str, ...]) -> None:
    for joint, count in Counter(joints).items():
        if count > 1:
            raise LayoutError(f"joint '{joint}' is listed {count} times; keep one.")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", joint):
            snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s-]+", "_", joint).lower()
            raise LayoutError(
                f"joint '{joint}' is not in snake_case, so other layouts cannot match it; "
                f"write '{_side_first(snake_case)}'."
            )


def _check_known(layout: "Layout", key: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in layout.joints:
            raise LayoutError(
                f"{key} names '{name}', which is not among the joints. "
                f"Allowed: {', '.join(layout.joints)}.{did_you_mean(name, layout.joints)}"
            )


def _check_edges(edges: tuple[tuple[str, str], ...]) -> None:
    for (a, b), count in Counter(tuple(sorted(edge)) for edge in edges).items():
        if a == b:
            raise LayoutError(f"edge [{a}, {b}] joins '{a}' to itself; remove it.")
        if count > 1:
            raise LayoutError(f"joints '{a}' and '{b}' are joined {count} times; keep one edge.")


def _check_paths_to_root(layout: "Layout") -> None:
    parents: dict[str, str] = {}
    for joint, neighbour in layout.edges:
        parents.setdefault(joint, neighbour)
    if layout.root in parents:
        raise LayoutError(
            f"root '{layout.root}' has the edge [{layout.root}, {parents[layout.root]}], but edges "
            "point towards the root; turn this edge round or choose another root."
        )
    for start in layout.joints:
        joint, steps = start, 0
        while joint != layout.root:
            if joint not in parents:
                raise LayoutError(
                    f"joint '{joint}' is not connected to the root '{layout.root}'; add an edge "
                    f"[{joint}, <its neighbour towards the root>]."
                )
            joint, steps = parents[joint], steps + 1
            if steps > len(layout.joints):
                raise LayoutError(
                    f"the path from joint '{start}' goes round in a ring through '{joint}' and "
                    f"never reaches the root '{layout.root}'; edges point towards the root, so "
                    f"turn [{joint}, {parents[joint]}] round or put the right edge before it."
                )


def _check_sides(layout: "Layout") -> None:
    paired = {joint for pair in layout.flip for joint in pair}
    for joint in layout.joints:
        if joint in paired:
            continue
        side, _, rest = joint.partition("_")
        partner = {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side)
        if partner and partner not in layout.joints:
            raise LayoutError(
                f"joint '{joint}' has no partner '{partner}' on the other side; add it, or name "
                f"the pair in flip: [[{joint}, <partner>]]."
            )
        if not partner and _side_first(joint) != joint:
            raise LayoutError(
                f"joint '{joint}' tells its side inside the name; write '{_side_first(joint)}', "
                f"or name the pair in flip: [[{joint}, <partner>]]."
            )


def _side_first(joint: str) -> str:
    """Return ``left_mouth`` for ``mouth_left``."""
    words = joint.split("_")
    sides = [word for word in words if word in ("left", "right")]
    return "_".join(sides + [word for word in words if word not in sides])


def _check_aliases(aliases: Mapping[str, tuple[str, ...]]) -> None:
    owner: dict[str, str] = {}
    for joint, names in aliases.items():
        for name in names:
            if name in owner:
                raise LayoutError(
                    f"alias '{name}' is given to both '{owner[name]}' and '{joint}'; keep one."
                )
            owner[name] = joint


def _check_rings_of_rules(derive: Mapping[str, tuple[str, ...]]) -> None:
    def follow(joint: str, path: tuple[str, ...]) -> None:
        if joint in path:
            ring = " -> ".join((*path, joint))
            raise LayoutError(f"derive goes round in a ring: {ring}; remove one of these rules.")
        for part in derive.get(joint, ()):
            follow(part, (*path, joint))

    for joint in derive:
        follow(joint, ())


def _check_landmarks(layout: "Layout", landmark_names: tuple[str, ...]) -> None:
    for name, joints in layout.landmarks.items():
        if name not in landmark_names:
            raise LayoutError(
                f"landmarks names '{name}', which is not a landmark. "
                f"Allowed: {', '.join(landmark_names)}.{did_you_mean(name, landmark_names)}"
            )
        _check_known(layout, f"landmarks.{name}", joints)
