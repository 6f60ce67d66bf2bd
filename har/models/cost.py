"""What a model costs: parameters and multiply-accumulates."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def parameter_count(model: nn.Module) -> int:
    """Return how many trainable numbers the model holds."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@contextmanager
def _countable() -> Iterator[None]:
    """Compute attention and LSTM by the matrix products that the counter knows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*TF32 acceleration on top of oneDNN.*")
        with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False):
            yield


def count_macs(classifier: nn.Module, streams: Mapping[str, Tensor], person_mask: Tensor) -> int:
    """Return the multiply-accumulates of one forward pass in evaluation.

    Matrix products and convolutions count, as in the papers; additions, activations and
    normalisations do not. People who are skipped cost nothing: to compare with published figures,
    give a mask with everybody there.

    Args:
        classifier: maps streams and a person mask to logits; left in the mode it is in.
        streams: example input by name, (N, M, T, V, C) each; the count is of all N clips.
        person_mask: (N, M) bool.
    """
    training = classifier.training
    classifier.eval()
    try:
        with torch.no_grad(), _countable(), FlopCounterMode(display=False) as counter:
            classifier(streams, person_mask)
    finally:
        classifier.train(training)
    return counter.get_total_flops() // 2
