"""``train.py`` as a user starts it, in processes of its own."""

import re

import pytest
from run_helper import RANDOM, TINY, make_config, read_metrics, read_results, run_program

from har.run import train

SAME = ("transform=none", "model.backbone.dropout=0", "data.eval_batch_size=19")
"""Nothing that each process would draw for itself; the last test batch has one clip only."""


def test_a_misspelt_key_is_told_with_a_suggestion():
    done = run_program("experiment=smoke", "data.bach_size=3")
    assert done.returncode == 2
    assert "data.bach_size: no such key. Did you mean 'data.batch_size'?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_processes_train_as_one_does(workplace):
    alone = train(make_config("name=alone", *SAME))
    done = run_program(*TINY, *SAME, "name=together", "trainer.devices=2", "trainer.strategy=ddp")
    assert done.returncode == 0, done.stderr
    (folder,) = (workplace / "runs/together").iterdir()
    ours, theirs = read_metrics(folder), read_metrics(alone.folder)
    assert [row["epoch"] for row in ours] == [row["epoch"] for row in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        for name in ("train/loss", "val/loss"):
            assert float(mine[name]) == pytest.approx(float(other[name]), abs=1e-5), name
    together = read_results(folder)
    assert together["metrics"]["top1"] == read_results(alone.folder)["metrics"]["top1"]
    assert together["split"] == read_results(alone.folder)["split"]
    assert done.stdout.count("training, 20 validation, 20 test clips") == 1
    assert done.stdout.count("run folder: ") == 1


@pytest.mark.slow
def test_a_batch_that_two_processes_cannot_share_is_refused(workplace):
    uneven = ("data.batch_size=7", "trainer.devices=2", "trainer.strategy=ddp")
    done = run_program(*TINY, "name=uneven", *uneven)
    assert done.returncode != 0
    assert "error: a batch of 7 clips does not split evenly over 2 processes" in done.stderr


@pytest.mark.slow
def test_a_run_from_the_command_line_is_the_run_from_python(finished, workplace):
    done = run_program(*TINY, "name=program", *RANDOM)
    assert done.returncode == 0, done.stderr
    folder = re.search(r"run folder: (.*)", done.stdout)[1]
    (only,) = (workplace / "runs/program").iterdir()
    assert folder == str(only)
    assert read_metrics(only) == read_metrics(finished.folder)
