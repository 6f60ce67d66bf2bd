import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from published_helper import SMALL, load_golden, published_weights, save_as_published
from run_helper import read_results

from har.cli import main
from har.config.compose import compose, to_plain
from har.data.cards import load_card
from har.data.store_meta import StoreDescription
from har.data.store_writer import write_store
from har.errors import CheckpointError, ConfigError
from har.run import evaluate, train
from har.run.checkpoints import read_checkpoint
from har.run.importing import Import, import_checkpoint
from har.samples import Clip, ClipRecord

NUCLA = ("data=nwucla", "protocol=cross_view")
CLIPS = 36


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """Return the file that the authors of CTR-GCN would publish for N-UCLA."""
    return save_as_published(load_golden(SMALL), tmp_path_factory.mktemp("published") / "runs.pt")


@pytest.fixture(scope="module")
def imported(published, tmp_path_factory) -> Import:
    """Return it as a checkpoint of this project."""
    out = tmp_path_factory.mktemp("imported") / "own.ckpt"
    return import_checkpoint("ctrgcn", published, "ctrgcn", out, overrides=NUCLA)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Return a few clips in the form of N-UCLA."""
    card = load_card("nwucla")
    folder = tmp_path_factory.mktemp("store") / "nwucla"
    description = StoreDescription("nwucla", "kinect20", "m", card.labels, 20, 3)
    write_store(folder, description, _clips())
    return folder


def _clips() -> Iterator[Clip]:
    rng = np.random.default_rng(0)
    for number in range(CLIPS):
        joints = rng.normal(size=(1, 12, 20, 3)).astype(np.float32)
        record = ClipRecord(
            clip_id=f"c{number:02}",
            dataset="nwucla",
            label=number % 10,
            frame_count=12,
            person_count=1,
            fps=30.0,
            layout="kinect20",
            subject=str(number % 4 + 1),
            camera=str(number % 3 + 1),
        )
        yield Clip(record, joints, np.ones((1, 12, 20), dtype=np.float16))


def changed(published: Path, path: Path, **tensors: torch.Tensor | None) -> Path:
    """Save the published weights with some tensors replaced, or left out where None."""
    weights = torch.load(published, weights_only=True)
    for key, tensor in tensors.items():
        name = key.replace("__", ".")
        if tensor is None:
            del weights[name]
        else:
            weights[name] = tensor
    torch.save(weights, path)
    return path


def refused(file: Path, *overrides: str, source: str = "ctrgcn", model: str = "ctrgcn", **more):
    import_checkpoint(
        source, file, model, file.with_suffix(".out"), overrides=overrides or NUCLA, **more
    )


def test_every_tensor_is_reported(imported):
    lines = imported.report.read_text().splitlines()
    assert len(lines) == len(imported.conversion.taken) == 372
    assert "head.linear.weight (10, 256) <- fc.weight: as it is" in lines
    joined = "<- l1.gcn1.convs.0.conv3.weight + l1.gcn1.convs.1.conv3.weight + "
    assert any(joined in line and line.endswith("joined along the outputs") for line in lines)
    assert imported.conversion.unused == imported.conversion.kept == []


def test_the_checkpoint_tells_where_it_is_from(imported, published):
    record = read_checkpoint(imported.path)["har"]
    assert record["labels"] == list(load_card("nwucla").labels)
    assert record["imported"] == {
        "source": "ctrgcn",
        "model": "ctrgcn",
        "file": "runs.pt",
        "sha256": hashlib.sha256(published.read_bytes()).hexdigest(),
    }


@pytest.mark.slow
def test_an_imported_checkpoint_is_evaluated(imported, store, tmp_path):
    run = evaluate(imported.path, out=tmp_path, store=store, any_data=True)
    results = read_results(run.folder)
    assert results["split"]["test"]["clips"] == CLIPS // 3
    assert results["data_fingerprint"] != "imported"


@pytest.mark.slow
def test_training_goes_on_from_an_imported_checkpoint(imported, store, capsys):
    plan = (
        "name=tuned",
        f"data.store={store}",
        "sampling.frames=8",
        "transform=none",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "trainer.progress_bar=false",
        "evaluation.bootstrap=10",
        "evaluation.examples=0",
        "model.head.dropout=0.1",
    )
    words = (*NUCLA, *plan, *imported.settings, f"weights={imported.path}")
    train(to_plain(compose(words)))
    told = capsys.readouterr().out
    assert f"training starts from {imported.path}: 372 tensors\n" in told
    assert "note: model" not in told


def test_the_command_tells_what_it_did(published, tmp_path, capsys):
    out = tmp_path / "own.ckpt"
    words = ["import", "source=ctrgcn", f"file={published}", "model=ctrgcn", f"out={out}", *NUCLA]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "372 tensors taken, " in told
    assert f"checkpoint: {out}" in told
    assert "model.skip_absent_people=false" in told


def test_the_command_lists_every_mistake(capsys):
    assert main(["import", "source=pyskl", "classes=none", "file="]) == 2
    told = capsys.readouterr().err
    for part in ("'none' is no whole number", "file needs a value", "model=<backbone> is missing"):
        assert part in told


def test_an_unknown_source_or_model(published):
    with pytest.raises(ConfigError, match=r"source=pyslk: .*Did you mean 'pyskl'\?.*There are: py"):
        refused(published, source="pyslk")
    with pytest.raises(ConfigError, match="model=stgcn: of the authors of CTR-GCN the checkpoints"):
        refused(published, model="stgcn")


def test_a_file_of_another_source(published):
    with pytest.raises(CheckpointError, match=r"holds no cls_head\.fc_cls\.weight, the last layer"):
        refused(published, source="pyskl")


def test_a_missing_tensor(published, tmp_path):
    file = changed(published, tmp_path / "m.pt", l3__gcn1__alpha=None)
    message = r"1 tensors are missing or of another shape, 0 left over[\s\S]*l3\.gcn1\.alpha is mis"
    with pytest.raises(CheckpointError, match=message):
        refused(file)


def test_a_tensor_that_is_left_over(published, tmp_path):
    file = changed(published, tmp_path / "l.pt", aux__weight=torch.zeros(3))
    with pytest.raises(CheckpointError, match=r"1 left over[\s\S]*aux\.weight is left over"):
        refused(file)
    out = tmp_path / "own.ckpt"
    done = import_checkpoint("ctrgcn", file, "ctrgcn", out, drop=["aux."], overrides=NUCLA)
    assert "not used: aux.weight" in done.report.read_text()


def test_a_tensor_of_another_shape(published, tmp_path):
    file = changed(published, tmp_path / "s.pt", l1__gcn1__PA=torch.zeros(3, 25, 25))
    with pytest.raises(CheckpointError, match=r"l1\.gcn1\.PA \(3, 25, 25\) does not fit"):
        refused(file)


def test_another_layout(published):
    with pytest.raises(CheckpointError, match=r"layout= and stream=\?[\s\S]*data_norm"):
        refused(published, layout="ntu25")


def test_other_classes(published):
    with pytest.raises(ConfigError, match=r"classes=12: .*runs\.pt tells 10 classes apart"):
        refused(published, classes=12)
    with pytest.raises(ConfigError, match="tells 10 classes apart, utd_mhad has 27"):
        refused(published, "data=utd_mhad", "protocol=cross_subject")


def test_two_people_have_norms_of_their_own(tmp_path):
    golden = load_golden("ctrgcn_ctr_gcn")
    file = save_as_published(golden, tmp_path / "ntu.pt")
    done = import_checkpoint("ctrgcn", file, "ctrgcn", tmp_path / "own.ckpt")
    assert "model.backbone.person_slots=2" in done.settings
    assert read_checkpoint(done.path)["har"]["labels"] == list(load_card("ntu60").labels)


def test_the_last_layer_decides_the_dataset(tmp_path):
    golden = load_golden("ctrgcn_ctr_gcn")
    weights = published_weights(golden)
    weights |= {"fc.weight": torch.zeros(120, 256), "fc.bias": torch.zeros(120)}
    torch.save(weights, tmp_path / "ntu120.pt")
    done = import_checkpoint("ctrgcn", tmp_path / "ntu120.pt", "ctrgcn", tmp_path / "own.ckpt")
    assert done.config["data"]["name"] == "ntu120"
    assert done.config["protocol"]["name"] == "xsub"
