"""Layers shared by the skeleton backbones, all on channels-last maps (P, T, V, C).

P counts the people of a batch that are really there. With channels last, a 1x1 convolution is a
matrix product, graph aggregation needs no permutation, and memory is read in order.
"""

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.nn.functional import all_reduce


class ChannelsLastBatchNorm(nn.BatchNorm2d):
    """Batch normalisation of (P, T, V, C) over all axes but the last.

    Where ``synchronised`` is set and several processes train together, the statistics are those of
    the whole batch, on CPU and GPU alike, so that the split of a batch does not change the result.
    """

    synchronised = False
    momentum: float
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.synchronised and _process_count() > 1:
            return self._forward_together(x)
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def _forward_together(self, x: Tensor) -> Tensor:
        rows = x.float().flatten(0, -2)
        count = rows.new_tensor([rows.shape[0]])
        sums = all_reduce(torch.cat([count, rows.sum(0)]))
        mean = sums[1:] / sums[0]
        variance = all_reduce((rows - mean).square().sum(0)) / sums[0]
        with torch.no_grad():
            unbiased = variance * sums[0] / (sums[0] - 1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        return ((x.float() - mean) * scale + self.bias).to(x.dtype)


def synchronise_batch_norm(model: nn.Module) -> None:
    """Let every batch norm of the model use the statistics of all processes."""
    for module in model.modules():
        if isinstance(module, ChannelsLastBatchNorm):
            module.synchronised = True


def _process_count() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class TemporalConv(nn.Module):
    """Convolution along T of (P, T, V, C) with 'same' padding.

    Args:
        in_channels, out_channels: C before and after.
        kernel_size: odd number of frames.
        stride: step along T.
        dilation: frames between taps.
        bias: add a bias.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
    ):
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            (kernel_size, 1),
            stride=(stride, 1),
            padding=(dilation * (kernel_size - 1) // 2, 0),
            dilation=(dilation, 1),
            bias=bias,
        )
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out")
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def each_nth_frame(x: Tensor, stride: int) -> Tensor:
    """Return every ``stride``-th frame of (P, T, V, C).

    All frames are no slice, whose gradient would be copied.
    """
    return x if stride == 1 else x[:, ::stride]


def aggregate(features: Tensor, adjacency: Tensor) -> Tensor:
    """Sum joint features over a stack of K graphs, without a permutation.

    Args:
        features: (P, T, V, K*C); channel k*C + c holds feature c for graph k.
        adjacency: (K, V, W); weight of source joint v in target joint w.

    Returns:
        (P, T, W, C), where out[w] = sum over k, v of adjacency[k, v, w] * features[v, k].
    """
    people, frames, joints, channels = features.shape
    graphs = adjacency.shape[0]
    stacked = features.reshape(people * frames, joints * graphs, channels // graphs)
    weights = adjacency.permute(2, 1, 0).reshape(-1, joints * graphs)
    out = torch.bmm(expand_over(weights, stacked), stacked)
    return out.view(people, frames, adjacency.shape[2], channels // graphs)


def aggregate_apart(features: Tensor, adjacency: Tensor) -> Tensor:
    """Sum joint features over each of K graphs.

    Args:
        features: (P, T, V, C).
        adjacency: (K, V, W); weight of source joint v in target joint w.

    Returns:
        (P, T, W, K*C); channel k*C + c holds the sum over v of adjacency[k, v, w] * features[v, c].
    """
    people, frames, joints, channels = features.shape
    weights = adjacency.permute(2, 0, 1).reshape(-1, joints)
    by_frame = features.reshape(people * frames, joints, channels)
    out = torch.bmm(expand_over(weights, by_frame), by_frame)
    return out.view(people, frames, adjacency.shape[2], -1)


def expand_over(weights: Tensor, rows: Tensor) -> Tensor:
    """Return weights (A, L) as often as there are rows (B, L, C), for a product: (B, A, L), a view.

    Under autocast the weights are turned to its type first; it would turn B copies of them.
    """
    device = rows.device.type
    has_autocast = device != "meta" and rows.dtype != torch.float64
    if has_autocast and torch.is_autocast_enabled(device):
        weights = weights.to(torch.get_autocast_dtype(device))
    return weights.expand(rows.shape[0], -1, -1)  # len() would be fixed in an export


def mean_over_people(features: Tensor, person_mask: Tensor) -> Tensor:
    """Average the rows of people who are there.

    Args:
        features: (P, C), one row for each true entry of the mask, in row-major order.
        person_mask: (N, M) bool.

    Returns:
        (N, C); zero for a clip in which nobody is.
    """
    clips = person_mask.shape[0]
    clip_of_person = person_mask.nonzero()[:, 0]
    total = features.new_zeros(clips, features.shape[1]).index_add(0, clip_of_person, features)
    return total / person_mask.sum(1, keepdim=True).clamp(min=1)
