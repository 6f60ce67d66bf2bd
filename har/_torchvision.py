"""Make torchvision importable where its compiled operators do not fit the installed torch.

A torchvision built for CUDA beside a torch built for the CPU cannot load its operators. It says
nothing then, and fails a moment later while it describes ``torchvision::nms``, an operator that
nobody declared; torchmetrics and Lightning, which import torchvision, fail with it. The hook in
this module waits for that moment and declares what is missing, with ``nms`` written in torch.
Where the operators did load, it does nothing.

``import har`` installs the hook, so har has to come before Lightning. In a program that is a matter
of import order. A worker process of a launcher imports first of all the module of the function it
is sent: keep that function in har, or in a main that imports nothing but har and Hydra.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[Any] = []  # the operators live as long as the library that declares them


class _OperatorFinder(MetaPathFinder):
    """Finds no module itself; acts just before torchvision describes its operators."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Declare the missing operators if ``fullname`` is the module that needs them."""
        if fullname == "torchvision._meta_registrations":
            _declare_missing_operators()
        return None


def install() -> None:
    """Add the hook to the import system, once."""
    if not any(isinstance(finder, _OperatorFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OperatorFinder())


def _declare_missing_operators() -> None:
    import torch

    if hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(f"nms{_SIGNATURE}")
    library.define(f"qnms{_SIGNATURE}")
    for device in ("CPU", "CUDA"):
        library.impl("nms", _nms, device)
    _libraries.append(library)
    # torchvision.ops.nms asks for all compiled operators before it calls this one. Without the
    # question an operator that is absent fails by its own name.
    extension = importlib.import_module("torchvision.extension")
    extension.__dict__["_assert_has_ops"] = lambda: None


def _nms(dets: "Tensor", scores: "Tensor", iou_threshold: float) -> "Tensor":
    """Return the rows of the boxes kept by non-maximum suppression, best score first.

    Args:
        dets: (N, 4) corners x1, y1, x2, y2.
        scores: (N,) one score a box.
        iou_threshold: a box that overlaps a kept, better one by more than this is dropped.
    """
    import torch

    corners = dets.double()
    areas = (corners[:, 2:] - corners[:, :2]).prod(dim=1)
    order = scores.argsort(descending=True, stable=True)
    kept = []
    while order.numel():
        best, others = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(corners[best, :2], corners[others, :2])
        high = torch.minimum(corners[best, 2:], corners[others, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        overlap = shared / (areas[best] + areas[others] - shared)
        order = others[~(overlap > iou_threshold)]
    return torch.stack(kept) if kept else order
