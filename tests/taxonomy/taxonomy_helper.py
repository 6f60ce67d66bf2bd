"""Text of concept files."""

CONCEPTS = """
version: 1.0.0
kind: activity
root: activity
concepts:
"""


def concept_text(identity, below=(), **changes):
    """Return one concept below the given ones; a field changed to None is left out."""
    fields = {
        "id": identity,
        "name": identity.replace("_", " "),
        "definition": f"What {identity} is.",
        "parents": f"[{', '.join(below)}]",
        "temporal": "state",
        "people": 1,
        "risk": "none",
    } | changes
    lines = [f"{key}: {value}" for key, value in fields.items() if value is not None]
    return "  - " + "\n    ".join(lines) + "\n"
