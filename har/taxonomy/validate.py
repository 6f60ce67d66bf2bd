"""All that can be wrong with the concepts and the mappings, in one pass."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from har.errors import TaxonomyError
from har.taxonomy.concept_files import CONCEPT_FOLDER
from har.taxonomy.consistency import find_disagreements, find_misreadings
from har.taxonomy.mapping import DatasetMapping
from har.taxonomy.mapping_files import find_mapping_files, mapping_problems, read_mapping
from har.taxonomy.taxonomy import load_taxonomy

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome.

    Attributes:
        problems: one line each.
        mappings: those that could be read.
    """

    problems: tuple[str, ...]
    mappings: tuple[DatasetMapping, ...]

    @property
    def summary(self) -> str:
        """How many datasets and labels there are, and the share of labels that is decided."""
        labels = [entry for mapping in self.mappings for entry in mapping.labels]
        decided = sum(entry.is_decided for entry in labels)
        percent = 100 * decided // max(len(labels), 1)
        return f"{len(self.mappings)} datasets, {len(labels)} labels, {percent}% decided"


def validate(datasets: Path, concepts: Path = CONCEPT_FOLDER) -> Validation:
    """Check the concept files and the mapping of every dataset below a folder.

    A file that cannot be read is told with its problems, and the others are still checked.
    """
    problems: list[str] = []
    taxonomy = _attempt(partial(load_taxonomy, concepts), problems)
    paths = _attempt(partial(find_mapping_files, datasets), problems) or []
    read = [_attempt(partial(read_mapping, path), problems) for path in paths]
    mappings = tuple(mapping for mapping in read if mapping is not None)
    if taxonomy is not None:
        for mapping in mappings:
            problems += mapping_problems(mapping, taxonomy)
        problems += find_misreadings(mappings, taxonomy)
    problems += [
        f"{disagreement}; map them alike, or explain the difference in a note"
        for disagreement in find_disagreements(mappings)
        if not disagreement.is_explained
    ]
    return Validation(tuple(problems), mappings)


def _attempt(load: Callable[[], Loaded], problems: list[str]) -> Loaded | None:
    try:
        return load()
    except TaxonomyError as error:
        problems += str(error).splitlines()
        return None
