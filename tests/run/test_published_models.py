"""Imported models give the logits that the code they come from wrote down."""

import pytest
import torch
from published_helper import (
    PUBLISHED,
    SMALL,
    expected_logits,
    given_logits,
    load_golden,
    published_clips,
    rebuild,
    save_as_published,
)

from har.models.weights.sources import SOURCES
from har.run.importing import import_checkpoint

NAMES = sorted(file.stem for file in PUBLISHED.glob("*.json"))
FAST = (SMALL, "pyskl_st_gcn__")


def case(name: str):
    return pytest.param(name, marks=() if name in FAST else pytest.mark.slow)


def test_every_model_of_every_source_is_compared():
    written = {(golden["source"], golden["model"]) for golden in map(load_golden, NAMES)}
    assert written == {(name, model) for name, s in SOURCES.items() for model in s.models}


@pytest.mark.parametrize("name", [case(name) for name in NAMES])
def test_an_imported_model_gives_the_logits_of_its_peer(name, tmp_path):
    golden = load_golden(name)
    file = save_as_published(golden, tmp_path / "peer.pth")
    out = tmp_path / "own.ckpt"
    done = import_checkpoint(
        golden["source"],
        file,
        golden["model"],
        out,
        layout=golden["layout"],
        overrides=golden["settings"],
    )
    spare = SOURCES[golden["source"]].models[golden["model"]].spare
    assert [name for name in done.conversion.unused if not name.startswith(spare)] == []
    classifier = rebuild(out, golden)
    for training in (False, True):
        expected = expected_logits(golden, training)
        given = given_logits(classifier, published_clips(golden), training)
        torch.testing.assert_close(given, expected, atol=2e-5, rtol=5e-4)
    assert expected.std(0).mean() > 0.01  # the clips are told apart
