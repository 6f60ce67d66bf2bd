"""What a model's predictions mean in terms of the concepts: one dict for JSON, and its text.

The prediction of a clip is its most probable label, as for accuracy. Only at the levels of the tree
is it the concept with the largest sum of probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from har.errors import HarError
from har.evaluation.falls import fall_scores
from har.evaluation.hierarchy import hierarchical_scores, level_accuracies, mistake_severity
from har.evaluation.label_sets import Hierarchy, LabelPairs, LeafSet, distinct
from har.evaluation.predictions import Predictions
from har.evaluation.report_table import NOTHING, percent, text_table
from har.evaluation.risk import RISK_COSTS, risk_scores
from har.taxonomy import Crosswalk, Taxonomy

_FALL_TITLES = {"fall": "fall", "fallen": "fallen", "fall_or_fallen": "fall or fallen"}


def taxonomy_summary(
    predictions: Predictions,
    dataset: str,
    crosswalk: Crosswalk,
    *,
    costs: Mapping[str, Sequence[float]] = RISK_COSTS,
) -> dict[str, Any]:
    """Return the scores of a model whose classes are labels of one dataset, as plain JSON types.

    Args:
        predictions: the model's predictions.
        dataset: whose labels ``predictions.class_names`` are.
        crosswalk: says what they mean.
        costs: of mistakes between risk levels, see ``risk_scores``.

    Returns:
        A dict of ``taxonomy_version``, ``clips``, ``levels`` (list of level, accuracy, clips),
        ``hierarchical`` (precision, recall, f1, clips), ``mistake_severity`` (mean,
        mean_over_clips, worst, mistakes, clips), ``risk`` (levels, confusion, costs, cost,
        cost_of_silence, clips), ``falls`` (the fields of ``FallScores``; None for a dataset without
        falls), and ``unmapped`` (labels: those without a concept; clips: those that carry one, and
        count nowhere but as no fall). Scores are None where undefined.

    Raises:
        TaxonomyError: a dataset without a mapping, or a class that is no label of it.
        HarError: unusable costs.
    """
    atoms = [crosswalk.admissible_leaves(dataset, name) for name in predictions.class_names]
    unmapped = [
        name for name, leaves in zip(predictions.class_names, atoms, strict=True) if not leaves
    ]
    return _summary(
        predictions.probabilities,
        atoms,
        atoms,
        predictions.labels,
        crosswalk.taxonomy,
        costs,
        unmapped,
    )


def taxonomy_summary_of_atoms(
    probabilities: np.ndarray,
    atoms: Sequence[LeafSet],
    true_leaves: Sequence[LeafSet],
    taxonomy: Taxonomy,
    *,
    costs: Mapping[str, Sequence[float]] = RISK_COSTS,
) -> dict[str, Any]:
    """Return the scores of a model over sets of leaf concepts, as ``taxonomy_summary`` does.

    Args:
        probabilities: (N, A), rows sum to 1.
        atoms: A sets of leaf concepts, one a column; for a model over leaves, sets of one.
        true_leaves: N sets, the leaves that each clip's label admits; empty where it has none.
        taxonomy: the concepts.
        costs: of mistakes between risk levels, see ``risk_scores``.

    Raises:
        HarError: shapes that differ, no clips, or unusable costs.
        TaxonomyError: a set that holds something else than leaves.
    """
    if probabilities.shape != (len(true_leaves), len(atoms)) or not probabilities.size:
        raise HarError(
            f"Probabilities of {len(true_leaves)} clips over {len(atoms)} atoms must have shape "
            f"({len(true_leaves)}, {len(atoms)}) and not be empty, got {probabilities.shape}."
        )
    true, rows = distinct(true_leaves)
    return _summary(probabilities, atoms, true, rows, taxonomy, costs, [])


def _summary(
    probabilities: np.ndarray,
    atoms: Sequence[LeafSet],
    true: Sequence[LeafSet],
    rows: np.ndarray,
    taxonomy: Taxonomy,
    costs: Mapping[str, Sequence[float]],
    unmapped: list[str],
) -> dict[str, Any]:
    hierarchy = Hierarchy.of(taxonomy)
    pairs = LabelPairs.of_indices(true, rows, atoms, probabilities.argmax(axis=1))
    falls = fall_scores(pairs, taxonomy)
    is_unmapped = np.array([not label for label in true])
    risk = asdict(risk_scores(pairs, hierarchy, taxonomy, costs))
    return {
        "taxonomy_version": taxonomy.version,
        "clips": len(rows),
        "levels": [
            asdict(level) for level in level_accuracies(probabilities, atoms, true, rows, hierarchy)
        ],
        "hierarchical": asdict(hierarchical_scores(pairs, hierarchy)),
        "mistake_severity": asdict(mistake_severity(pairs, hierarchy)),
        "risk": risk | {"levels": list(risk["levels"])},
        "falls": None if falls is None else asdict(falls),
        "unmapped": {"labels": unmapped, "clips": int(is_unmapped[rows].sum())},
    }


def taxonomy_lines(summary: Mapping[str, Any]) -> list[str]:
    """Return a summary as lines of text for a terminal."""
    blocks = [
        _level_lines(summary),
        _risk_lines(summary["risk"]),
        _fall_lines(summary["falls"]),
        _unmapped_lines(summary["unmapped"]),
    ]
    lines = [line for block in blocks if block for line in ("", *block)]
    return lines[1:]


def _level_lines(summary: Mapping[str, Any]) -> list[str]:
    rows = [
        (entry["level"], percent(entry["accuracy"]), str(entry["clips"]))
        for entry in summary["levels"]
        if entry["clips"]
    ]
    scores, severity = summary["hierarchical"], summary["mistake_severity"]
    return [
        *text_table(("level of the concepts", "accuracy", "clips"), rows),
        f"Hierarchical precision {percent(scores['precision'])}, "
        f"recall {percent(scores['recall'])}, F1 {percent(scores['f1'])}.",
        f"Severity of mistakes {_number(severity['mean'])} of at most {severity['worst']}, "
        f"over {severity['mistakes']} of {severity['clips']} clips.",
    ]


def _risk_lines(risk: Mapping[str, Any]) -> list[str]:
    if risk["clips"] == risk["confusion"][0][0]:
        return [f"Risk {risk['levels'][0]} for all clips, true and predicted."]
    header = ("risk, true", *(f"as {level}" for level in risk["levels"]), "clips")
    rows = [
        (level, *map(str, counts), str(sum(counts)))
        for level, counts in zip(risk["levels"], risk["confusion"], strict=True)
    ]
    return [
        *text_table(header, rows),
        f"Cost of mistakes {_number(risk['cost'])} a clip; "
        f"{_number(risk['cost_of_silence'])} if nothing were reported.",
    ]


def _fall_lines(falls: Mapping[str, Any] | None) -> list[str]:
    if falls is None:
        return []
    header = ("falls", "sensitivity", "specificity", "F1", "clips")
    return text_table(
        header,
        [
            (
                title,
                percent(scores["sensitivity"]),
                percent(scores["specificity"]),
                percent(scores["f1"]),
                str(scores["true_positives"] + scores["false_negatives"]),
            )
            for name, title in _FALL_TITLES.items()
            if (scores := falls[name]) is not None
        ],
    )


def _unmapped_lines(unmapped: Mapping[str, Any]) -> list[str]:
    if not unmapped["clips"]:
        return []
    labels = f" ({', '.join(unmapped['labels'])})" if unmapped["labels"] else ""
    return [f"Clips whose label has no concept{labels}, not counted: {unmapped['clips']}."]


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
