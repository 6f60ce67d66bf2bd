"""DG-STGCN's two modules as the paper writes them, channels first, for one module's weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.skeleton.dgstgcn import BodyTemporalModule, DynamicSpatialModule


def convolve(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a 1x1 convolution to (N, C, T, V)."""
    return torch.einsum("oc,nctv->notv", layer.weight, x) + layer.bias[:, None, None]


def normalise(layer: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Apply batch norm to (N, C, T, V) in evaluation."""
    return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)


def spatial(module: DynamicSpatialModule, x: Tensor) -> Tensor:
    """Map (N, C, T, V) to (N, C', T, V); the graphs come from all frames, then are averaged."""
    clips, _, frames, joints = x.shape
    shape = (clips, module.groups, -1, frames, joints)
    senders, receivers = (
        convolve(layer, x).reshape(shape).mean(dim=3)
        for layer in (module.senders, module.receivers)
    )
    channel = torch.tanh(senders.unsqueeze(-1) - receivers.unsqueeze(-2)) * module.channel_scale
    group = torch.einsum("nkcv,nkcw->nkvw", senders, receivers).softmax(-2) * module.group_scale
    graph = module.adjacency[None, :, None] + channel + group.unsqueeze(2)
    features = F.relu(normalise(module.project_norm, convolve(module.project, x))).reshape(shape)
    gathered = torch.einsum("nkctv,nkcvw->nkctw", features, graph).reshape(
        clips, -1, frames, joints
    )
    out = normalise(module.norm, convolve(module.merge, gathered))
    if isinstance(module.residual, nn.Identity):
        return F.relu(out + x)
    return F.relu(out + normalise(module.residual.norm, convolve(module.residual.conv, x)))


def temporal(module: BodyTemporalModule, x: Tensor) -> Tensor:
    """Map (N, C, T, V) to (N, C, T', V): branches of the joints and of their mean, then merged."""
    parts = []
    for joints in (x, x.mean(dim=3, keepdim=True)):
        parts.append(module.branches(joints.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
    single, body = parts
    mixed = single + torch.einsum("nct,v->nctv", body[..., 0], module.body_share)
    activated = F.relu(normalise(module.norm, mixed))
    return normalise(module.merge[2], convolve(module.merge[1], activated))
