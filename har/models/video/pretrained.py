"""Published weights, from a file of the user's or from the cache of torch hub; never downloaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from har.errors import CheckpointError

CACHE = "cache"
"""As a value of ``weights``: the file that torch hub would have downloaded."""

_NESTED = ("model_state", "state_dict", "model")


def load_pretrained(model: nn.Module, weights: str | None, url: str, head: str) -> None:
    """Load weights into a model, all but those of its head.

    Args:
        model: as its authors built it, with the head.
        weights: path of a file, ``CACHE``, or None for weights at random.
        url: where the published file is.
        head: prefix of the names of the tensors that need not fit.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or of another model.
    """
    if weights is None:
        return
    path = _cached(url) if weights == CACHE else Path(weights).expanduser()
    if not path.is_file():
        raise CheckpointError(
            f"There are no weights {path}. Nothing is downloaded here: get {url or 'them'} on a "
            f"machine with a network and give its path as model.backbone.weights, or copy it to "
            f"{hub_folder()} and set weights={CACHE}; weights=null starts at random"
        )
    found = _read(path)
    own = model.state_dict()
    wrong = [
        name
        for name, tensor in own.items()
        if not name.startswith(head) and (name not in found or found[name].shape != tensor.shape)
    ]
    if wrong:
        shown = ", ".join(wrong[:3]) + (" ..." if len(wrong) > 3 else "")
        raise CheckpointError(f"{path} is of another model: {len(wrong)} tensors differ: {shown}")
    fitting = {name: found[name] for name in own if not name.startswith(head)}
    model.load_state_dict(fitting, strict=False)


def hub_folder() -> Path:
    """Return the folder in which torch hub keeps weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _cached(url: str) -> Path:
    return hub_folder() / Path(urlparse(url).path).name


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make the reader fail in any way
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} cannot be read as weights: {reason}") from error
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(f"{path} holds something else than the weights of one model")
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
