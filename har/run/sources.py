"""The datasets of an experiment: opened, split, and where there are several, joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from har.data.adapters.base import adapter_options, is_generated
from har.data.cards import VIDEO, Card, load_card
from har.data.combined import ClipSource, CombinedStore
from har.data.combined_videos import CombinedVideos
from har.data.paired_store import PairedStore
from har.data.prepare import prepare_dataset
from har.data.splits import Split, Validation, make_split
from har.data.store import ClipStore
from har.data.video_store import VideoStore
from har.errors import ConfigError, SplitError, StoreError, did_you_mean
from har.taxonomy.mapping_files import MAPPING_FILE

Config = Mapping[str, Any]
NOBODY = np.array([], dtype=np.int64)


@dataclass(frozen=True)
class Source:
    """One dataset of an experiment.

    Attributes:
        split: rows of its store.
        mapping: a user's own file that maps the labels to concepts, beside the card.
        trains: false for the dataset that a protocol leaves out, which only tests.
    """

    card: Card
    store: ClipStore
    split: Split
    mapping: Path | None = None
    trains: bool = True

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.card.name


def open_sources(config: Config) -> tuple[Source, ...]:
    """Open and split every dataset of a configuration; the one left out comes last.

    Raises:
        HarError: a dataset is not prepared, its split is empty or leaks, or the configuration
            names none, or leaves one out that it does not name.
    """
    data, protocol = config["data"], config["protocol"]
    if not data["sources"]:
        if not (data["card"] and data["store"]):
            raise ConfigError("data names no dataset: give data.card and data.store, or sources")
        return (_open(None, data, protocol),)
    if data["card"] or data["store"]:
        raise ConfigError("data has both sources and a card or store of its own: give one of them")
    left_out = protocol["leave_out"]
    if left_out is not None and left_out not in data["sources"]:
        raise ConfigError(
            f"protocol.leave_out={left_out}: no such source."
            f"{did_you_mean(left_out, data['sources'])} There are: {', '.join(data['sources'])}"
        )
    sources = [_open(name, own, own["protocol"]) for name, own in data["sources"].items()]
    trained = tuple(source for source in sources if source.name != left_out)
    if not trained:
        raise SplitError(f"protocol.leave_out={left_out} leaves no dataset to train on")
    return trained + tuple(_leave_out(source) for source in sources if source.name == left_out)


def combine(sources: Sequence[Source], data: Config) -> tuple[ClipSource, Split]:
    """Return the clips of all sources as one, and their split."""
    if not data["sources"]:
        return sources[0].store, sources[0].split
    stores = {source.name: source.store for source in sources}
    if any(source.card.modality == VIDEO for source in sources):
        store: CombinedStore = CombinedVideos(stores)
    else:
        store = CombinedStore(stores, data["layout"] or sources[0].store.layout)
    return store, store.split({source.name: source.split for source in sources})


def open_store(card: Card, data: Config) -> ClipStore:
    """Open the prepared clips; a dataset that is generated, not recorded, is made on first use."""
    path = Path(data["store"])
    generated = card.modality != VIDEO and is_generated(card)
    if not path.exists() and generated:
        options = data["adapter_options"] or {}
        prepare_dataset(card, None, path, options=options)
    if not path.exists():
        raise StoreError(
            f"There is no clip store {path}. Prepare it with: har prepare dataset={card.name} "
            f"raw=<folder or archive as distributed> out={path} (how to get the data: "
            f"datasets/{card.name}/card.yaml)"
        )
    if card.modality != VIDEO:
        store = ClipStore.open(path, unit=data["unit"])
    elif data.get("poses"):
        store = PairedStore.open_pair(path, data["poses"]["store"], unit=data["unit"])
    else:
        store = VideoStore.open(path, unit=data["unit"])
    if generated:
        _check_options(store, adapter_options(card, data["adapter_options"] or {}))
    if store.labels != card.labels:
        raise StoreError(
            f"{path} was prepared with other labels than {card.name}'s card has now: prepare it "
            f"again with `har prepare dataset={card.name} raw=<folder or archive> force=true`"
        )
    return store


def split_store(card: Card, store: ClipStore, protocol: Config) -> Split:
    """Split the clips as the protocol says; leaks are refused."""
    validation = protocol["validation"]
    return make_split(
        store.index,
        card.protocol(protocol["name"]),
        fold=protocol["fold"],
        validation=Validation(**validation) if validation else None,
    )


def describe_split(sources: Sequence[Source]) -> dict[str, Any]:
    """Return who is in which part, for the record of a run; by dataset where there are several."""
    if len(sources) == 1:
        return _describe_parts(sources[0])
    return {source.name: _describe_parts(source) for source in sources}


def _open(name: str | None, data: Config, protocol: Config) -> Source:
    card = load_card(data["card"])
    if name not in (None, card.name):
        raise ConfigError(f"data.sources.{name} is the dataset {card.name}: name it so")
    store = open_store(card, data)
    split = split_store(card, store, protocol)
    return Source(card, store, split, mapping=_own_mapping(data["card"]))


def _own_mapping(card: str) -> Path | None:
    path = Path(card).expanduser()
    beside = (path if path.is_dir() else path.parent) / MAPPING_FILE
    return beside if path.exists() and beside.is_file() else None


def _leave_out(source: Source) -> Source:
    split = replace(source.split, train=NOBODY, val=NOBODY)
    return replace(source, split=split, trains=False)


def _check_options(store: ClipStore, asked: Config) -> None:
    made = store.meta.description.adapter_options
    changed = sorted(key for key in made.keys() | asked.keys() if made.get(key) != asked.get(key))
    if changed:
        differences = ", ".join(f"{key}={made.get(key)}, not {asked.get(key)}" for key in changed)
        raise StoreError(
            f"{store.path} was generated with {differences}: choose a folder for the new clips "
            "with data.store=<folder>, or delete this one"
        )


def _describe_parts(source: Source) -> dict[str, Any]:
    index, parts = source.store.index, {}
    for name in ("train", "val", "test"):
        rows: np.ndarray = getattr(source.split, name)
        parts[name] = {
            "clips": len(rows),
            "subjects": sorted(set(index.subject[rows].tolist())),
            "cameras": sorted(set(index.camera[rows].tolist())),
        }
    return parts
