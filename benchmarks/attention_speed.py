r"""Measures attention and dropout, as the models have them, beside PyTorch's own.

    python benchmarks/attention_speed.py --json benchmarks/results/attention_speed.json

Ratios are PyTorch's time through ours, gradients included, in processor time, on one thread; both
take turns.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from har.models.attention import attend, drop_out
from har.record import provenance, write_json_atomic

TOKENS = 8192
HEADS, CHANNELS = 8, 32
LENGTHS = (20, 32, 64, 128, 256)
CASES = tuple(product(("bfloat16", "float32"), (0.0, 0.1), LENGTHS))
ROUNDS = 5
DROPOUT_RATE = 0.5


def main() -> None:
    """Measure, print the ratios, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(length, rate, precision) for precision, rate, length in CASES]
    for row in rows:
        print("{precision}, dropout {dropout}, {tokens} tokens: {ratio:.2f}".format_map(row))
    dropout = measure_dropout()
    print(f"dropout: {dropout['ratio']:.2f}")
    record = {"rows": rows, "dropout": dropout, "provenance": provenance()}
    write_json_atomic(options.json, record)


def measure(length: int, rate: float, precision: str) -> dict[str, Any]:
    """Return seconds of both on rows of so many tokens, and their ratio."""
    shape = (3, TOKENS // length, HEADS, length, CHANNELS)
    tokens = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    tokens = tokens.to(getattr(torch, precision)).requires_grad_()

    def fused(x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(*x, dropout_p=rate)

    def plain(x: Tensor) -> Tensor:
        return attend(*x, dropout=rate)

    case = {"tokens": length, "dropout": rate, "precision": precision}
    return {**case, **_compare(fused, plain, tokens)}


def measure_dropout() -> dict[str, float]:
    """Return seconds of both on attention weights in float32, and their ratio."""
    weights = torch.rand(TOKENS // 64, HEADS, 64, 64, requires_grad=True)
    return _compare(
        partial(F.dropout, p=DROPOUT_RATE), partial(drop_out, rate=DROPOUT_RATE), weights
    )


def _compare(
    theirs: Callable[[Tensor], Tensor], ours: Callable[[Tensor], Tensor], x: Tensor
) -> dict[str, float]:
    torch_seconds, seconds = [], []
    for _ in range(ROUNDS):
        torch_seconds.append(_seconds(theirs, x))
        seconds.append(_seconds(ours, x))
    return {
        "torch_seconds": min(torch_seconds),
        "seconds": min(seconds),
        "ratio": min(torch_seconds) / min(seconds),
    }


def _seconds(function: Callable[[Tensor], Tensor], x: Tensor) -> float:
    start = time.process_time()
    out = function(x)
    torch.autograd.grad(out, x, torch.ones_like(out))
    return time.process_time() - start


if __name__ == "__main__":
    main()
