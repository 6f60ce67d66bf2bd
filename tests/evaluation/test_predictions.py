from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.errors import HarError
from har.evaluation.predictions import Predictions


def make(probabilities, labels=None, /, **changes) -> Predictions:
    probabilities = np.asarray(probabilities)
    count = len(probabilities)
    values = {
        "probabilities": probabilities,
        "labels": np.zeros(count, dtype=np.int64) if labels is None else np.asarray(labels),
        "clip_ids": np.array([f"clip{row}" for row in range(count)], dtype=np.str_),
        "subjects": np.array(["s1"] * count, dtype=np.str_),
        "cameras": np.array(["1"] * count, dtype=np.str_),
        "class_names": tuple("abcdefgh"[: probabilities.shape[-1] if count else 2]),
    }
    return Predictions(**(values | changes))


def test_predicted_confidence_and_top_k():
    predictions = make([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    assert predictions.predicted.tolist() == [1, 0]
    assert predictions.confidence.tolist() == [0.5, 0.4]
    assert predictions.top_k(2).tolist() == [[1, 2], [0, 1]]
    assert predictions.top_k(9).shape == (2, 3)
    with pytest.raises(HarError, match="k of at least 1, got 0"):
        predictions.top_k(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parquet_round_trip(tmp_path: Path, dtype):
    rng = np.random.default_rng(0)
    before = make(
        rng.dirichlet(np.ones(4), 7).astype(dtype),
        rng.integers(4, size=7),
        subjects=np.array(["", "P1", "é", "4", "5", "6", "7"]),
        class_names=("fall down", "sit, down", "größer", "d"),
    )
    path = tmp_path / "run" / "predictions.parquet"
    before.write(path)
    after = Predictions.read(path)
    assert after.probabilities.dtype == dtype
    for name in ("probabilities", "labels", "clip_ids", "subjects", "cameras"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    assert after.class_names == before.class_names
    assert [entry.name for entry in path.parent.iterdir()] == ["predictions.parquet"]


def test_python_lists_are_accepted():
    predictions = Predictions([[1, 0]], [0], ["x"], ["s"], ["c"], ["a", "b"])
    assert predictions.probabilities.dtype == np.float64
    assert predictions.class_names == ("a", "b")


def test_no_clips():
    with pytest.raises(HarError, match="the test part holds 0 clips"):
        make(np.zeros((0, 2)))


def test_logits_are_refused_with_their_rows():
    rows = [[0.5, 0.5], [2.0, 1.0], [0.1, 0.2]]
    with pytest.raises(HarError, match=r"2 of 3 rows: 1 \(clip 'clip1'\), 2 \(clip 'clip2'\)"):
        make(rows)
    with pytest.raises(HarError, match=r"row 1 sums to 3.*softmax"):
        make(rows)


def test_negative_probabilities_are_refused():
    with pytest.raises(HarError, match=r"lie in \[0, 1\]"):
        make([[1.5, -0.5]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_with_its_row(bad):
    with pytest.raises(HarError, match=r"NaN or infinite in 1 of 2 rows: 1 \(clip 'clip1'\)"):
        make([[0.5, 0.5], [bad, 0.5]])


def test_many_wrong_rows_are_shortened():
    with pytest.raises(HarError, match=r"9 of 9 rows: .*4 \(clip 'clip4'\), \.\.\.;"):
        make(np.full((9, 2), 0.9))


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_outside_the_classes(label):
    with pytest.raises(HarError, match=rf"0\.\.1, got \[{label}\] in 1 of 2 rows: 1 "):
        make([[0.5, 0.5], [0.5, 0.5]], [0, label])


def test_labels_must_be_integers():
    with pytest.raises(HarError, match="must be integers, got float64"):
        make([[0.5, 0.5]], [0.0])


def test_a_clip_predicted_twice():
    with pytest.raises(HarError, match=r"predicted once; seen again in 1 of 2 rows: 1 \(clip 'x'"):
        make([[0.5, 0.5], [0.5, 0.5]], clip_ids=np.array(["x", "x"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.zeros(3, dtype=int)}, r"2 rows of probabilities, labels of shape \(3,\)"),
        ({"subjects": np.array(["a"])}, r"subjects of shape \(1,\)"),
        ({"class_names": ("a",)}, "2 columns of probabilities but 1 class names"),
        ({"class_names": ("a", "a")}, r"unique; repeated: \['a'\]"),
        ({"probabilities": np.zeros(2)}, r"shape \(clips, classes\), got \(2,\)"),
    ],
)
def test_shapes_that_disagree(changes, message):
    with pytest.raises(HarError, match=message):
        make([[0.5, 0.5], [0.5, 0.5]], **changes)


def test_reading_what_is_no_predictions_file(tmp_path: Path):
    with pytest.raises(HarError, match=r"no predictions file .*none\.parquet"):
        Predictions.read(tmp_path / "none.parquet")
    text = tmp_path / "text.parquet"
    text.write_text("hello")
    with pytest.raises(HarError, match="not a readable Parquet file"):
        Predictions.read(text)
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), other)
    with pytest.raises(HarError, match="class names are missing"):
        Predictions.read(other)


def test_reading_another_version_or_damaged_columns(tmp_path: Path):
    path = tmp_path / "p.parquet"
    make([[0.5, 0.5]]).write(path)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["camera"]), path)
    with pytest.raises(HarError, match=r"lacks the columns \['camera'\]"):
        Predictions.read(path)
    newer = {b"har.predictions": b'{"version": 99, "class_names": ["a", "b"]}'}
    pq.write_table(table.replace_schema_metadata(newer), path)
    with pytest.raises(HarError, match="format 99, this version reads 1"):
        Predictions.read(path)


def test_failed_write_names_the_file_and_leaves_nothing(tmp_path: Path, monkeypatch):
    def full(table, where):
        Path(where).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(HarError, match=r"Cannot write predictions to .*p\.parquet.*No space left"):
        make([[0.5, 0.5]]).write(tmp_path / "p.parquet")
    assert list(tmp_path.iterdir()) == []
