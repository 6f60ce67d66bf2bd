"""What the machine could do at best: the operations of a pass, and the fastest products here.

A pass cannot take less than its multiplications and additions at the speed of the fastest matrix
product or convolution that the machine was seen to do; passes over memory come on top.
"""

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from speed.timing import Call

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SQUARES, ROWS, WIDTHS = (1024, 2048), 8192, (256, 512)
IMAGES = ((12, 128, 56, 3), (12, 256, 28, 3), (48, 128, 56, 1))
"""Convolutions: images, channels, side, kernel."""
ROUNDS = 8
Product = tuple[int, Callable[[], Tensor]]
"""Its operations, and the call."""


def operations(call: Call) -> int:
    """Return the floating-point operations (multiplications and additions) of a call."""
    counter = FlopCounterMode(display=False)
    with counter:
        call()
    return counter.get_total_flops()


def fastest_products(precisions: tuple[str, ...], device: torch.device) -> dict[str, float]:
    """Return the operations a second of the fastest product of each precision."""
    return {name: max(map(_speed, _products(DTYPES[name], device))) for name in precisions}


def _products(dtype: torch.dtype, device: torch.device) -> Iterator[Product]:
    """Yield matrix products and channels-last convolutions."""
    rows = [*((side, side) for side in SQUARES), *((ROWS, width) for width in WIDTHS)]
    for height, width in rows:
        a, b = (torch.randn(n, width, device=device, dtype=dtype) for n in (height, width))
        yield 2 * height * width * width, lambda a=a, b=b: a @ b
    for images, channels, side, kernel in IMAGES:
        x = torch.randn(images, channels, side, side, device=device, dtype=dtype)
        weight = torch.randn(channels, channels, kernel, kernel, device=device, dtype=dtype)
        x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
        count = 2 * images * channels**2 * kernel**2 * side**2
        yield count, lambda x=x, w=weight, k=kernel: F.conv2d(x, w, padding=k // 2)


def _speed(product: Product) -> float:
    count, call = product
    return count / min(_seconds(call) for _ in range(ROUNDS))


def _seconds(call: Callable[[], Tensor]) -> float:
    begun = time.perf_counter()
    out = call()
    if out.is_cuda:
        torch.cuda.synchronize(out.device)
    return time.perf_counter() - begun
