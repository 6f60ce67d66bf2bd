"""How often each training clip is shown, where datasets and classes are of unequal size."""

from typing import Literal

import numpy as np

Balance = Literal["none", "dataset", "class", "dataset_and_class"]


def balance_weights(
    balance: Balance, labels: np.ndarray, datasets: np.ndarray
) -> np.ndarray | None:
    """Return one weight a clip, (N,); None shows all alike.

    Args:
        balance: what comes equally often: every "dataset"; every "class"; or, with
            "dataset_and_class", every dataset and within it every class.
        labels: (N,) classes, unique over all datasets.
        datasets: (N,) dataset of each clip.
    """
    if balance == "none":
        return None
    _, of_dataset, clips = np.unique(datasets, return_inverse=True, return_counts=True)
    if balance == "dataset":
        return 1 / clips[of_dataset]
    _, first, of_class, clips = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    weights = 1 / clips[of_class]
    if balance == "dataset_and_class":
        classes = np.bincount(of_dataset[first])
        weights = weights / classes[of_dataset]
    return weights
