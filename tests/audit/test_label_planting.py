import numpy as np
import pytest
from audit_helper import make_clips, make_store

from har.audit.planting import copy_with_labels, plant_errors
from har.errors import StoreError


def test_planted_labels_are_wrong_and_uniform():
    labels = np.tile(np.arange(5), 4000)
    planted = plant_errors(labels, 5, 0.05, np.random.default_rng(3))
    assert len(planted.rows) == 1000
    assert np.array_equal(np.flatnonzero(planted.labels != labels), planted.rows)
    shift = (planted.labels - labels)[planted.rows] % 5
    assert np.bincount(shift, minlength=5)[1:].min() > 200
    again = plant_errors(labels, 5, 0.05, np.random.default_rng(3))
    assert np.array_equal(again.labels, planted.labels)


def test_unlabelled_clips_stay_unlabelled():
    labels = np.array([-1] * 50 + [0, 1] * 25)
    planted = plant_errors(labels, 2, 0.5, np.random.default_rng(0))
    assert (planted.labels[:50] == -1).all()
    assert len(planted.rows) == 25


@pytest.mark.parametrize(("classes", "share"), [(1, 0.1), (3, 0), (3, 1)])
def test_what_cannot_be_planted(classes, share):
    with pytest.raises(ValueError, match="cannot plant"):
        plant_errors(np.zeros(10, int), classes, share, np.random.default_rng(0))


def test_the_copy_differs_in_its_labels_only(tmp_path):
    store = make_store(tmp_path / "store", make_clips(12))
    labels = (store.index.label + 1) % 3
    copy = copy_with_labels(store, labels, tmp_path / "copy")
    assert copy.index.label.tolist() == labels.tolist()
    assert copy.index.clip_id.tolist() == store.index.clip_id.tolist()
    assert np.array_equal(copy.joints, store.joints)
    assert copy.fingerprint != store.fingerprint
    with pytest.raises(StoreError, match="copy exists: choose another folder"):
        copy_with_labels(store, labels, tmp_path / "copy")
