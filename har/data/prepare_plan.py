"""The plan of a preparation: what goes in, and whether a folder holds what comes of it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from har.data.adapters.base import adapter_class, adapter_options
from har.data.cards import VIDEO, Card
from har.data.prepare_folders import check_places, stamp_files
from har.data.store_meta import (
    PLAN_FILE,
    SCHEMA_VERSION,
    StoreDescription,
    StoreMeta,
    check_sizes,
    digest_of,
    partial_folder,
    prepare_command,
    read_meta,
)
from har.errors import CardError, StoreError
from har.paths import datasets_root
from har.skeleton.layout import load_layout


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be prepared.

    Attributes:
        card, raw, out, options: as given to ``prepare_dataset``.
        description: what will hold for every clip of the store.
        digest: equal where the same raw files are read in the same way.
        raw_bytes: size of the raw data.
    """

    card: Card
    raw: Path | None
    out: Path
    options: Mapping[str, Any]
    description: StoreDescription
    digest: str
    raw_bytes: int

    @property
    def partial(self) -> Path:
        """Folder in which the store is prepared."""
        return partial_folder(self.out)

    @property
    def command(self) -> str:
        """Command line that runs this plan."""
        card = self.card
        known = card.folder == datasets_root().resolve() / card.name
        extra = [f"adapter.{name}={json.dumps(value)}" for name, value in self.options.items()]
        if self.description.joints_dtype != "float32":
            extra.append(f"joints_dtype={self.description.joints_dtype}")
        return prepare_command(
            card.name if known else shlex.quote(str(card.folder)),
            None if self.raw is None else shlex.quote(str(self.raw)),
            self.out,
            map(shlex.quote, extra),
        )

    def write_partial(self) -> None:
        """Write digest and command into the partial folder, to know it by later."""
        _write_json(self.partial / PLAN_FILE, {"digest": self.digest, "command": self.command})

    def write_finished(self, store: Path) -> None:
        """Write the digest into the finished store."""
        _write_json(store / PLAN_FILE, {"digest": self.digest})


def make_plan(
    card: Card, raw: Path | None, out: Path, options: Mapping[str, Any], joints_dtype: str
) -> Plan:
    """Gather what shapes the store: card, adapter and its options, raw files.

    Raises:
        StoreError: the raw data does not exist, or ``out`` is not usable.
        CardError, ConfigError: the adapter or an option of it does not exist.
    """
    if card.modality == VIDEO:
        raise CardError(
            f"{card.name} has videos and annotations but no poses: there is nothing to prepare; "
            "sets with poses have a layout in their card"
        )
    check_places(raw, out)
    description = StoreDescription(
        dataset=card.name,
        layout=card.layout,
        unit=card.unit,
        labels=tuple(card.labels),
        joint_count=load_layout(card.layout).num_joints,
        coordinate_count=card.dims,
        joints_dtype=joints_dtype,
        adapter=card.adapter,
        adapter_version=adapter_class(card.adapter).VERSION,
        adapter_options=adapter_options(card, options),
    )
    stamps = stamp_files(raw)
    lists = {path.name: path.read_text("utf-8") for path in sorted(card.folder.glob("*.txt"))}
    digest = digest_of([SCHEMA_VERSION, asdict(description), card.fps, lists, stamps])
    raw_bytes = sum(size for _, size, _ in stamps)
    return Plan(card, raw, out, options, description, digest, raw_bytes)


def prepared_meta(plan: Plan) -> StoreMeta | None:
    """Return what the finished store says of itself, or None if torn or of another plan."""
    if planned_digest(plan.out) != plan.digest:
        return None
    try:
        meta = read_meta(plan.out)
        check_sizes(plan.out, meta)
    except StoreError:
        return None
    return meta


def planned_digest(folder: Path) -> str | None:
    """Return the digest of the plan of a folder, or None where it has none."""
    try:
        return str(json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError):
        return None


def _write_json(path: Path, content: dict[str, str]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
