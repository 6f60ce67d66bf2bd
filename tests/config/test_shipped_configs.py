"""Every configuration that the project ships composes and passes all checks."""

import re
from pathlib import Path

import pytest

from har.config.compose import STANDALONE, compose, config_dir, hydra_tree
from har.config.overrides import ConfigTree, explain_overrides
from har.config.targets import find_target

VIDEO_OPTIONS = (
    "data=gmdcsa24",
    "data=upfall",
    "data=fall_videos",
    "stream=none",
    "transform=video",
)
FOR_PAIRS = ("map_channels", "har.models.multimodal", "har.data.paired", "\nposes:")
"""What a file for poses and video together has in it, or in the class that it names."""


def experiments() -> list[str]:
    folder = config_dir() / "experiment"
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")
    )


def choices() -> list[str]:
    """Return ``group=option`` for every option of every group."""
    with hydra_tree() as loader:
        tree = ConfigTree(loader)
        return [f"{group}={option}" for group in tree.groups for option in tree.options(group)]


def companions(choice: str) -> list[str]:
    """Return what else has to be chosen: what is for videos does not fit joints."""
    text = (config_dir() / f"{choice.replace('=', '/')}.yaml").read_text()
    if any(word in text + signature(text) for word in FOR_PAIRS):
        return ["experiment=gmdcsa24_fusion"]
    if "checkpoint: ???" in text:
        return ["distillation.checkpoint=teacher.ckpt"]
    for_videos = "har.models.video." in text or choice in VIDEO_OPTIONS
    return ["experiment=gmdcsa24_video"] if for_videos else []


def signature(text: str) -> str:
    """Return the parameters of the class that a file is about."""
    target = re.search(r"^_target_: (har\.models\.fusion\S+)", text, re.MULTILINE)
    return " ".join(find_target(target[1]).parameters) if target else ""


def test_there_are_experiments_and_hydra_sees_every_file():
    assert experiments()
    seen = {choice.replace("=", "/") for choice in choices()}
    files = {
        path.relative_to(config_dir()).with_suffix("").as_posix()
        for path in config_dir().rglob("*.yaml")
        if path.parent != config_dir() and path.parent.name not in STANDALONE
    }
    assert seen == files


@pytest.mark.parametrize("experiment", experiments())
def test_every_experiment_passes_the_checks(experiment):
    explain_overrides([f"experiment={experiment}"])
    config = compose([f"experiment={experiment}"])
    assert Path(config.paths.store)


@pytest.mark.parametrize("choice", [c for c in choices() if not c.startswith("experiment")])
def test_every_option_passes_the_checks(choice):
    compose([*companions(choice), choice])
