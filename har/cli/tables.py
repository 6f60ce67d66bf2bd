"""Lists as a table for people or as JSON for programs."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any


def wants_json(verb: str, description: str, arguments: Sequence[str]) -> bool:
    """Read the arguments of a listing verb: nothing but ``--json``."""
    parser = argparse.ArgumentParser(prog=f"har {verb}", description=description)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return bool(parser.parse_args(arguments).json)


def print_json(content: Any) -> None:
    """Print plain data as indented JSON."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows that all have the same columns; the columns' names are the first line."""
    if not rows:
        print("none")
        return
    names = list(rows[0])
    lines = [names, *([row[name] for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    for line in lines:
        print("  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip())
