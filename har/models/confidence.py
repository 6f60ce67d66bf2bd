"""Joints count as much as the pose estimator is sure of them."""

import torch
from torch import Tensor

from har.models.fusion.base import resample


def weigh_by_confidence(
    features: Tensor, confidence: Tensor, out_joints: Tensor | None = None
) -> Tensor:
    """Weigh feature maps so that their mean is that weighted with the confidence of the joints.

    A map that has fewer frames, or one place for all joints, takes the mean of the confidence that
    each of its cells covers; one of a single cell, such as that of the MLP, stays as it is. Where
    no joint is seen, all cells weigh the same.

    Args:
        features: (P, T', V', C).
        confidence: (P, T, V, 1) in [0, 1], 0 where a joint was not seen.
        out_joints: (V',) joint of the input at each place of the map; None: in the same order.
    """
    sure = confidence[..., 0].to(features.dtype)
    if out_joints is not None:
        sure = sure[:, :, out_joints]
    if sure.shape[2] != features.shape[2]:
        sure = sure.mean(dim=2, keepdim=True)
    sure = resample(sure, features.shape[1], dim=1)
    usual = sure.mean(dim=(1, 2), keepdim=True)
    weights = torch.where(usual > 0, sure / usual.clamp(min=1e-6), 1)
    return features * weights[..., None]
