"""The folder that an audit leaves: tables, ``audit.json``, and a page to review the suspects on."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har.audit.balance import measure_balance
from har.audit.duplicates import COLUMNS, find_duplicates
from har.audit.page import write_page
from har.audit.suspects import Ranking, Suspects, rank_suspects
from har.data.store import ClipStore
from har.errors import HarError
from har.evaluation.predictions import Predictions
from har.record import write_bytes_atomic, write_json_atomic

SUMMARY, PAGE = "audit.json", "index.html"
SUSPECTS, DUPLICATES, BALANCE = "suspects.csv", "duplicates.csv", "balance.csv"


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Choices of an audit.

    Attributes:
        ranking: how suspects are ranked.
        top: how many suspects the page shows.
        duplicate_threshold: largest distance of near-duplicates; None takes it from the data.
    """

    ranking: Ranking = field(default_factory=Ranking)
    top: int = 100
    duplicate_threshold: float | None = None

    def __post_init__(self) -> None:
        if self.top < 0:
            raise HarError(f"top={self.top}: the page cannot show fewer than 0 suspects")


def write_report(
    out: Path,
    store: ClipStore,
    predictions: Predictions,
    parts: np.ndarray,
    options: AuditOptions,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Audit the labels of a store and write all files; return the content of ``audit.json``.

    Args:
        out: folder of the files.
        store: the clips.
        predictions: out of fold, of all or some clips of the store.
        parts: (N,) str, the part of the protocol that each clip of the store is in; "" for none.
        options: choices of the audit.
        facts: further content of ``audit.json``, such as the protocol and the provenance.

    Raises:
        HarError: the predictions are of other clips, classes or labels than the store's.
    """
    check_predictions(predictions, store)
    print(f"ranking {len(predictions)} labels", flush=True)
    suspects = rank_suspects(predictions, options.ranking)
    print(f"looking for duplicates among {len(store)} clips", flush=True)
    duplicates = find_duplicates(store, parts, options.duplicate_threshold)
    balance = measure_balance(store.index, store.labels)
    content = {
        "dataset": store.meta.description.dataset,
        "data_fingerprint": store.fingerprint,
        "clips": len(store),
        "suspects": _describe(suspects, predictions, options.ranking),
        "duplicates": duplicates.summary(),
        "balance": balance.summary(),
        **facts,
    }
    listed = list_suspects(suspects, predictions, store)
    write_table(out / SUSPECTS, list(listed[0]), (row.values() for row in listed))
    write_table(out / DUPLICATES, COLUMNS, duplicates.rows)
    write_table(out / BALANCE, ("attribute", "value", "class", "clips"), balance.rows())
    shown = listed[: options.top]
    print(f"drawing {len(shown)} suspects", flush=True)
    write_page(out / PAGE, store, _sentence(content), shown, duplicates.rows, balance)
    write_json_atomic(out / SUMMARY, content)
    return content


def check_predictions(predictions: Predictions, store: ClipStore) -> None:
    """Refuse predictions of clips, classes or labels that the store does not have."""
    if predictions.class_names != store.labels:
        raise HarError(f"The predictions are of other classes than the store {store.path}")
    label_of = dict(zip(store.index.clip_id.tolist(), store.index.label.tolist(), strict=True))
    pairs = list(zip(predictions.clip_ids.tolist(), predictions.labels.tolist(), strict=True))
    unknown = [clip for clip, _ in pairs if clip not in label_of]
    if unknown:
        raise HarError(
            f"{len(unknown)} of {len(pairs)} predicted clips are not in the store {store.path}, "
            f"such as '{unknown[0]}': name the store that they were predicted from"
        )
    changed = [clip for clip, label in pairs if label_of[clip] != label]
    if changed:
        raise HarError(
            f"{len(changed)} of {len(pairs)} predicted clips have another label in the store "
            f"{store.path}, such as '{changed[0]}': predict them again"
        )


def list_suspects(
    suspects: Suspects, predictions: Predictions, store: ClipStore
) -> list[dict[str, Any]]:
    """Return the rows of ``suspects.csv``, the most suspect clip first."""
    row_of = {clip_id: row for row, clip_id in enumerate(store.index.clip_id.tolist())}
    names, probabilities = predictions.class_names, predictions.probabilities
    rows = []
    for rank, number in enumerate(suspects.order.tolist(), start=1):
        given, suggested = int(predictions.labels[number]), int(suspects.suggested[number])
        record = store.record(row_of[str(predictions.clip_ids[number])])
        rows.append(
            {
                "rank": rank,
                "clip_id": record.clip_id,
                "source": record.source,
                "given_label": names[given],
                "suggested_label": names[suggested],
                "score": round(float(suspects.score[number]), 6),
                "given_probability": round(float(probabilities[number, given]), 4),
                "suggested_probability": round(float(probabilities[number, suggested]), 4),
                "marked": bool(suspects.marked[number]),
                "subject": record.subject,
                "camera": record.camera,
            }
        )
    return rows


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes_atomic(path, text.getvalue().encode())


def _describe(suspects: Suspects, predictions: Predictions, ranking: Ranking) -> dict[str, Any]:
    right = predictions.predicted == predictions.labels
    return {
        "ranking": ranking,
        "ranked_clips": len(predictions),
        "marked_by_confident_learning": int(suspects.marked.sum()),
        "agreement_of_model_and_labels": float(right.mean()),
        "class_names": predictions.class_names,
        "confident_joint": suspects.joint,
    }


def _sentence(content: Mapping[str, Any]) -> str:
    suspects, duplicates = content["suspects"], content["duplicates"]
    pairs = sum(duplicates["pairs"].values())
    return (
        f"{suspects['ranked_clips']} of {content['clips']} clips ranked; confident learning takes "
        f"{suspects['marked_by_confident_learning']} labels for errors. {pairs} pairs of "
        f"duplicates, {duplicates['pairs_across_the_split']} of them across parts of the protocol. "
        f"The largest class has {content['balance']['imbalance_ratio']:.1f} times the clips of the "
        "smallest."
    )
