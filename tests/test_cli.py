import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import har
from har.cli import main
from har.cli.evaluate import parse_arguments
from har.cli.listing import find_stores
from har.cli.models import backbone_names, video_backbone_names
from har.data.cards import list_cards, load_card
from har.data.store_meta import StoreDescription
from har.data.store_writer import write_store
from har.errors import ConfigError, HarError
from har.samples import Clip, ClipRecord


def stand_in(monkeypatch, module, **functions):
    """Put a module of the given functions in the place of ``module``."""
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**functions))


def test_the_command_starts_without_torch():
    code = (
        "import sys; from har.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'numpy', 'hydra', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
    for verb in ("train", "evaluate", "prepare", "datasets", "models", "taxonomy", "version"):
        assert f"\n  {verb} " in done.stdout


def test_version(capsys):
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip() == har.__version__


def test_an_unknown_verb_is_told_with_the_closest(capsys):
    assert main(["trian"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: har has no verb 'trian'. Did you mean 'train'?")


def test_errors_of_the_user_have_no_traceback_and_status_2(monkeypatch, capsys):
    def evaluate(**settings):
        raise HarError("the checkpoint is damaged")

    stand_in(monkeypatch, "har.run", evaluate=evaluate)
    assert main(["evaluate", "ckpt=x.ckpt"]) == 2
    assert capsys.readouterr().err == "error: the checkpoint is damaged\n"


def test_bugs_keep_their_traceback(monkeypatch):
    def evaluate(**settings):
        raise KeyError("a bug")

    stand_in(monkeypatch, "har.run", evaluate=evaluate)
    with pytest.raises(KeyError, match="a bug"):
        main(["evaluate", "ckpt=x.ckpt"])


def test_an_interruption_has_its_own_status(monkeypatch):
    def evaluate(**settings):
        raise KeyboardInterrupt

    stand_in(monkeypatch, "har.run", evaluate=evaluate)
    assert main(["evaluate", "ckpt=x.ckpt"]) == 130


def test_evaluate_hands_over_typed_settings(monkeypatch):
    given = {}
    stand_in(monkeypatch, "har.run", evaluate=given.update)
    assert main(["evaluate", "ckpt=a=b.ckpt", "out=o", "store=s", "any_data=true"]) == 0
    assert given == {
        "ckpt": Path("a=b.ckpt"),
        "out": Path("o"),
        "store": Path("s"),
        "any_data": True,
    }


def test_all_mistakes_of_evaluate_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_arguments(["stor=x", "out=", "out=b", "out=c", "any_data=maybe", "ckpt"])
    for part in (
        "'stor' is no key of this command. Did you mean 'store'?",
        "out needs a value: out=<value>",
        "out= is given twice",
        "'maybe' is neither true nor false",
        "ckpt needs a value: ckpt=<value>",
        "ckpt=<file> is missing",
    ):
        assert part in str(caught.value)


def test_evaluate_explains_itself(capsys):
    assert main(["evaluate", "--help"]) == 0
    assert "ckpt=<file>" in capsys.readouterr().out


def test_train_becomes_the_training_program(monkeypatch):
    commands = []
    monkeypatch.setattr("os.execv", lambda program, command: commands.append((program, command)))
    main(["train", "experiment=smoke", "-m", "seed=1,2"])
    ((program, command),) = commands
    assert program == command[0] == sys.executable
    assert Path(command[1]).name == "train.py"
    assert command[2:] == ["experiment=smoke", "-m", "seed=1,2"]


def test_train_needs_the_project_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HAR_HOME", str(tmp_path))
    assert main(["train"]) == 2
    assert "Set HAR_HOME to the folder that holds train.py" in capsys.readouterr().err


def test_prepare_checks_its_arguments(capsys):
    assert main(["prepare", "datset=nwucla"]) == 2
    assert "dataset" in capsys.readouterr().err
    assert main(["prepare", "--help"]) == 0
    assert "raw=<path>" in capsys.readouterr().out


def test_datasets_are_listed_from_the_cards(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HAR_STORE_DIR", str(tmp_path))
    assert main(["datasets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [dataset["name"] for dataset in listed] == list_cards()
    assert all(dataset["prepared"] == [] for dataset in listed)
    by_name = {dataset["name"]: dataset for dataset in listed}
    assert "cross_view" in by_name["nwucla"]["protocols"]
    nwucla = by_name["nwucla"]
    assert (nwucla["modality"], nwucla["layout"], nwucla["origin"]) == (
        "pose3d",
        "kinect20",
        "recorded",
    )
    assert nwucla["mapped"] == {"labels": 10, "decided": 10, "linked": 10}
    assert nwucla["missing"]["command"].endswith("dataset=nwucla raw=<folder or archive>")
    assert "all_sqe" in nwucla["missing"]["obtain"]
    assert by_name["synthetic_home"]["missing"]["command"].endswith(" dataset=synthetic_home")
    assert by_name["ucf101"]["missing"]["command"] is None
    charades = by_name["charades"]
    assert (charades["licence"], charades["size"]["hours"]) == (
        "Charades License for Non-Commercial Use",
        82,
    )
    assert charades["terms"].startswith("research only, no redistribution")


def test_the_table_of_datasets_is_readable(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HAR_STORE_DIR", str(tmp_path))
    labels = load_card("nwucla").labels
    description = StoreDescription("nwucla", "kinect20", "m", labels, 20, 3)
    record = ClipRecord("a", "nwucla", 0, 4, 1, 30.0, "kinect20")
    clip = Clip(record, np.ones((1, 4, 20, 3), np.float32), np.ones((1, 4, 20), np.float32))
    for folder in ("nwucla", "nwucla-again"):
        write_store(tmp_path / folder, description, [clip])
    assert main(["datasets"]) == 0
    table = capsys.readouterr().out
    rows = {line.split()[0]: line for line in table.split("\n\n")[0].splitlines()}
    assert set(rows) == {"dataset", *list_cards()}
    assert max(map(len, rows.values())) <= 120
    assert "2 stores, 0 MiB" in rows["nwucla"]
    assert all(word in rows["ntu60"] for word in ("3D ntu25", "56578", "40", "60/60", " no "))
    assert str(tmp_path) in table
    assert "har prepare dataset=<name> raw=<folder or archive>: " in " ".join(table.split())


def test_stores_are_listed_with_their_size(tmp_path):
    description = StoreDescription("tiny", "nwucla_like", "m", ("wave",), 2, 3)
    record = ClipRecord("a", "tiny", 0, 4, 1, 30.0, "nwucla_like")
    clip = Clip(record, np.ones((1, 4, 2, 3), np.float32), np.ones((1, 4, 2), np.float32))
    write_store(tmp_path / "tiny-1", description, [clip])
    ((name, (store,)),) = find_stores(tmp_path).items()
    assert (name, store["path"], store["clips"]) == ("tiny", str(tmp_path / "tiny-1"), 1)
    assert store["size_bytes"] > 4 * 2 * 3 * 4


def test_a_damaged_store_is_told_and_left_out(tmp_path, capsys):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "store.json").write_text("{")
    assert find_stores(tmp_path) == {}
    assert "warning: " in capsys.readouterr().err


@pytest.mark.slow
def test_models_are_listed_with_paper_and_size(capsys):
    assert main(["models", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)
    files = (Path(har.__file__).parents[1] / "configs/model/backbone").glob("*.yaml")
    listed = [*backbone_names(), *video_backbone_names()]
    assert sorted(listed) == sorted(path.stem for path in files)
    assert [model["name"] for model in models] == backbone_names()
    assert all(model["paper"] and model["parameters"] > 10_000 for model in models)
    assert main(["models"]) == 0
    assert " M " in capsys.readouterr().out


def test_a_listing_takes_no_other_arguments(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["models", "--jsn"])
    assert caught.value.code == 2
    assert "har models" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["evaluate", "prepare_dataset"])
def test_the_scripts_are_the_same_commands(script):
    program = Path(har.__file__).parents[1] / "scripts" / f"{script}.py"
    done = subprocess.run(
        [sys.executable, str(program), "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "=<" in done.stdout
