"""Audits of the labels of a dataset, from configuration or predictions to a folder to review."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from har.audit.duplicates import parts_of_clips
from har.audit.report import PAGE, AuditOptions, write_report
from har.data.cards import Card, load_card
from har.data.store import ClipStore
from har.errors import ConfigError
from har.evaluation.predictions import Predictions
from har.record import provenance
from har.run.assemble import open_store
from har.run.out_of_fold import RECORD, out_of_fold
from har.run.outputs import PREDICTIONS


def audit(
    config: Mapping[str, Any],
    out: Path,
    folds: int | str = 5,
    by: str = "subject",
    fold_seed: int = 0,
    options: AuditOptions | None = None,
) -> dict[str, Any]:
    """Audit a dataset with the predictions of models that are trained for it.

    Args:
        config: of the experiment, resolved and checked, as plain containers. Its protocol is the
            one across whose parts duplicates are told first.
        out: folder of the audit; holds the runs too. The same call goes on with an audit that
            was stopped.
        folds: how many, or ``"all"``; see :func:`har.run.out_of_fold.out_of_fold`.
        by: attribute that no training clip shares with a tested one.
        fold_seed: of the draw of the folds.
        options: choices of the audit.

    Returns:
        The content of ``audit.json``.

    Raises:
        HarError: something the user gave cannot be used; the message says what and how to mend it.
    """
    if not config["data"]["card"]:
        raise ConfigError("an audit looks at one dataset: set data.card and data.store")
    card = load_card(config["data"]["card"])
    protocol = config["protocol"]
    card.protocol(protocol["name"])  # an unknown one is told before the training
    result = out_of_fold(config, out, folds, by, fold_seed)
    facts = {"predictions": str(out / PREDICTIONS), "folds": result.record["folds"]}
    store = open_store(card, config["data"])
    scope = (card, protocol["name"], protocol["fold"])
    return _report(out, store, result.predictions, scope, options, facts | {"record": RECORD})


def audit_predictions(
    predictions: Path,
    store: Path,
    out: Path,
    protocol: str | None = None,
    fold: str | None = None,
    card: str | None = None,
    options: AuditOptions | None = None,
) -> dict[str, Any]:
    """Audit a dataset with predictions that are at hand.

    Args:
        predictions: Parquet file; each clip must have been predicted by a model that was not
            trained on it, or its errors hide themselves.
        store: folder of the prepared clips.
        out: folder of the audit.
        protocol: the one across whose parts duplicates are told first.
        fold: of the protocol; None for the folds against each other.
        card: name or path of the dataset's card; default the name that the store gives.
        options: choices of the audit.

    Raises:
        HarError: a file cannot be read, or they do not belong together.
    """
    opened = ClipStore.open(store)
    scope = None
    if protocol is not None:
        scope = (load_card(card or opened.meta.description.dataset), protocol, fold)
    given = Predictions.read(predictions)
    return _report(out, opened, given, scope, options, {"predictions": str(predictions)})


def _report(
    out: Path,
    store: ClipStore,
    predictions: Predictions,
    scope: tuple[Card, str, str | int | None] | None,
    options: AuditOptions | None,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    name, fold = (scope[1], scope[2]) if scope else (None, None)
    parts = np.full(len(store), "")
    if scope:
        parts = parts_of_clips(store, scope[0].protocol(scope[1]), fold)
    known = {"protocol": name, "fold": fold, **facts, "provenance": provenance()}
    content = write_report(out, store, predictions, parts, options or AuditOptions(), known)
    print(f"audit: {out / PAGE}")
    return content
