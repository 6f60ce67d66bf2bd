import numpy as np
from audit_helper import LABELS, make_clips, make_store

from har.audit.balance import measure_balance
from har.data.store_index import StoreIndex
from har.samples import ClipRecord


def index_of(labels, **columns):
    names = {key: list(map(str, values)) for key, values in columns.items()}
    return StoreIndex.from_records(
        ClipRecord(
            clip_id=str(number),
            dataset="d",
            label=label,
            frame_count=2,
            person_count=1,
            fps=30.0,
            layout="ntu25",
            **{key: values[number] for key, values in names.items()},
        )
        for number, label in enumerate(labels)
    )


def test_counts_ratio_and_empty_cells():
    index = index_of([0, 0, 0, 0, 1, -1], camera=[1, 1, 2, 2, 10, 1])
    balance = measure_balance(index, ("walk", "sit", "never"))
    assert balance.counts.tolist() == [4, 1, 0]
    assert (balance.imbalance, balance.unlabelled) == (4.0, 1)
    (camera,) = balance.coverage
    assert camera.values == ("1", "2", "10")
    assert camera.counts.tolist() == [[2, 2, 0], [0, 0, 1], [0, 0, 0]]
    assert camera.empty == [(0, "10"), (1, "1"), (1, "2")]
    summary = balance.summary()
    assert summary["classes_without_clips"] == ["never"]
    assert summary["coverage"]["camera"]["empty_cells"][0] == {"class": "walk", "value": "10"}


def test_unknown_values_have_a_column():
    (subject,) = measure_balance(index_of([0, 1], subject=["", "a"]), ("x", "y")).coverage
    assert subject.values == ("a", "unknown")


def test_conditions_come_in_bins_that_hold_every_clip(tmp_path):
    store = make_store(tmp_path / "store", make_clips(70))
    balance = measure_balance(store.index, LABELS)
    by_name = {part.attribute: part for part in balance.coverage}
    assert list(by_name) == ["subject", "camera", "condition.distance_m"]
    distance = by_name["condition.distance_m"]
    assert len(distance.values) == 4
    assert all(part.counts.sum() == 70 for part in balance.coverage)
    assert np.ptp(distance.counts.sum(axis=0)) <= 20


def test_rows_hold_every_cell(tmp_path):
    store = make_store(tmp_path / "store", make_clips(30))
    balance = measure_balance(store.index, LABELS)
    rows = list(balance.rows())
    assert rows[0] == ("all", "", "walk", 10)
    assert sum(count for attribute, _, _, count in rows if attribute == "subject") == 30
