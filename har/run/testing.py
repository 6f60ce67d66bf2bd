"""From the outputs of a model to the predictions on each of its test sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl

from har.data.combined import CombinedStore
from har.errors import SplitError
from har.evaluation.predictions import Predictions
from har.evaluation.taxonomy_report import taxonomy_summary, taxonomy_summary_of_atoms
from har.run.assemble import Experiment, crosswalk
from har.run.sources import Source
from har.taxonomy.label_space import LabelView


@dataclass(frozen=True)
class TestSet:
    """The test clips of one dataset with what the model says of them.

    Attributes:
        predictions: over the labels of the dataset; or, where the model cannot tell some of them
            apart, over groups of them.
        uncovered: test clips by label whose label no output of the model stands for. They are not
            among the predictions.
        outputs: (N, A) probabilities of the model's own outputs, for each prediction.
        labels: (N,) labels of the dataset, for each prediction.
        leaves_of_outputs: A sets of the concepts that the outputs stand for; None where they are
            the labels.
    """

    __test__ = False

    source: Source
    predictions: Predictions
    uncovered: Mapping[str, int]
    outputs: np.ndarray
    labels: np.ndarray
    leaves_of_outputs: tuple[frozenset[str], ...] | None = None


def predict(
    trainer: pl.Trainer, experiment: Experiment, part: Literal["test", "val"] = "test"
) -> tuple[TestSet, ...]:
    """Run the model over the ``test`` or ``val`` part; return the clips of each dataset in it.

    Raises:
        SplitError: the model stands for no label of a dataset that is to be tested.
    """
    experiment.data.tested = part
    trainer.test(experiment.module, datamodule=experiment.data, verbose=False)
    outputs, labels, rows = experiment.module.collect_outputs()
    sets = []
    for number, source in enumerate(experiment.sources):
        chosen = experiment.store.dataset[rows] == number
        if chosen.any():
            offset, first_label = _start_of(experiment, number)
            own_rows, own_labels = rows[chosen] - offset, labels[chosen] - first_label
            sets.append(_test_set(experiment, source, outputs[chosen], own_labels, own_rows))
    return tuple(sets)


def _start_of(experiment: Experiment, number: int) -> tuple[int, int]:
    """Return the first row and the first label of a dataset in the combined store."""
    if not isinstance(experiment.store, CombinedStore):
        return 0, 0
    before = experiment.sources[:number]
    return int(experiment.store.offsets[number]), sum(len(source.card.labels) for source in before)


def _test_set(
    experiment: Experiment,
    source: Source,
    outputs: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
) -> TestSet:
    names = source.card.labels
    if experiment.space is None:
        return TestSet(
            source, _predictions(source, names, outputs, labels, rows), {}, outputs, labels
        )
    view = _view(experiment, source)
    if not view.groups:
        raise SplitError(
            f"no output of the model stands for any label of {source.name}: it cannot be tested "
            "on this dataset"
        )
    groups = view.group_of_label[labels]
    known = groups >= 0
    lost, counts = np.unique(labels[~known], return_counts=True)
    probabilities = view.group_probabilities(outputs[known])
    predictions = _predictions(source, view.groups, probabilities, groups[known], rows[known])
    uncovered = {names[label]: int(n) for label, n in zip(lost, counts, strict=True)}
    leaves = tuple(output.leaves for output in experiment.space.outputs)
    return TestSet(source, predictions, uncovered, outputs[known], labels[known], leaves)


def taxonomy_scores(test: TestSet) -> dict[str, Any] | None:
    """Return the scores by concepts; None for a dataset whose labels are mapped to none."""
    walk = crosswalk([test.source])
    name, names = test.source.name, test.source.card.labels
    if name not in walk.mappings:
        return None
    if test.leaves_of_outputs is None or set(test.predictions.class_names) <= set(names):
        return taxonomy_summary(test.predictions, name, walk)
    leaves = [walk.admissible_leaves(name, label) for label in names]
    true = [leaves[label] for label in test.labels]
    return taxonomy_summary_of_atoms(test.outputs, test.leaves_of_outputs, true, walk.taxonomy)


def _view(experiment: Experiment, source: Source) -> LabelView:
    assert experiment.space is not None
    if source.trains:
        return experiment.space.view(source.name)
    return experiment.space.unseen_view(
        crosswalk(experiment.sources), source.card.name, source.card.labels
    )


def _predictions(
    source: Source,
    names: Sequence[str],
    probabilities: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
) -> Predictions:
    index: Any = source.store.index
    return Predictions(
        probabilities=probabilities,
        labels=labels,
        clip_ids=index.clip_id[rows].astype(str),
        subjects=index.subject[rows].astype(str),
        cameras=index.camera[rows].astype(str),
        class_names=tuple(names),
    )
