import pytest
import torch
from run_helper import make_config, read_metrics, read_weights

from har.errors import CheckpointError
from har.run import train
from har.run.assemble import assemble
from har.run.checkpoints import CheckpointFiles, make_record, read_checkpoint
from har.run.starting import start_from


@pytest.fixture
def checkpoint(finished):
    return finished.folder / "checkpoints/last.ckpt"


def module(*overrides: str):
    config = make_config(*overrides)
    return assemble(config, make_record(config)).module, config["model"]


def test_all_weights_are_taken(checkpoint, capsys):
    started, model = module("seed=5")
    assert start_from(started, checkpoint, model) == ()
    given = read_checkpoint(checkpoint)["state_dict"]
    assert all(torch.equal(started.state_dict()[name], given[name]) for name in given)
    assert f"training starts from {checkpoint}: {len(given)} tensors\n" in capsys.readouterr().out


def test_a_head_for_other_classes_stays_as_it_is(checkpoint, tmp_path, capsys):
    content = read_checkpoint(checkpoint)
    head = "classifier.head.linear.weight"
    content["state_dict"][head] = torch.zeros(3, content["state_dict"][head].shape[1])
    del content["state_dict"]["classifier.head.linear.bias"]
    CheckpointFiles().save_checkpoint(content, tmp_path / "other.ckpt")
    started, model = module()
    before = started.state_dict()[head].clone()
    fresh = start_from(started, tmp_path / "other.ckpt", model)
    assert fresh == (head, "classifier.head.linear.bias")
    assert torch.equal(started.state_dict()[head], before)
    assert f"not from there: {head}, classifier.head.linear.bias" in capsys.readouterr().out


def test_a_head_for_as_many_other_classes_stays_as_it_is(checkpoint):
    started, model = module("seed=5")
    named = read_checkpoint(checkpoint)["har"]["outputs"]
    assert start_from(started, checkpoint, model, named) == ()
    fresh = start_from(started, checkpoint, model, [*named[1:], "another"])
    assert fresh == ("classifier.head.linear.weight", "classifier.head.linear.bias")


def test_another_backbone_is_refused(checkpoint):
    wider, model = module("model.backbone.base_channels=16")
    with pytest.raises(CheckpointError, match=r"weights=.* is of another backbone, \d+ tensors do"):
        start_from(wider, checkpoint, model)
    other, model = module("model.backbone.blocks=1", "model.backbone.stages=[]")
    with pytest.raises(CheckpointError, match=r"blocks\.1\.\S+ is not in the model"):
        start_from(other, checkpoint, model)


def test_settings_that_differ_are_told(checkpoint, capsys):
    started, model = module("model.skip_absent_people=false")
    start_from(started, checkpoint, model)
    told = capsys.readouterr().out
    assert "note: model.skip_absent_people was True there, here it is False" in told


def test_a_run_starts_from_weights(checkpoint):
    frozen = ("optimizer.factory.lr=1e-12", "trainer.max_epochs=1")
    run = train(make_config("name=started", f"weights={checkpoint}", *frozen))
    given, kept = read_checkpoint(checkpoint)["state_dict"], read_weights(run.folder)
    head = "classifier.head.linear.weight"
    torch.testing.assert_close(kept[head], given[head])
    assert len(read_metrics(run.folder)) > 0


def test_a_missing_file():
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        train(make_config("name=none", "weights=gone.ckpt"))
