import numpy as np
import pytest

from har.data.balance import balance_weights
from har.data.batches import TrainingBatches

# dataset 0: 6 clips of class 0, 2 of class 1; dataset 1: 2 clips of class 2
DATASETS = np.array([0] * 8 + [1] * 2)
LABELS = np.array([0] * 6 + [1] * 2 + [2] * 2)


def shares(values: np.ndarray, weights: np.ndarray) -> list[float]:
    return [float(weights[values == value].sum() / weights.sum()) for value in np.unique(values)]


def test_none_shows_all_alike():
    assert balance_weights("none", LABELS, DATASETS) is None


def test_datasets_come_equally_often():
    weights = balance_weights("dataset", LABELS, DATASETS)
    assert shares(DATASETS, weights) == pytest.approx([1 / 2, 1 / 2])
    assert shares(LABELS, weights) == pytest.approx([3 / 8, 1 / 8, 1 / 2])


def test_classes_come_equally_often():
    weights = balance_weights("class", LABELS, DATASETS)
    assert shares(LABELS, weights) == pytest.approx([1 / 3] * 3)


def test_datasets_and_within_them_classes_come_equally_often():
    weights = balance_weights("dataset_and_class", LABELS, DATASETS)
    assert shares(DATASETS, weights) == pytest.approx([1 / 2, 1 / 2])
    assert shares(LABELS, weights) == pytest.approx([1 / 4, 1 / 4, 1 / 2])


def drawn(weights: np.ndarray, epoch: int = 0, repeat: int = 3) -> np.ndarray:
    batches = TrainingBatches(np.arange(10) + 5, 1, repeat, seed=3, weights=weights)
    batches.set_epoch(epoch)
    return np.concatenate([request.rows for request in batches])


@pytest.mark.parametrize("epoch", range(5))
def test_no_clip_is_off_its_due_number_by_one(epoch):
    weights = balance_weights("dataset", LABELS, DATASETS)
    counts = np.bincount(drawn(weights, epoch) - 5, minlength=10)
    assert counts.sum() == 30
    assert (np.abs(counts - 30 * weights / weights.sum()) < 1).all()


def test_an_epoch_can_be_drawn_again_and_others_differ():
    weights = balance_weights("class", LABELS, DATASETS)
    np.testing.assert_array_equal(drawn(weights), drawn(weights))
    assert not np.array_equal(drawn(weights), drawn(weights, epoch=1))


def test_on_average_every_clip_gets_its_due():
    weights = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.5])
    counts = sum(np.bincount(drawn(weights, e, 1) - 5, minlength=10) for e in range(600))
    np.testing.assert_allclose(counts / 600, 10 * weights / weights.sum(), atol=0.08)
