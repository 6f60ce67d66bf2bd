import os
from pathlib import Path

import pytest
import yaml

from har.errors import ConfigError, HarError
from har.run.folder import last_checkpoint, release_folder, start_folder


@pytest.fixture(autouse=True)
def released(monkeypatch):
    yield
    release_folder()


def settings(runs: Path, **changes: object) -> dict:
    config = {
        "name": "tiny",
        "seed": 0,
        "resume": False,
        "paths": {"runs": str(runs), "store": "store"},
        "data": {"card": "synthetic_home", "store": "store/a", "batch_size": 4, "workers": 0},
        "model": {"stages": [5, 8]},
        "trainer": {"progress_bar": True, "max_epochs": 3},
        "logger": {"extra": None},
    }
    return {**config, **changes}


def start(config: dict) -> Path:
    folder = start_folder(config)
    release_folder()
    return folder


def test_each_run_has_a_folder_of_its_own_that_holds_the_configuration(tmp_path):
    first, second = start(settings(tmp_path)), start(settings(tmp_path))
    assert first != second
    assert first.parent == second.parent == tmp_path / "tiny"
    assert yaml.safe_load((second / "config.yaml").read_text()) == settings(tmp_path)


def test_processes_of_one_run_share_its_folder(tmp_path):
    folder = start_folder(settings(tmp_path))
    assert os.environ["HAR_RUN_FOLDER"] == str(folder)
    assert start_folder(settings(tmp_path)) == folder
    release_folder()
    assert start_folder(settings(tmp_path)) != folder


def test_resume_takes_the_newest_unfinished_run(tmp_path):
    oldest, middle, newest = (start(settings(tmp_path)) for _ in range(3))
    (newest / "results.json").write_text("{}")
    assert start(settings(tmp_path, resume=True)) == middle
    (middle / "results.json").write_text("{}")
    assert start(settings(tmp_path, resume=True)) == oldest


def test_resume_without_an_unfinished_run_starts_one_and_says_so(tmp_path, capsys):
    folder = start(settings(tmp_path, resume=True))
    assert (folder / "config.yaml").exists()
    assert "no unfinished run in" in capsys.readouterr().out


def test_resume_takes_the_named_run(tmp_path):
    first, _ = start(settings(tmp_path)), start(settings(tmp_path))
    assert start(settings(tmp_path, resume=str(first))) == first


def test_resume_of_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(HarError, match=r"is not a run folder: it has no config\.yaml"):
        start(settings(tmp_path, resume=str(tmp_path / "nothing")))


def test_all_changed_settings_are_told(tmp_path):
    start(settings(tmp_path))
    changed = settings(tmp_path, resume=True, seed=3, model={"stages": [5, 9]})
    with pytest.raises(ConfigError) as caught:
        start(changed)
    assert "  model.stages[1]: 8 -> 9\n  seed: 0 -> 3" in str(caught.value)


def test_what_does_not_touch_the_numbers_may_change(tmp_path):
    folder = start(settings(tmp_path))
    data = {"card": "synthetic_home", "store": "moved", "batch_size": 4, "workers": 2}
    changed = settings(
        tmp_path,
        resume=True,
        data=data,
        logger={"extra": {"_target_": "x"}},
        trainer={"progress_bar": False, "max_epochs": 3},
    )
    assert start(changed) == folder


def test_there_is_no_checkpoint_before_the_first_epoch_ends(tmp_path):
    folder = start(settings(tmp_path))
    assert last_checkpoint(folder) is None


def test_runs_that_cannot_be_written_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HarError, match="Cannot make the run folder"):
        start(settings(tmp_path / "file"))
