"""Fixtures to prepare a tiny dataset; a plugin of the tests that name it."""

import sys

import pytest
from prepare_helper import ADAPTER, CARD, content, prepare_quietly

import har.data.adapters
from har.data.cards import load_card


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Make a project with one dataset card and, beside the real adapters, one for tests."""
    home = tmp_path_factory.mktemp("home")
    (home / "datasets" / "tiny").mkdir(parents=True)
    (home / "datasets" / "tiny" / "card.yaml").write_text(CARD)
    (home / "adapters").mkdir()
    (home / "adapters" / "tiny_poses.py").write_text(ADAPTER)
    (home / "adapters" / "no_adapter.py").write_text("VERSION = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAR_HOME", str(home))
        patch.setattr(
            har.data.adapters, "__path__", [*har.data.adapters.__path__, f"{home}/adapters"]
        )
        yield home
    sys.modules.pop("har.data.adapters.tiny_poses", None)


@pytest.fixture
def card(project):
    return load_card("tiny")


@pytest.fixture
def raw(tmp_path):
    """Make 20 raw files, one of them bad."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for i in range(20):
        (folder / f"c{i:02d}.txt").write_text(f"{3 + i % 4} {i}")
    (folder / "c07.txt").write_text("bad")
    return folder


@pytest.fixture
def whole(card, raw, tmp_path):
    """Return the files of a store that was prepared in one go."""
    prepare_quietly(card, raw, tmp_path / "whole")
    return content(tmp_path / "whole")
