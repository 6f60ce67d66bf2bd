"""One concept: something that a person can be seen doing, or a state that a person is seen in."""

from dataclasses import dataclass

KINDS = (
    "posture",
    "transition",
    "movement",
    "object_interaction",
    "person_interaction",
    "activity",
    "situation",
)
TEMPORALS = ("state", "event")
PEOPLE = ("1", "2", "many")
RISKS = ("none", "watch", "urgent")


@dataclass(frozen=True, slots=True)
class Concept:
    """One node of the taxonomy.

    Attributes:
        id: snake_case and unique.
        name: the id in plain words.
        definition: one sentence.
        kind: one of ``KINDS``.
        parents: ids of the broader concepts; empty for the root of a kind.
        temporal: ``state`` where every part of an interval is an instance too, otherwise ``event``.
        people: how many people it takes: ``1``, ``2`` or ``many``.
        risk: ``none``; ``watch``: a carer should know; ``urgent``: a carer should come.
        synonyms: other words for the same.
        icf: activities-and-participation code of the WHO's International Classification of
            Functioning, Disability and Health, or empty where none fits.
    """

    id: str
    name: str
    definition: str
    kind: str
    parents: tuple[str, ...]
    temporal: str
    people: str
    risk: str
    synonyms: tuple[str, ...] = ()
    icf: str = ""
