"""A taxonomy small enough to count by hand."""

from har.evaluation.label_sets import Hierarchy
from har.taxonomy import Taxonomy
from har.taxonomy.concept import Concept

# id: (parents, risk)
TREE = {
    "posture": ((), "none"),
    "sitting": (("posture",), "none"),
    "on_chair": (("sitting",), "none"),
    "on_floor": (("sitting",), "watch"),
    "standing": (("posture",), "none"),
    "situation": ((), "watch"),
    "falling": (("situation",), "urgent"),
    "fall_forward": (("falling",), "urgent"),
    "faint": (("falling", "health"), "urgent"),
    "after_fall": (("situation",), "urgent"),
    "health": (("situation",), "watch"),
    "sneeze": (("health",), "none"),
    "chest_pain": (("health",), "urgent"),
}
TAXONOMY = Taxonomy(
    "1.0.0",
    {
        name: Concept(name, name, "", "posture", parents, "state", "1", risk)
        for name, (parents, risk) in TREE.items()
    },
)
HIERARCHY = Hierarchy.of(TAXONOMY)
LEAVES = HIERARCHY.leaves


def leaves(*concepts: str) -> frozenset[str]:
    """Return the leaves of any of the concepts."""
    return frozenset().union(*map(TAXONOMY.leaves, concepts))
