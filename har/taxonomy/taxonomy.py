"""The taxonomy: concepts below one another, a concept possibly below several."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from har.errors import TaxonomyError, did_you_mean
from har.taxonomy.concept import Concept
from har.taxonomy.concept_files import CONCEPT_FOLDER, read_concepts
from har.taxonomy.fields import raise_problems
from har.taxonomy.graph_checks import graph_problems


@dataclass(frozen=True)
class Taxonomy:
    """Checked concepts and how they hang together. All methods take the id of a concept.

    Attributes:
        version: semantic; a concept that goes or changes its meaning raises the first number.
        concepts: by id, in the order of the files.
    """

    version: str
    concepts: Mapping[str, Concept]

    def concept(self, identity: str) -> Concept:
        """Return a concept, or raise TaxonomyError with the closest id."""
        if identity not in self.concepts:
            raise TaxonomyError(
                f"unknown concept '{identity}'.{did_you_mean(identity, self.concepts)} "
                "`har taxonomy show` lists them"
            )
        return self.concepts[identity]

    def find(self, word: str) -> Concept:
        """Return the concept that has this id, name or synonym, in any case of letters."""
        identity = self._ids_of_words.get(_plain(word))
        if identity is None:
            raise TaxonomyError(
                f"no concept is called '{word}'.{did_you_mean(_plain(word), self._ids_of_words)} "
                "`har taxonomy show` lists them"
            )
        return self.concepts[identity]

    @property
    def roots(self) -> tuple[str, ...]:
        """The concepts without parents, one a kind."""
        return tuple(c.id for c in self.concepts.values() if not c.parents)

    @cached_property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The concepts by depth; a concept stands below all its parents, the roots first."""
        depth = {identity: self._depth(identity) for identity in self.concepts}
        return tuple(
            tuple(identity for identity in self.concepts if depth[identity] == level)
            for level in range(max(depth.values()) + 1)
        )

    def children(self, identity: str) -> tuple[str, ...]:
        """Return the concepts directly below."""
        return self._children[self.concept(identity).id]

    def descendants(self, identity: str) -> tuple[str, ...]:
        """Return all concepts below, the nearest first."""
        return self._reachable(identity, self.children)

    def ancestors(self, identity: str) -> tuple[str, ...]:
        """Return all concepts above, the nearest first."""
        return self._reachable(identity, lambda name: self.concept(name).parents)

    def leaves(self, identity: str) -> frozenset[str]:
        """Return the concepts without children at or below a concept; a leaf's own is itself."""
        below = (identity, *self.descendants(identity))
        return frozenset(name for name in below if not self._children[name])

    def _reachable(
        self, start: str, neighbours: Callable[[str], tuple[str, ...]]
    ) -> tuple[str, ...]:
        found = list(neighbours(start))
        for name in found:  # grows while it is walked
            found += [other for other in neighbours(name) if other not in found]
        return tuple(dict.fromkeys(found))

    def _depth(self, identity: str) -> int:
        parents = self.concepts[identity].parents
        return 1 + max(map(self._depth, parents)) if parents else 0

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        return {
            identity: tuple(c.id for c in self.concepts.values() if identity in c.parents)
            for identity in self.concepts
        }

    @cached_property
    def _ids_of_words(self) -> dict[str, str]:
        return {
            _plain(word): concept.id
            for concept in self.concepts.values()
            for word in (concept.id, concept.name, *concept.synonyms)
        }


def load_taxonomy(folder: Path = CONCEPT_FOLDER) -> Taxonomy:
    """Load and check the concepts of a folder; by default those of the project.

    Raises:
        TaxonomyError: one line for each problem: malformed field, duplicate, unknown parent,
            orphan, cycle, or a word that stands for two concepts.
    """
    version, concepts, roots = read_concepts(folder)
    raise_problems(graph_problems(concepts, roots))
    return Taxonomy(version, {concept.id: concept for concept in concepts})


def _plain(word: str) -> str:
    return word.replace("_", " ").casefold()
