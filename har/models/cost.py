"""What a model costs: parameters and multiply-accumulates."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
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
    return forward_macs(classifier, streams, person_mask)


def forward_macs(model: nn.Module, *inputs: Any) -> int:
    """Return the multiply-accumulates of one forward pass in evaluation, as ``count_macs`` does.

    A model on the meta device is counted without computing anything.
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), _countable(), FlopCounterMode(display=False) as counter:
            model(*inputs)
    finally:
        model.train(training)
    return counter.get_total_flops() // 2


@contextmanager
def without_numbers() -> Iterator[None]:
    """Build modules on the meta device, in no time: they have shapes, and no numbers are drawn."""
    with torch.device("meta"), _NothingDrawn():
        yield


class _NothingDrawn(TorchFunctionMode):
    """Skips the random starts of parameters, which are slow even where there are no numbers."""

    DRAWING = (Tensor.normal_, Tensor.uniform_)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return args[0] if func in self.DRAWING else func(*args, **(kwargs or {}))
