"""``har datasets``: what the dataset cards, the label mappings and the clip stores say."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill, shorten
from typing import TYPE_CHECKING, Any

from har.cli.tables import print_json, print_table, wants_json
from har.errors import StoreError
from har.paths import datasets_root, store_root

if TYPE_CHECKING:
    from har.data.cards import Card
    from har.taxonomy.crosswalk import Crosswalk

MEBIBYTE = 2**20
WIDTH = 120
SHORTEST_LICENCE = 12

RECORDED, GENERATED, VIDEO = "recorded", "generated", "video"


def datasets(arguments: Sequence[str]) -> int:
    """Print the datasets that have a card, with the stores prepared from them."""
    as_json = wants_json("datasets", "List the datasets, and which are prepared.", arguments)
    listed = list_datasets()
    if as_json:
        print_json(listed)
        return 0
    print_table(_rows(listed))
    print()
    for line in _notes(listed):
        print(fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    return 0


def list_datasets() -> list[dict[str, Any]]:
    """Return what is known of each dataset that has a card, by name.

    ``mapped`` counts the labels of its mapping: all of them, those with a decision, and those
    linked to a concept. ``missing`` tells how to get what is not prepared.
    """
    from har.data.cards import list_cards, load_card
    from har.taxonomy.crosswalk import load_crosswalk

    stores, crosswalk = find_stores(store_root()), load_crosswalk(datasets_root())
    return [
        _describe(card, stores.get(card.name, []), crosswalk)
        for card in map(load_card, list_cards())
    ]


def find_stores(root: Path) -> dict[str, list[dict[str, Any]]]:
    """Return path, clip count and size of the stores in a folder, by dataset.

    A store that cannot be read is told on standard error and left out.
    """
    from har.data.store_meta import read_meta

    found: dict[str, list[dict[str, Any]]] = {}
    for folder in sorted(path.parent for path in root.glob("*/store.json")):
        try:
            meta = read_meta(folder)
        except StoreError as error:
            print(f"warning: {error}", file=sys.stderr)
            continue
        size = sum(file.size for file in meta.files.values())
        entry = {"path": str(folder), "clips": meta.clip_count, "size_bytes": size}
        found.setdefault(meta.description.dataset, []).append(entry)
    return found


def _describe(card: Card, stores: list[dict[str, Any]], crosswalk: Crosswalk) -> dict[str, Any]:
    licence, _, terms = card.licence.partition(";")
    origin = _origin(card)
    return {
        "name": card.name,
        "title": card.title,
        "modality": card.modality,
        "layout": card.layout or None,
        "fps": card.fps,
        "origin": origin,
        "clips": card.size.get("clips"),
        "size": dict(card.size),
        "classes": len(card.labels),
        "mapped": _mapped(card.name, crosswalk),
        "licence": licence.strip(),
        "terms": terms.strip(),
        "url": card.url,
        "protocols": list(card.protocols),
        "prepared": stores,
        "missing": None if stores else _missing(card, origin),
    }


def _origin(card: Card) -> str:
    from har.data.adapters.base import is_generated

    if not card.adapter:
        return VIDEO
    return GENERATED if is_generated(card) else RECORDED


def _missing(card: Card, origin: str) -> dict[str, str | None]:
    """Return how to get the raw data, and the command that prepares them; None for videos."""
    from har.data.store_meta import prepare_command

    raw = "<folder or archive>" if origin == RECORDED else None
    command = prepare_command(card.name, raw, store_root() / card.name)
    return {"obtain": card.obtain, "command": None if origin == VIDEO else command}


def _mapped(dataset: str, crosswalk: Crosswalk) -> dict[str, int] | None:
    if dataset not in crosswalk.mappings:
        return None
    labels = crosswalk.mapping(dataset).labels
    return {
        "labels": len(labels),
        "decided": sum(entry.is_decided for entry in labels),
        "linked": sum(bool(entry.concepts) for entry in labels),
    }


def _rows(listed: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the table, with as much of each licence as there is room for."""
    rows = [_row(dataset) for dataset in listed]
    taken = sum(max(len(name), *(len(row[name]) for row in rows)) + 2 for name in rows[0])
    room = max(WIDTH - taken, SHORTEST_LICENCE)
    licences = (shorten(dataset["licence"], room, placeholder=" …") for dataset in listed)
    return [row | {"licence": text} for row, text in zip(rows, licences, strict=True)]


def _row(dataset: dict[str, Any]) -> dict[str, str]:
    size, mapped = dataset["size"], dataset["mapped"]
    return {
        "dataset": dataset["name"],
        "data": " ".join([_kind(dataset["modality"]), dataset["layout"] or ""]).strip(),
        "clips": str(size.get("clips") or size.get("videos") or "?"),
        "people": str(size.get("subjects", "?")),
        "cameras": str(size.get("cameras", "?")),
        "hours": str(size.get("hours", "?")),
        "decided": f"{mapped['decided']}/{mapped['labels']}" if mapped else "no",
        "prepared": _prepared(dataset["prepared"]),
    }


def _kind(modality: str) -> str:
    return {"pose3d": "3D", "pose2d": "2D"}.get(modality, modality)


def _prepared(stores: list[dict[str, Any]]) -> str:
    if not stores:
        return "no"
    size = sum(store["size_bytes"] for store in stores) / MEBIBYTE
    count = f"{len(stores)} stores, " if len(stores) > 1 else ""
    return f"{count}{size:.0f} MiB"


def _notes(listed: list[dict[str, Any]]) -> list[str]:
    """Return what the columns mean, what is there, and how to get what is missing."""
    notes = [
        "decided: labels that the mapping to the concepts of assisted living decides about, of "
        "all (har taxonomy tells more). ?: not known or not published.",
        f"Prepared clips are looked for in {store_root()} (HAR_STORE_DIR).",
    ]
    missing = {
        origin: [d["name"] for d in listed if d["origin"] == origin and not d["prepared"]]
        for origin in (GENERATED, RECORDED, VIDEO)
    }
    if names := missing[GENERATED]:
        notes.append(f"Generated on first use, or with har prepare dataset=<name>: {_join(names)}")
    if names := missing[RECORDED]:
        notes.append(
            "Not prepared; with the raw data, run har prepare dataset=<name> raw=<folder or "
            f"archive>: {_join(names)}"
        )
    if names := missing[VIDEO]:
        notes.append(f"Videos, of which the labels are read and mapped, no poses: {_join(names)}")
    notes.append(
        "har datasets --json tells how to get each set, its whole licence and terms, size, "
        "protocols and stores."
    )
    return notes


def _join(names: list[str]) -> str:
    return ", ".join(names)
