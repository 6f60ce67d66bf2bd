r"""Measures attention in bfloat16, as the models have it, beside PyTorch's fused one.

    python benchmarks/attention_speed.py --json benchmarks/results/attention_speed.json

Ratios are the fused attention's time through ours, in processor time, on one thread; both take
turns.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from har.models.attention import attend
from har.record import provenance, write_json_atomic

TOKENS = 8192
HEADS, CHANNELS = 8, 32
LENGTHS = (20, 32, 64, 128, 256)
ROUNDS = 5


def main() -> None:
    """Measure, print the ratios, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(length) for length in LENGTHS]
    for row in rows:
        print(f"{row['tokens']:4} tokens: {row['ratio']:.2f}")
    write_json_atomic(options.json, {"rows": rows, "provenance": provenance()})


def measure(length: int) -> dict[str, float]:
    """Return seconds of both on rows of so many tokens, and their ratio."""
    shape = (3, TOKENS // length, HEADS, length, CHANNELS)
    tokens = torch.randn(shape, generator=torch.Generator().manual_seed(0)).bfloat16()
    tokens.requires_grad_()
    fused, ours = [], []
    for _ in range(ROUNDS):
        fused.append(_seconds(F.scaled_dot_product_attention, tokens))
        ours.append(_seconds(attend, tokens))
    return {
        "tokens": length,
        "fused_seconds": min(fused),
        "seconds": min(ours),
        "ratio": min(fused) / min(ours),
    }


def _seconds(attention: Callable[..., Tensor], tokens: Tensor) -> float:
    start = time.process_time()
    out = attention(*tokens)
    torch.autograd.grad(out, tokens, torch.ones_like(out))
    return time.process_time() - start


if __name__ == "__main__":
    main()
