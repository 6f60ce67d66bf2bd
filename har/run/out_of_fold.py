"""Predictions for every clip of a dataset, each by a model that knows neither clip nor subject."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from har.data.cards import DESCRIPTIVE_KEYS, Card, load_card
from har.data.folds import folds as fold_names
from har.data.protocols import KFold, ProtocolSpec
from har.data.store import ClipStore
from har.errors import ConfigError, HarError
from har.evaluation.predictions import Predictions
from har.record import provenance, read_json, write_bytes_atomic, write_json_atomic
from har.run.assemble import open_store
from har.run.folder import CONFIG, RESULTS, release_folder, start_folder
from har.run.outputs import PREDICTIONS, check_same_data
from har.run.training import train

PROTOCOL = "out_of_fold"
RECORD, CARD, FOLDS = "out_of_fold.json", "card.yaml", "folds"
ALL = "all"
"""Number of folds that leaves out one subject at a time."""


@dataclass(frozen=True)
class OutOfFold:
    """What out-of-fold training left.

    Attributes:
        predictions: of all clips, in the order of the store.
        record: content of ``out_of_fold.json``.
    """

    predictions: Predictions
    record: Mapping[str, Any]


def out_of_fold(
    config: Mapping[str, Any],
    out: Path,
    folds: int | str = 5,
    by: str = "subject",
    fold_seed: int = 0,
) -> OutOfFold:
    """Train one model a fold and predict with each the clips that it has not seen.

    Each fold is a normal run in ``<out>/folds/fold_<name>/<time>/``. Called again, finished folds
    are not trained again and a fold that was stopped goes on. The folds are trained one after
    another on one device.

    Args:
        config: of the experiment, resolved and checked, as plain containers. Its protocol is
            replaced by the folds; its validation part is kept, and comes from the training clips.
        out: folder for the runs, ``predictions.parquet`` and ``out_of_fold.json``.
        folds: how many, or ``"all"`` for one fold for each subject.
        by: attribute that no training clip shares with a tested one, such as ``subject``.
        fold_seed: of the draw of the folds.

    Raises:
        HarError: something the user gave cannot be used, or ``out`` holds folds of another
            configuration or of other data.
    """
    card = load_card(config["data"]["card"])
    store = open_store(card, config["data"])
    protocol = fold_protocol(folds, by, fold_seed)
    names = fold_names(store.index, protocol)
    out = out.resolve()
    _write_card(out / CARD, _card_text(card, protocol))
    parts = []
    for number, name in enumerate(names):
        print(f"fold {number + 1} of {len(names)}: {by} group '{name}'", flush=True)
        parts.append(_run_fold(_fold_config(config, out, name), store))
    predictions = _join([Predictions.read(folder / PREDICTIONS) for folder in parts], store)
    predictions.write(out / PREDICTIONS)
    record = _record(config, store, protocol, parts)
    write_json_atomic(out / RECORD, record)
    return OutOfFold(predictions, record)


def fold_protocol(folds: int | str, by: str, seed: int) -> ProtocolSpec:
    """Return the protocol of the folds.

    Raises:
        ConfigError: ``folds`` is neither 2 or more nor ``"all"``.
    """
    if folds == ALL:
        return ProtocolSpec(PROTOCOL, leave_one_out=by, disjoint=(by,))
    if not isinstance(folds, int) or folds < 2:
        raise ConfigError(f"folds={folds}: must be a whole number of 2 or more, or '{ALL}'")
    return ProtocolSpec(PROTOCOL, k_fold=KFold(by, folds, seed), disjoint=(by,))


def _write_card(path: Path, text: str) -> None:
    """Write the card of the folds; refuse to mix them with those of another card."""
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise HarError(
            f"{path.parent} holds folds that were dealt otherwise, or of another dataset: go on "
            "with the same folds, by and fold_seed, or choose another folder with out=<folder>"
        )
    write_bytes_atomic(path, text.encode())


def _card_text(card: Card, protocol: ProtocolSpec) -> str:
    """Return the card with the folds for its only protocol, so that a fold is a normal run."""
    values = {key: getattr(card, key) for key in DESCRIPTIVE_KEYS if getattr(card, key)}
    values |= {key: getattr(card, key) for key in ("name", "modality", "layout", "unit", "fps")}
    values |= {"labels": list(card.labels), "adapter": card.adapter}
    values |= {"adapter_options": dict(card.adapter_options)}
    rule: dict[str, Any] = {"disjoint": list(protocol.disjoint)}
    if protocol.k_fold is not None:
        k_fold = protocol.k_fold
        rule["k_fold"] = {"by": k_fold.by, "count": k_fold.count, "seed": k_fold.seed}
    else:
        rule["leave_one_out"] = protocol.leave_one_out
    values["protocols"] = {protocol.name: rule}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _fold_config(config: Mapping[str, Any], out: Path, name: str) -> dict[str, Any]:
    return {
        **config,
        "name": f"fold_{name}",
        "data": {**config["data"], "card": str(out / CARD)},
        "protocol": {**config["protocol"], "name": PROTOCOL, "fold": name},
        "paths": {**config["paths"], "runs": str(out / FOLDS)},
        "trainer": {**config["trainer"], "devices": 1, "strategy": "auto"},
        "resume": False,
    }


def _run_fold(config: Mapping[str, Any], store: ClipStore) -> Path:
    """Return the folder of the fold's finished run; train what is not trained yet."""
    started = sorted(Path(config["paths"]["runs"], config["name"]).glob(f"*/{CONFIG}"))
    if not started:
        return train(config).folder
    folder = started[-1].parent
    resumed = {**config, "resume": str(folder)}
    if not (folder / RESULTS).exists():
        return train(resumed).folder
    try:
        start_folder(resumed)  # refuses a run of another configuration
        check_same_data(store, read_json(folder / RESULTS)["data_fingerprint"])
    except HarError as error:
        raise HarError(f"{error}\nOr choose another folder with out=<folder>") from error
    finally:
        release_folder()
    print(f"finished before: {folder}", flush=True)
    return folder


def _join(parts: list[Predictions], store: ClipStore) -> Predictions:
    """Join the folds in the order of the store."""
    clip_ids = np.concatenate([part.clip_ids for part in parts])
    order = np.argsort(clip_ids)
    place = np.searchsorted(clip_ids, store.index.clip_id.astype(str), sorter=order)
    order = order[place]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    return Predictions(
        probabilities=joined("probabilities"),
        labels=joined("labels"),
        clip_ids=joined("clip_ids"),
        subjects=joined("subjects"),
        cameras=joined("cameras"),
        class_names=parts[0].class_names,
    )


def _record(
    config: Mapping[str, Any], store: ClipStore, protocol: ProtocolSpec, folders: list[Path]
) -> dict[str, Any]:
    results = [read_json(folder / RESULTS) for folder in folders]
    kept = ("top1", "mean_class_accuracy", "cost")
    return {
        "dataset": store.meta.description.dataset,
        "data_fingerprint": store.fingerprint,
        "folds": {"k_fold": protocol.k_fold, "leave_one_out": protocol.leave_one_out},
        "runs": [
            {
                "folder": str(folder),
                "fold": result["fold"],
                "test": result["split"]["test"],
                **{key: result[key] for key in kept},
                "git": result["provenance"]["git"],
            }
            for folder, result in zip(folders, results, strict=True)
        ],
        "config": dict(config),
        "provenance": provenance(),
    }
