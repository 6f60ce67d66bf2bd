"""The files of the mappings: ``mapping.yaml`` in the folder of each dataset.

class_list: ntu60                  # official list of the ids and names; may be left out
note: ...                          # may be left out
reasons: {sport: A sport, ...}     # reasons that many labels share; may be left out
labels:                            # the official order
  - {id: 1, label: drink water, exact: [drinking]}
  - {id: 41, label: sneeze/cough, narrow: [sneezing, coughing], note: ...}
  - {id: 63, label: curling, unmapped: sport}
  - {id: 64, label: other, unmapped: "What the other classes leave over; no meaning of its own"}
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har.errors import TaxonomyError, did_you_mean
from har.taxonomy.fields import (
    key_problems,
    list_problems,
    raise_problems,
    read_yaml,
    text_problems,
)
from har.taxonomy.mapping import RELATIONS, DatasetMapping, LabelMapping
from har.taxonomy.taxonomy import Taxonomy

MAPPING_FILE = "mapping.yaml"

FILE_KEYS = ("class_list", "note", "reasons")
LABEL_KEYS = (*RELATIONS, "unmapped", "note", "spellings")


def read_mapping(path: Path) -> DatasetMapping:
    """Read the mapping of one dataset, named after its folder.

    A label without a decision is read as such; ``mapping_problems`` tells it.

    Raises:
        TaxonomyError: one line for each malformed entry.
    """
    values = read_yaml(path)
    problems = key_problems(str(path), values, ("labels",), FILE_KEYS)
    problems += text_problems(str(path), values, ("class_list", "note"))
    reasons, entries = values.get("reasons", {}), values.get("labels", [])
    if not isinstance(reasons, dict) or not all(isinstance(r, str) for r in reasons.values()):
        raise_problems([*problems, f"{path}: reasons must be words with their texts"])
    if not isinstance(entries, list) or not entries:
        raise_problems([*problems, f"{path}: labels must be a list with at least one label"])
    problems += [line for entry in entries for line in _entry_problems(path, entry, reasons)]
    raise_problems(problems or _repeated(path, entries))
    return DatasetMapping(
        dataset=path.resolve().parent.name,
        labels=tuple(_label(entry, reasons) for entry in entries),
        class_list=values.get("class_list", ""),
        note=values.get("note", ""),
    )


def mapping_problems(mapping: DatasetMapping, taxonomy: Taxonomy) -> list[str]:
    """Return a line for each label that is undecided, decided twice, or names no concept."""
    return [
        f"{mapping.dataset}: label '{entry.label}' {problem}"
        for entry in mapping.labels
        for problem in _decision_problems(entry, taxonomy)
    ]


def _decision_problems(entry: LabelMapping, taxonomy: Taxonomy) -> list[str]:
    if not entry.is_decided:
        return [f"has no decision; give it one of {', '.join(RELATIONS)}, unmapped"]
    problems = [
        f"is mapped to an unknown concept '{concept}'.{did_you_mean(concept, taxonomy.concepts)}"
        for _, concept in entry.links()
        if concept not in taxonomy.concepts
    ]
    if entry.concepts and entry.unmapped:
        problems.append("is both mapped and unmapped; keep one")
    if len(entry.concepts.get("exact", ())) > 1:
        exact = ", ".join(entry.concepts["exact"])
        problems.append(f"means exactly {exact}: it can be exact with one concept only")
    named = Counter(concept for _, concept in entry.links())
    problems += [f"has more than one relation to '{c}'" for c, count in named.items() if count > 1]
    return problems


def _entry_problems(path: Path, entry: Any, reasons: Mapping[str, str]) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{path}: every label needs keys and values, not {entry!r}"]
    place = f"{path}: label '{entry.get('label')}'"
    problems = key_problems(place, entry, ("id", "label"), LABEL_KEYS)
    problems += text_problems(place, entry, ("label", "unmapped", "note"))
    problems += list_problems(place, entry, (*RELATIONS, "spellings"))
    if isinstance(entry.get("id", 0), bool) or not isinstance(entry.get("id", 0), int):
        problems.append(f"{place}: id must be the whole number of the class, not {entry['id']!r}")
    reason = entry.get("unmapped")
    if isinstance(reason, str) and " " not in reason.strip() and reason not in reasons:
        problems.append(
            f"{place}: unmapped '{reason}' is none of the file's reasons: "
            f"{', '.join(reasons) or 'none'}.{did_you_mean(reason, reasons)} "
            "Name one, or write a sentence"
        )
    return problems


def _repeated(path: Path, entries: list[dict[str, Any]]) -> list[str]:
    names = Counter(
        name for entry in entries for name in (entry["label"], *entry.get("spellings", ()))
    )
    numbers = Counter(entry["id"] for entry in entries)
    return [
        *(f"{path}: label '{name}' stands twice" for name, count in names.items() if count > 1),
        *(f"{path}: id {number} stands twice" for number, count in numbers.items() if count > 1),
    ]


def _label(entry: Mapping[str, Any], reasons: Mapping[str, str]) -> LabelMapping:
    unmapped = entry.get("unmapped", "")
    return LabelMapping(
        id=entry["id"],
        label=entry["label"],
        concepts={
            relation: tuple(entry[relation]) for relation in RELATIONS if entry.get(relation)
        },
        unmapped=reasons.get(unmapped, unmapped),
        note=entry.get("note", ""),
        spellings=tuple(entry.get("spellings", ())),
    )


def find_mapping_files(folder: Path) -> list[Path]:
    """Return the mapping files of a folder of datasets, by name of the dataset.

    Raises:
        TaxonomyError: there is none.
    """
    paths = sorted(folder.glob(f"*/{MAPPING_FILE}"))
    if not paths:
        raise TaxonomyError(f"{folder}: holds no <dataset>/{MAPPING_FILE}")
    return paths
