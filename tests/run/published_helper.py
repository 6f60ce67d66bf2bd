"""Checkpoints as other code publishes them, from the names and shapes that the code itself gave.

The files of ``published/`` were written by ``benchmarks/parity_peers.py --golden``: for each model
the peer's tensors, and the logits that the peer gives for the weights and clips of
``benchmarks/parity/numbers.py``.
"""

import json
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from har.paths import project_root
from har.run.assemble import build_classifier
from har.run.checkpoints import read_checkpoint
from har.run.importing import CLASSIFIER
from har.skeleton.layout import load_layout

sys.path.insert(0, str(project_root() / "benchmarks"))
from parity import numbers
from parity.mmaction2 import place_in_image

PUBLISHED = Path(__file__).parent / "published"
SMALL = "ctrgcn_ctr_gcn_for_n_ucla"


def load_golden(name: str) -> dict[str, Any]:
    """Return what a peer wrote down about one of its models."""
    return json.loads((PUBLISHED / f"{name}.json").read_text())


def published_weights(golden: Mapping[str, Any]) -> OrderedDict[str, Tensor]:
    """Return weights in the peer's names."""
    shapes = {n: tuple(map(int, shape.split())) for n, shape in golden["tensors"].items()}
    return OrderedDict(numbers.weights(shapes))


def published_clips(golden: Mapping[str, Any]) -> Tensor:
    """Return the clips that the peer saw."""
    clips = numbers.clips(tuple(golden["clips"]))
    return place_in_image(clips) if golden["model"] == "posec3d" else clips


def save_as_published(golden: Mapping[str, Any], file: Path) -> Path:
    """Save weights as the training code of the source does."""
    weights = published_weights(golden)
    if golden["source"] == "mmaction2":
        save_as_mmengine(weights, file)
    elif golden["source"] in ("pyskl", "protogcn"):
        torch.save({"meta": {"epoch": 16, "config": "model = ..."}, "state_dict": weights}, file)
    else:
        torch.save(weights, file)
    return file


def save_as_mmengine(weights: Mapping[str, Tensor], file: Path) -> None:
    """Save weights beside what MMEngine's runner leaves: logged numbers and the optimiser."""
    names = ("mmengine", "mmengine.logging", "mmengine.logging.history_buffer")
    modules = {name: ModuleType(name) for name in names}
    kind = type("HistoryBuffer", (), {"__module__": names[-1]})
    vars(modules[names[-1]])["HistoryBuffer"] = kind
    buffer = kind()
    vars(buffer)["_log_history"] = np.array([4.1, 3.9])
    optimizer = torch.optim.SGD([torch.zeros(3, requires_grad=True)], lr=0.1, momentum=0.9)
    content = {
        "meta": {"epoch": 1, "iter": np.float64(1.0)},
        "state_dict": weights,
        "message_hub": {"log_scalars": OrderedDict({"train/loss": buffer})},
        "optimizer": optimizer.state_dict(),
    }
    hidden = {name: sys.modules.get(name) for name in names}
    sys.modules.update(modules)
    try:
        torch.save(content, file)
    finally:
        for name, module in hidden.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def rebuild(checkpoint: Path, golden: Mapping[str, Any]) -> nn.Module:
    """Return the classifier of an imported checkpoint, in double precision."""
    content = read_checkpoint(checkpoint)
    config = content["har"]["config"]
    *_, coordinates = golden["clips"]
    classes = len(golden["logits"][0].split())
    classifier = build_classifier(
        config["model"],
        load_layout(golden["layout"]),
        coordinates,
        config["stream"]["names"],
        classes,
    )
    weights = content["state_dict"]
    classifier.load_state_dict({n.removeprefix(CLASSIFIER): w for n, w in weights.items()})
    return classifier.double()


def expected_logits(golden: Mapping[str, Any], training: bool) -> Tensor:
    """Return the logits that the peer gave, in training or in evaluation."""
    lines = golden["training_logits" if training else "logits"]
    numbers_of_clips = [[float(number) for number in line.split()] for line in lines]
    return torch.tensor(numbers_of_clips, dtype=torch.float64)


@torch.no_grad()
def given_logits(classifier: nn.Module, clips: Tensor, training: bool) -> Tensor:
    """Return the logits of clips whose people are all there."""
    classifier.train(training)
    return classifier({"joint": clips}, torch.ones(clips.shape[:2], dtype=torch.bool))
