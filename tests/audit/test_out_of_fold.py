import json
from pathlib import Path

import numpy as np
import pytest

from har.audit.report import AuditOptions
from har.config.compose import compose, to_plain
from har.data.cards import load_card
from har.data.splits import make_split
from har.data.store import ClipStore
from har.errors import ConfigError, HarError
from har.evaluation.predictions import Predictions
from har.run import out_of_fold as module
from har.run.assemble import open_store
from har.run.audit import audit
from har.run.folder import release_folder, start_folder
from har.run.out_of_fold import fold_protocol, out_of_fold

TINY = (
    "experiment=smoke",
    "data.adapter_options.clips=200",
    "data.batch_size=16",
    "sampling.frames=8",
    "model.backbone.base_channels=8",
    "model.backbone.blocks=2",
    "model.backbone.stages=[2]",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "trainer.progress_bar=false",
    "protocol.validation=null",
    "evaluation.bootstrap=0",
    "evaluation.examples=0",
)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAR_STORE_DIR", str(folder / "store"))
        patch.setenv("HAR_RUNS_DIR", str(folder / "runs"))
        patch.delenv("HAR_RUN_FOLDER", raising=False)
        open_store(load_card("synthetic_home"), make_config()["data"])
        yield folder


def make_config(*overrides):
    return to_plain(compose([*TINY, *overrides]))


class FakeTraining:
    """Stands for training: leaves what a finished run leaves, and counts."""

    def __init__(self):
        self.trained = []
        self.stop_at = None

    def __call__(self, config):
        folder = start_folder(config)
        try:
            if config["name"] == self.stop_at:
                raise KeyboardInterrupt
            return self.finish(config, folder)
        finally:
            release_folder()

    def finish(self, config, folder):
        self.trained.append((config["name"], config["resume"]))
        store = ClipStore.open(config["data"]["store"])
        protocol = load_card(config["data"]["card"]).protocol(config["protocol"]["name"])
        rows = make_split(store.index, protocol, fold=config["protocol"]["fold"]).test[::-1]
        labels = store.index.label[rows]
        probabilities = np.eye(len(store.labels))[labels] * 0.5 + 0.5 / len(store.labels)
        columns = (store.index.clip_id, store.index.subject, store.index.camera)
        known = (column[rows] for column in columns)
        predictions = Predictions(probabilities, labels, *known, store.labels)
        predictions.write(folder / "predictions.parquet")
        results = {
            "data_fingerprint": store.fingerprint,
            "fold": config["protocol"]["fold"],
            "split": {"test": {"clips": len(rows)}},
            "top1": 1.0,
            "mean_class_accuracy": 1.0,
            "cost": {},
            "provenance": {"git": None},
        }
        (folder / "results.json").write_text(json.dumps(results))
        return type("Run", (), {"folder": folder})


@pytest.fixture
def training(monkeypatch, workplace):
    fake = FakeTraining()
    monkeypatch.setattr(module, "train", fake)
    return fake


def test_every_clip_is_predicted_once_in_the_order_of_the_store(training, tmp_path, capsys):
    config = make_config()
    result = out_of_fold(config, tmp_path, folds=3)
    store = ClipStore.open(config["data"]["store"])
    assert result.predictions.clip_ids.tolist() == store.index.clip_id.tolist()
    assert (result.predictions.predicted == store.index.label).all()
    assert [name for name, _ in training.trained] == ["fold_0", "fold_1", "fold_2"]
    record = json.loads((tmp_path / "out_of_fold.json").read_text())
    assert record["data_fingerprint"] == store.fingerprint
    assert record["folds"]["k_fold"] == {"by": "subject", "count": 3, "seed": 0}
    assert record["config"]["protocol"]["name"] == config["protocol"]["name"]
    assert "fold 3 of 3" in capsys.readouterr().out


def test_one_fold_for_each_subject(training, tmp_path):
    out_of_fold(make_config(), tmp_path, folds="all")
    store = ClipStore.open(make_config()["data"]["store"])
    assert len(training.trained) == len(set(store.index.subject.tolist()))


def test_finished_folds_are_kept_and_a_stopped_one_goes_on(training, tmp_path):
    training.stop_at = "fold_1"
    with pytest.raises(KeyboardInterrupt):
        out_of_fold(make_config(), tmp_path, folds=3)
    training.stop_at = None
    out_of_fold(make_config(), tmp_path, folds=3)
    (stopped,) = (tmp_path / "folds/fold_1").iterdir()
    expected = [("fold_0", False), ("fold_1", str(stopped)), ("fold_2", False)]
    assert training.trained == expected
    out_of_fold(make_config("data.workers=0"), tmp_path, folds=3)
    assert training.trained == expected


def test_another_configuration_in_the_same_folder_is_refused(training, tmp_path):
    out_of_fold(make_config(), tmp_path, folds=3)
    with pytest.raises(HarError, match=r"(?s)another configuration.*seed: 0 -> 1.*out=<folder>"):
        out_of_fold(make_config("seed=1"), tmp_path, folds=3)


def test_other_data_are_refused(training, tmp_path):
    out_of_fold(make_config(), tmp_path, folds=3)
    results = next(Path(tmp_path / "folds/fold_0").glob("*/results.json"))
    content = json.loads(results.read_text()) | {"data_fingerprint": "0" * 64}
    results.write_text(json.dumps(content))
    with pytest.raises(HarError, match=r"holds other data \(fingerprint"):
        out_of_fold(make_config(), tmp_path, folds=3)


def test_other_folds_in_the_same_folder_are_refused(training, tmp_path):
    out_of_fold(make_config(), tmp_path, folds=3)
    with pytest.raises(HarError, match=r"holds folds that were dealt otherwise.*out=<folder>"):
        out_of_fold(make_config(), tmp_path, folds=4)


@pytest.mark.parametrize("folds", [1, 0, "some", 2.5])
def test_wrong_numbers_of_folds(folds):
    with pytest.raises(ConfigError, match="must be a whole number of 2 or more, or 'all'"):
        fold_protocol(folds, "subject", 0)


@pytest.mark.slow
def test_an_audit_from_end_to_end(workplace, tmp_path):
    pytest.importorskip("cleanlab", reason="needs the extra 'audit'")
    content = audit(make_config(), tmp_path, folds=2, options=AuditOptions(top=2))
    assert content["suspects"]["ranked_clips"] == content["clips"] == 200
    assert content["protocol"] == "cross_subject"
    assert (tmp_path / "index.html").is_file()
    runs = json.loads((tmp_path / "out_of_fold.json").read_text())["runs"]
    assert [run["fold"] for run in runs] == ["0", "1"]
    assert not set(runs[0]["test"]["subjects"]) & set(runs[1]["test"]["subjects"])
