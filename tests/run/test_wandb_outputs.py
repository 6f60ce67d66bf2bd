"""What a finished run gives to Weights & Biases, kept by a logger that sends nothing."""

from types import SimpleNamespace

from pytorch_lightning.loggers import CSVLogger, WandbLogger

from har.run.wandb_outputs import log_outputs


class KeepingLogger(WandbLogger):
    """Keeps what is logged; it is W&B's by its class only."""

    def __init__(self):
        self.tables, self.images, self.artifacts = {}, {}, {}
        self.run = SimpleNamespace(id="abc", summary={}, log_artifact=self._keep_artifact)

    @property
    def experiment(self):
        return self.run

    def log_table(self, key, columns=None, data=None, **_):
        self.tables[key] = (columns, data)

    def log_image(self, key, images, **_):
        self.images[key] = images

    def _keep_artifact(self, path, name, type):
        self.artifacts[name] = (path, type)


def test_tables_pictures_and_artifacts_go_to_wandb_only(tmp_path):
    (tmp_path / "confusion_matrix.png").write_bytes(b"")
    results = {
        "metrics": {"top1": 0.5},
        "per_class": [{"name": "fall", "f1": 0.4}, {"name": "walk", "f1": None}],
        "per_subject": {"s1": {"top1": 0.5}},
        "per_camera": {},
    }
    logger = KeepingLogger()
    checkpoint = tmp_path / "checkpoints" / "best.ckpt"
    log_outputs([CSVLogger(tmp_path), logger], tmp_path, results, checkpoint)
    assert logger.run.summary == {"test/top1": 0.5}
    assert logger.tables == {
        "test/per_class": (["name", "f1"], [["fall", 0.4], ["walk", None]]),
        "test/per_subject": (["name", "top1"], [["s1", 0.5]]),
    }
    assert logger.images == {
        "test/confusion_matrix": [str(tmp_path / "confusion_matrix.png")],
    }
    assert logger.artifacts == {
        "abc-model": (str(checkpoint), "model"),
        "abc-results": (str(tmp_path / "results.json"), "results"),
    }
