"""Which operations a model is made of."""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Operations(TorchDispatchMode):
    """Notes all operations by name, and those that waste the gain of half precision.

    ``lifted`` are sums and products that lift a map to float32, ``repeated`` casts of weights that
    were repeated for each row before. Maps of fewer than ``smallest`` numbers do not count, nor do
    weights that are not thrice as many: those of blocks that see coordinates are in float32.
    """

    def __init__(self, smallest: int):
        super().__init__()
        self.smallest = smallest
        self.names: set[str] = set()
        self.lifted: set[str] = set()
        self.repeated: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = str(func)
        self.names.add(name)
        inputs = [value for value in args if isinstance(value, Tensor)]
        if not isinstance(out, Tensor) or out.numel() < self.smallest or not inputs:
            return out
        half = any(value.dtype == torch.bfloat16 for value in inputs)
        if half and out.dtype == torch.float32 and name.startswith(("aten.add", "aten.mul")):
            self.lifted.add(f"{name} to float32 {tuple(out.shape)}")
        repeated = name.startswith("aten._to_copy") and 0 in inputs[0].stride()
        if repeated and out.numel() > 3 * self.smallest:
            self.repeated.add(f"{name} {tuple(out.shape)}")
        return out
