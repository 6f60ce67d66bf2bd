"""``har datasets``: what the dataset cards and the stores say."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from har.cli.tables import print_json, print_table, wants_json
from har.errors import StoreError
from har.paths import store_root

MEBIBYTE = 2**20


def datasets(arguments: Sequence[str]) -> int:
    """Print the datasets that have a card, with the stores prepared from them."""
    as_json = wants_json("datasets", "List the datasets, and which are prepared.", arguments)
    listed = list_datasets()
    if as_json:
        print_json(listed)
        return 0
    print_table([_row(dataset) for dataset in listed])
    print(f"\nprepared clips are looked for in {store_root()} (HAR_STORE_DIR)")
    return 0


def list_datasets() -> list[dict[str, Any]]:
    """Return what the cards say, by name, and the stores prepared from each."""
    from har.data.cards import list_cards, load_card

    stores = find_stores(store_root())
    return [
        {
            "name": card.name,
            "title": card.title,
            "clips": card.size.get("clips"),
            "classes": len(card.labels),
            "licence": card.licence,
            "protocols": list(card.protocols),
            "prepared": stores.get(card.name, []),
        }
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


def _row(dataset: dict[str, Any]) -> dict[str, str]:
    prepared = [
        f"{Path(store['path']).name}: {store['clips']} clips, "
        f"{store['size_bytes'] / MEBIBYTE:.0f} MiB"
        for store in dataset["prepared"]
    ]
    return {
        "dataset": dataset["name"],
        "clips": str(dataset["clips"] or "?"),
        "classes": str(dataset["classes"]),
        "prepared": "; ".join(prepared) or "no",
        "licence": dataset["licence"],
        "protocols": ", ".join(dataset["protocols"]),
    }
