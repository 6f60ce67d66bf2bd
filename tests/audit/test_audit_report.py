import csv
import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from audit_helper import LABELS, make_clips, make_store
from PIL import Image

from har.audit.balance import measure_balance
from har.audit.page import write_page
from har.audit.report import AuditOptions, check_predictions, write_report
from har.errors import HarError
from har.evaluation.predictions import Predictions
from har.run.audit import audit_predictions


def predict(store, wrong=(3, 10)):
    """Return sure predictions of the labels, but for two clips."""
    labels = store.index.label
    expected = labels.copy()
    expected[list(wrong)] = (labels[list(wrong)] + 1) % 3
    probabilities = np.full((len(store), 3), 0.05) + 0.85 * np.eye(3)[expected]
    index = store.index
    return Predictions(
        probabilities, labels, index.clip_id, index.subject, index.camera, store.labels
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store") / "small", make_clips(30))


@pytest.fixture(scope="module")
def audited(store, tmp_path_factory):
    pytest.importorskip("cleanlab", reason="needs the extra 'audit'")
    out = tmp_path_factory.mktemp("audit")
    options = AuditOptions(top=4)
    content = write_report(out, store, predict(store), np.full(30, ""), options, {"more": 1})
    return out, content


class Page(HTMLParser):
    """Collects what a page would load, and its ids."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.articles = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.loaded += [values[key] for key in ("src", "href") if key in values]
        if tag == "article":
            self.articles.append(values)


def test_tables(audited):
    out, _ = audited
    with (out / "suspects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["clip_id"] for row in rows[:2]} == {"clip_003", "clip_010"}
    assert [int(row["rank"]) for row in rows] == list(range(1, 31))
    first = next(row for row in rows if row["clip_id"] == "clip_003")
    assert (first["given_label"], first["suggested_label"]) == ("walk", "sit")
    assert (first["source"], first["subject"], first["camera"]) == ("raw/3.json", "s3", "c1")
    for name in ("duplicates.csv", "balance.csv"):
        assert (out / name).read_text().count("\n") >= 1


def test_summary(audited):
    out, content = audited
    written = json.loads((out / "audit.json").read_text())
    assert written["more"] == 1
    assert written["suspects"]["ranked_clips"] == 30
    assert written["suspects"]["agreement_of_model_and_labels"] == pytest.approx(28 / 30)
    assert written["balance"]["imbalance_ratio"] == 1
    assert written["data_fingerprint"] == content["data_fingerprint"]


def test_the_page_needs_nothing_from_outside(audited):
    out, _ = audited
    text = (out / "index.html").read_text()
    page = Page(text)
    assert len(page.articles) == 4
    assert all(source.startswith("data:image/png;base64,") for source in page.loaded)
    assert not re.search(r"https?://|@import|url\(", text)
    with Image.open(BytesIO(b64decode(page.loaded[0].partition(",")[2]))) as image:
        assert image.width > 500
        assert len(image.convert("RGB").getcolors(100_000)) > 5


def test_names_are_escaped_on_the_page(store, tmp_path):
    suspect = dict.fromkeys(
        ("score", "suggested_probability", "subject", "camera", "source"), '<script>"&'
    )
    suspect |= {"rank": 1, "clip_id": "clip_000", "given_label": "a<b", "suggested_label": '"c"'}
    balance = measure_balance(store.index, LABELS)
    duplicate = ("<i>", *[""] * 12)
    write_page(tmp_path / "index.html", store, "<b>", [suspect], [duplicate], balance)
    text = (tmp_path / "index.html").read_text()
    assert text.count("<script>") == 1
    assert "<b>" not in text
    assert "<i>" not in text
    (article,) = Page(text).articles
    assert (article["data-given"], article["data-suggested"]) == ("a<b", '"c"')


def test_a_clip_without_a_seen_joint_has_no_picture(tmp_path):
    clips = make_clips(3)
    hidden = replace(clips[0], confidence=np.zeros_like(clips[0].confidence))
    store = make_store(tmp_path / "store", [hidden, *clips[1:]])
    suspect = dict.fromkeys(
        ("score", "suggested_probability", "subject", "camera", "source", "rank"), 1
    )
    suspect |= {"clip_id": "clip_000", "given_label": "walk", "suggested_label": "sit"}
    balance = measure_balance(store.index, LABELS)
    write_page(tmp_path / "index.html", store, "", [suspect], [], balance)
    assert "No joint of this clip is seen" in (tmp_path / "index.html").read_text()


def test_predictions_that_do_not_belong_to_the_store(store):
    predictions = predict(store)
    other = replace(predictions, class_names=("x", "y", "z"))
    with pytest.raises(HarError, match="are of other classes than the store"):
        check_predictions(other, store)
    other = replace(predictions, clip_ids=np.char.add("x", predictions.clip_ids))
    with pytest.raises(HarError, match=r"30 of 30 predicted clips are not in .*'xclip_000'"):
        check_predictions(other, store)
    other = replace(predictions, labels=(predictions.labels + 1) % 3)
    with pytest.raises(HarError, match="30 of 30 predicted clips have another label"):
        check_predictions(other, store)
    with pytest.raises(HarError, match="top=-1"):
        AuditOptions(top=-1)


def test_an_audit_of_given_predictions(store, tmp_path, capsys):
    pytest.importorskip("cleanlab", reason="needs the extra 'audit'")
    predict(store).write(tmp_path / "predictions.parquet")
    out = tmp_path / "audit"
    content = audit_predictions(
        tmp_path / "predictions.parquet", store.path, out, options=AuditOptions(top=1)
    )
    assert content["protocol"] is None
    assert content["provenance"]["python"]
    assert sorted(path.name for path in out.iterdir()) == [
        "audit.json", "balance.csv", "duplicates.csv", "index.html", "suspects.csv"
    ]  # fmt: skip
    assert "index.html" in capsys.readouterr().out
