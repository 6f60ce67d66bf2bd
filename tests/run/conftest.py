"""One small generated store for all tests of runs, and a finished run to look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from run_helper import RANDOM, make_config

from har.data.cards import load_card
from har.run import train
from har.run.assemble import open_store
from har.run.training import RunResult


@pytest.fixture(scope="session", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep stores and runs in a folder of the tests; the tiny store is generated once."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "runs").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAR_STORE_DIR", str(folder / "store"))
        patch.setenv("HAR_RUNS_DIR", str(folder / "runs"))
        patch.delenv("HAR_RUN_FOLDER", raising=False)
        patch.chdir(folder)
        open_store(load_card("synthetic_home"), make_config()["data"])
        yield folder


@pytest.fixture(scope="session")
def finished(workplace: Path) -> RunResult:
    """Return a finished run with dropout, mixing and augmentation."""
    return train(make_config("name=finished", *RANDOM))
