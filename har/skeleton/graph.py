"""Adjacency matrices of a joint layout.

Column v of a matrix says where joint v sends its features: ``A[w, v]`` is the weight from v to w.
"""

import numpy as np
import torch
from torch import Tensor

from har.errors import ConfigError
from har.skeleton.layout import Layout


def spatial_graph(layout: Layout) -> Tensor:
    """Return the three-part graph of ST-GCN++ and CTR-GCN ("spatial" partition).

    Parts are the identity, the inward edges and the outward edges; each column of the last two
    sums to 1, or to 0 where no edge leaves the joint.

    Returns:
        (3, V, V) float32, a new tensor at every call.
    """
    inward = np.zeros((layout.num_joints, layout.num_joints))
    joints, neighbours = layout.edge_indices.T
    inward[neighbours, joints] = 1.0
    parts = [np.eye(layout.num_joints), _unit_columns(inward), _unit_columns(inward.T)]
    return torch.tensor(np.stack(parts), dtype=torch.float32)


def hop_distance(layout: Layout) -> np.ndarray:
    """Return (V, V) int64: edges on the shortest path, whatever their direction."""
    step = _neighbours(layout)
    reached = np.eye(layout.num_joints, dtype=bool)
    distance = np.zeros(reached.shape, dtype=np.int64)
    while not reached.all():
        distance[~reached] += 1
        reached |= reached @ step
    return distance


def k_hop_adjacency(layout: Layout, hops: int) -> np.ndarray:
    """Return (V, V) float32: 1 where two joints are exactly ``hops`` edges apart.

    Raises:
        ConfigError: if ``hops`` is negative.
    """
    if hops < 0:
        raise ConfigError(f"hops is {hops}; give 0 (the joint itself) or more.")
    return (hop_distance(layout) == hops).astype(np.float32)


def multi_scale_graph(layout: Layout, scales: int) -> Tensor:
    """Return the disentangled multi-scale graph of MS-G3D.

    Scale k joins each joint with itself and with those exactly k edges away, normalised
    symmetrically by the square roots of the degrees. Scale 0 is the identity.

    Returns:
        (scales, V, V) float32.

    Raises:
        ConfigError: if ``scales`` is under 1.
    """
    if scales < 1:
        raise ConfigError(f"scales is {scales}; give 1 or more.")
    distance = hop_distance(layout)
    parts = np.arange(scales)[:, None, None] == distance
    adjacency = (parts | (distance == 0)).astype(np.float64)
    inverse_root = adjacency.sum(axis=-1) ** -0.5
    normalised = inverse_root[:, :, None] * adjacency * inverse_root[:, None, :]
    return torch.tensor(normalised, dtype=torch.float32)


def _neighbours(layout: Layout) -> np.ndarray:
    """Return (V, V) bool: joined by an edge, in either direction."""
    joined = np.zeros((layout.num_joints, layout.num_joints), dtype=bool)
    joints, neighbours = layout.edge_indices.T
    joined[joints, neighbours] = joined[neighbours, joints] = True
    return joined


def _unit_columns(adjacency: np.ndarray) -> np.ndarray:
    totals = adjacency.sum(axis=0)
    return adjacency / np.where(totals > 0, totals, 1.0)
