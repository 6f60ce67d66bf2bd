"""Conversion of joints from one layout to another, by the names of the joints.

A joint of the target is taken from the source by its name or an alias, else it is the mean that
the target's ``derive`` rule tells, else it is missing: zeros with confidence 0.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from har.errors import LayoutError
from har.skeleton.layout import Layout

Array = TypeVar("Array", np.ndarray, Tensor)


@dataclass(frozen=True, eq=False)
class Conversion:
    """A fixed recipe from the joints of one layout to those of another.

    Attributes:
        source, target: the layouts.
        weights: (V_target, V_source) float32; a row sums to 1, or to 0 for a missing joint.
        missing: joints of the target that the source cannot give.
    """

    source: Layout
    target: Layout
    weights: np.ndarray
    missing: tuple[str, ...]

    def apply(self, joints: Array, confidence: Array) -> tuple[Array, Array]:
        """Convert joints and their confidence.

        A mean takes the least confidence of its joints: where one of them was not seen, the
        mean is not seen either. Whatever is not seen comes out as zeros.

        Args:
            joints: (..., V_source, C), a NumPy array or a tensor on any device.
            confidence: (..., V_source) of the same kind.

        Returns:
            (..., V_target, C) and (..., V_target), of the dtypes given.

        Raises:
            LayoutError: if the arrays do not have the joints of the source layout.
        """
        self._check_shapes(joints, confidence)
        backend = torch if isinstance(joints, Tensor) else np
        terms = [(_like(joints, i), _like(joints, w)[:, None]) for i, w in self._terms]
        first, share = terms[0]
        converted = joints[..., first, :] * share
        lowest = confidence[..., first]
        for position, share in terms[1:]:
            converted = converted + joints[..., position, :] * share
            lowest = backend.minimum(lowest, confidence[..., position])
        found = _like(confidence, np.asarray(self.weights.any(axis=1), dtype=np.float32))
        lowest = lowest * found
        return backend.where(lowest[..., None] > 0, converted, 0), lowest

    @cached_property
    def _terms(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs of (V_target,) source positions and (V_target,) shares that add up to the result.

        Gathering a few terms, over one matrix product, keeps copied joints exact on every device
        and keeps an unseen joint out of the results that do not use it.
        """
        order = np.argsort(self.weights == 0, axis=1, kind="stable")
        counts = (self.weights != 0).sum(axis=1)
        terms = []
        for rank in range(max(1, counts.max())):
            chosen = np.where(rank < counts, order[:, rank], order[:, 0])
            share = np.take_along_axis(self.weights, chosen[:, None], axis=1)[:, 0]
            terms.append((chosen, np.where(rank < counts, share, 0).astype(np.float32)))
        return terms

    def _check_shapes(self, joints: Array, confidence: Array) -> None:
        expected = self.source.num_joints
        if joints.ndim < 2 or joints.shape[-2] != expected:
            raise LayoutError(
                f"joints of shape {tuple(joints.shape)} do not fit layout '{self.source.name}': "
                f"the last axis but one must have its {expected} joints."
            )
        if tuple(confidence.shape) != tuple(joints.shape[:-1]):
            raise LayoutError(
                f"confidence of shape {tuple(confidence.shape)} does not fit joints of shape "
                f"{tuple(joints.shape)}: give {tuple(joints.shape[:-1])}."
            )


@lru_cache(maxsize=64)
def conversion(source: Layout, target: Layout) -> Conversion:
    """Return the conversion between two layouts.

    Raises:
        LayoutError: if the source can give none of the target's joints.
    """
    rows = [_row(joint, source, target) for joint in target.joints]
    missing = tuple(joint for joint, row in zip(target.joints, rows, strict=True) if row is None)
    if len(missing) == target.num_joints:
        raise LayoutError(
            f"layout '{source.name}' shares no joint with '{target.name}'. Name its joints as "
            f"'{target.name}' does ({', '.join(target.joints)}) or give them aliases."
        )
    nothing = np.zeros(source.num_joints)
    weights = np.stack([nothing if row is None else row for row in rows]).astype(np.float32)
    return Conversion(source, target, weights, missing)


def _row(name: str, source: Layout, target: Layout) -> np.ndarray | None:
    """Return the (V_source,) weights that make a point of the target, or None."""
    names = target.aliases.get(name, ())
    for candidate in names if name in names else (name, *names):
        position = source.find(candidate)
        if position is not None:
            return np.eye(source.num_joints)[position]
    if name not in target.derive:
        return None
    parts = [_row(part, source, target) for part in target.derive[name]]
    known = [part for part in parts if part is not None]
    return np.mean(known, axis=0) if len(known) == len(parts) else None


def _like(reference: Array, values: np.ndarray) -> Array:
    """Return constants of the kind, device and, if they are fractions, dtype of an array."""
    if isinstance(reference, Tensor):
        dtype = torch.int64 if values.dtype == np.int64 else reference.dtype
        return torch.tensor(values, dtype=dtype, device=reference.device)
    return values if values.dtype == np.int64 else values.astype(reference.dtype)
