import subprocess
import sys
from pathlib import Path

import pytest

from har.cli import main
from har.cli.audit import parse_arguments
from har.errors import ConfigError
from har.paths import project_root


def test_training_keeps_the_overrides_of_the_configuration():
    request = parse_arguments(
        ["experiment=demo", "out=a", "folds=all", "top=5", "adjusted=true", "seed=3", "by=camera"]
    )
    assert request.way == "train"
    assert request.overrides == ("experiment=demo", "seed=3")
    assert request.settings == {
        "out": Path("a"), "folds": "all", "top": 5, "adjusted": True, "by": "camera"
    }  # fmt: skip


def test_the_other_two_ways():
    request = parse_arguments(["predictions=p.parquet", "store=s", "out=o", "protocol=xsub"])
    assert (request.way, request.overrides) == ("predictions", ())
    request = parse_arguments(["first=a.csv", "second=b.csv", "out=o", "rate=25"])
    assert request.way == "segments"
    assert request.settings["frames_a_second"] == 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["experiment=demo"], "out=<folder> is missing"),
        (["experiment=demo", "out=a", "folds=five"], "folds=five: not a whole number"),
        (["experiment=demo", "out=a", "out=b"], "out= is given twice"),
        (["experiment=demo", "out="], "out needs a value"),
        (["predictions=p", "out=o"], "store=<folder> is missing"),
        (["predictions=p", "out=o", "store=s", "pruming=x"], "Did you mean 'pruning'"),
        (["predictions=p", "out=o", "store=s", "adjusted=1"], "adjusted=1: neither true nor false"),
        (["first=a", "out=o", "rate=-2"], "rate=-2: not a number of 0 or more"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        parse_arguments(arguments)


def test_segments_from_the_command_line(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("recording,label,start_sec,end_sec\nr,walk,0,2\n")
    file, out = tmp_path / "a.csv", tmp_path / "out"
    assert main(["audit", f"first={file}", f"second={file}", f"out={out}"]) == 0
    assert (out / "agreement.json").is_file()
    assert str(out) in capsys.readouterr().out


def test_help(capsys):
    assert main(["audit", "--help"]) == 0
    assert "har audit predictions=<file>" in capsys.readouterr().out


def test_a_wrong_key_of_the_configuration_is_told(tmp_path, capsys):
    assert main(["audit", "experiment=smoke", "sed=1", f"out={tmp_path}"]) == 2
    assert "seed" in capsys.readouterr().err


def test_the_script():
    script = project_root() / "scripts/audit_labels.py"
    done = subprocess.run(
        [sys.executable, str(script), "first=a"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == ("error: the command cannot be run:\n  - out=<folder> is missing\n")
