"""The files of the concepts: one a kind.

version: 1.0.0
kind: posture                      # the kind of all concepts of the file
root: posture                      # the only concept of the file that has no parents
concepts:
  - id: sitting
    name: sitting
    definition: Resting on the buttocks with the trunk more or less upright.
    synonyms: [seated]             # may be left out
    parents: [posture]             # of any file
    temporal: state
    people: 1
    risk: none
    icf: d4153                     # may be left out
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from har.errors import TaxonomyError
from har.taxonomy.concept import KINDS, PEOPLE, RISKS, TEMPORALS, Concept
from har.taxonomy.fields import (
    choice_problems,
    is_snake_case,
    key_problems,
    list_problems,
    raise_problems,
    read_yaml,
    text_problems,
)

CONCEPT_FOLDER = Path(__file__).parent / "concepts"

FILE_KEYS = ("version", "kind", "root", "concepts")
CONCEPT_KEYS = ("id", "name", "definition", "parents", "temporal", "people", "risk")
OPTIONAL_KEYS = ("synonyms", "icf")
CHOICES = {"temporal": TEMPORALS, "people": PEOPLE, "risk": RISKS}

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_ICF_CODE = re.compile(r"d\d{3,4}")


def read_concepts(folder: Path) -> tuple[str, list[Concept], set[str]]:
    """Read all concept files of a folder.

    Returns:
        The version, the concepts in the order of ``KINDS`` and of the files, and the ids that the
        files name as roots. How the concepts hang together is not checked here.

    Raises:
        TaxonomyError: one line for each malformed file and field.
    """
    files = _read_files(folder)
    problems = [line for path, values in files.items() for line in _file_problems(path, values)]
    raise_problems(problems or _version_problems(files))
    ordered = sorted(files.values(), key=lambda values: KINDS.index(values["kind"]))
    concepts = [
        _concept(entry, values["kind"]) for values in ordered for entry in values["concepts"]
    ]
    return ordered[0]["version"], concepts, {values["root"] for values in ordered}


def _read_files(folder: Path) -> dict[Path, Mapping[str, Any]]:
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise TaxonomyError(f"{folder}: holds no concept files (*.yaml)")
    files, problems = {}, []
    for path in paths:
        try:
            files[path] = read_yaml(path)
        except TaxonomyError as error:
            problems.append(str(error))
    raise_problems(problems)
    return files


def _file_problems(path: Path, values: Mapping[str, Any]) -> list[str]:
    problems = key_problems(str(path), values, FILE_KEYS, ())
    problems += choice_problems(str(path), values, {"kind": KINDS})
    version = values.get("version", "0.0.0")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        problems.append(f"{path}: version must look like 1.0.0, not {version!r}")
    entries = values.get("concepts", [])
    if not isinstance(entries, list) or ("concepts" in values and not entries):
        return [*problems, f"{path}: concepts must be a list with at least one concept"]
    return problems + [line for entry in entries for line in _concept_problems(path, entry)]


def _concept_problems(path: Path, entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{path}: every concept needs keys and values, not {entry!r}"]
    identity = entry.get("id")
    place = f"{path}: concept '{identity}'"
    problems = key_problems(place, entry, CONCEPT_KEYS, OPTIONAL_KEYS)
    problems += text_problems(place, entry, ("name", "definition"))
    problems += list_problems(place, entry, ("parents", "synonyms"))
    problems += choice_problems(place, entry, CHOICES)
    if "id" in entry and not is_snake_case(identity):
        problems.append(f"{place}: id must be in snake_case, such as fall_forward")
    if "icf" in entry and not _ICF_CODE.fullmatch(str(entry["icf"])):
        problems.append(f"{place}: icf must be a code such as d410 or d4103, not {entry['icf']!r}")
    return problems


def _version_problems(files: Mapping[Path, Mapping[str, Any]]) -> list[str]:
    versions = {path.name: values["version"] for path, values in files.items()}
    if len(set(versions.values())) == 1:
        return []
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [f"the concept files differ in version, give all the same: {listed}"]


def _concept(entry: Mapping[str, Any], kind: str) -> Concept:
    return Concept(
        id=entry["id"],
        name=entry["name"],
        definition=entry["definition"],
        kind=kind,
        parents=tuple(entry["parents"]),
        temporal=entry["temporal"],
        people=str(entry["people"]),
        risk=entry["risk"],
        synonyms=tuple(entry.get("synonyms", ())),
        icf=entry.get("icf", ""),
    )
