"""How clips are served, whatever they are made of."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from har.data.loaders import Loading


def loading(config: Mapping[str, Any], clip_weights: np.ndarray | None) -> Loading:
    """Return the arguments of ``BatchLoaders`` that a configuration decides."""
    data = config["data"]
    return {
        "batch_size": data["batch_size"],
        "eval_batch_size": data["eval_batch_size"],
        "repeat": data["repeat"],
        "balance": data["balance"],
        "clip_weights": clip_weights,
        "workers": data["workers"],
        "seed": config["seed"],
    }
