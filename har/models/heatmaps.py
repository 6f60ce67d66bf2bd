"""Heatmaps of joints, drawn on the device that trains: keypoints travel, volumes do not.

A Gaussian is a product of one factor along x and one along y, and is cut off at three standard
deviations as in PoseC3D; so a joint is one small outer product, put into a volume of zeros. All
joints of all frames and people are drawn in one step.
"""

import torch
from torch import Tensor

CUT_SIGMAS = 3.0
SMALLEST_BOX = 1e-6
"""Side of the box of a body that has no extent, in the unit of the joints."""


def crop_to_body(points: Tensor, seen: Tensor, size: int, padding: float) -> Tensor:
    """Scale the points of each row so that a square box around all its frames fills an image.

    Args:
        points: (P, T, V, 2) in any unit.
        seen: (P, T, V) bool; points that are not seen do not count in the box.
        size: side of the image in pixels.
        padding: margin, as a share of the longer side of the tight box.

    Returns:
        (P, T, V, 2) in pixels; the centre of the box lies at ``size / 2``.
    """
    hidden = ~seen[..., None]
    lowest = points.masked_fill(hidden, torch.inf).amin(dim=(1, 2), keepdim=True)
    highest = points.masked_fill(hidden, -torch.inf).amax(dim=(1, 2), keepdim=True)
    side = (highest - lowest).amax(dim=-1, keepdim=True).clamp(min=SMALLEST_BOX) * (1 + padding)
    pixels = (points - (lowest + highest) / 2) * (size / side) + size / 2
    return pixels.masked_fill(hidden, 0.0)


def draw_heatmaps(pixels: Tensor, peaks: Tensor, size: int, sigma: float) -> Tensor:
    """Draw one Gaussian a joint.

    Args:
        pixels: (P, T, V, 2), x then y; pixel i has its centre at i. Joints may lie outside; NaN
            gives NaN.
        peaks: (P, T, V) height of each Gaussian: the score of the joint, 0 where it is not seen.
        size: side of the square heatmaps in pixels.
        sigma: standard deviation in pixels.

    Returns:
        (P, T, size, size, V): rows (y), columns (x) and joints.
    """
    width = min(int(2 * CUT_SIGMAS * sigma) + 2, size)
    first = (pixels - CUT_SIGMAS * sigma).floor().clamp(0, size - width).nan_to_num()
    factors = _factors(pixels, first, width, sigma)
    patches = factors[..., 1, :, None] * (factors[..., 0, None, :] * peaks[..., None, None])
    people, frames, joints = peaks.shape
    cells = _cells(first.long(), width, size)
    volume = patches.new_zeros(people, frames, size * size * joints)
    volume.scatter_(2, cells.flatten(2), patches.flatten(2))
    return volume.view(people, frames, size, size, joints)


def _factors(pixels: Tensor, first: Tensor, width: int, sigma: float) -> Tensor:
    """Return (P, T, V, 2, width): the Gaussian along x and y, zero beyond the cut."""
    steps = torch.arange(width, device=pixels.device).to(pixels.dtype)
    positions, centres = first[..., None] + steps, pixels[..., None]
    reach = CUT_SIGMAS * sigma
    kept = (positions >= (centres - reach).floor()) & (positions <= (centres + reach).floor())
    return torch.exp((positions - centres).square() / (-2 * sigma**2)) * kept


def _cells(first: Tensor, width: int, size: int) -> Tensor:
    """Return (P, T, V, width, width): where the cells of each patch lie in (size, size, V)."""
    joints = first.shape[2]
    steps = torch.arange(width, device=first.device)
    columns, rows = (first[..., None] + steps).unbind(dim=-2)
    joint = torch.arange(joints, device=first.device)[:, None, None]
    return (rows[..., :, None] * size + columns[..., None, :]) * joints + joint
