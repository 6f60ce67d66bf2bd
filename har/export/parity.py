"""Whether an exported graph computes what the model computes."""

from dataclasses import dataclass

import numpy as np

from har.export.onnx_file import ExportError


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an export may be from its model: in any probability, and in the top class."""

    max_difference: float
    top1_agreement: float


LIMITS = {
    "fp32": Limits(max_difference=1e-4, top1_agreement=0.995),
    "fp16": Limits(max_difference=2e-2, top1_agreement=0.995),
}
"""By precision. int8 has none: it is judged by the accuracy that it loses."""

ACCURACY_LOSS_FLAGGED = 0.01


@dataclass(frozen=True, slots=True)
class Parity:
    """An export compared with its model on the same clips.

    Attributes:
        clips: how many; views of one clip count each.
        max_difference, mean_difference: of the probabilities.
        top1_agreement: share of the clips with the same top class.
    """

    clips: int
    max_difference: float
    mean_difference: float
    top1_agreement: float


def compare(model: np.ndarray, exported: np.ndarray) -> Parity:
    """Compare probabilities (N, K) of the model and of its export.

    Raises:
        ExportError: the export gives another shape, or numbers that are none.
    """
    if exported.shape != model.shape or not np.isfinite(exported).all():
        raise ExportError(
            f"the exported graph gives {exported.shape} with {np.isnan(exported).sum()} NaN, the "
            f"model {model.shape}"
        )
    difference = np.abs(exported.astype(np.float64) - model)
    return Parity(
        clips=len(model),
        max_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        top1_agreement=float((exported.argmax(1) == model.argmax(1)).mean()),
    )


def check_parity(parity: Parity, precision: str) -> None:
    """Refuse an export that is too far from its model.

    Raises:
        ExportError: tells both numbers and their limits.
    """
    limits = LIMITS.get(precision)
    if limits is None:
        return
    too_far = not parity.max_difference <= limits.max_difference
    if too_far or parity.top1_agreement < limits.top1_agreement:
        raise ExportError(
            f"the exported graph is not the model: on {parity.clips} clips the largest difference "
            f"of a probability is {parity.max_difference:.2g} (limit {limits.max_difference:g} for "
            f"{precision}) and the top class agrees on {parity.top1_agreement:.2%} (limit "
            f"{limits.top1_agreement:.1%}). Nothing was written"
        )
