"""Video models of PyTorchVideo: Slow, SlowFast, X3D, CSN and R(2+1)D.

SlowFast: Feichtenhofer et al., ICCV 2019, https://arxiv.org/abs/1812.03982. X3D: Feichtenhofer,
CVPR 2020, https://arxiv.org/abs/2004.04730. CSN: Tran et al., ICCV 2019,
https://arxiv.org/abs/1904.02811. R(2+1)D: Tran et al., CVPR 2018, https://arxiv.org/abs/1711.11248.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from har.errors import ConfigError
from har.extras import require
from har.models.video.classifier import channels_last
from har.models.video.pretrained import load_pretrained

Name = Literal["x3d_xs", "x3d_s", "x3d_m", "slow_r50", "slowfast_r50", "csn_r101", "r2plus1d_r50"]

_MODULES = {
    "x3d_xs": "x3d",
    "x3d_s": "x3d",
    "x3d_m": "x3d",
    "slow_r50": "resnet",
    "slowfast_r50": "slowfast",
    "csn_r101": "csn",
    "r2plus1d_r50": "r2plus1d",
}
_PATHWAY_RATIO = 4


class PyTorchVideo(nn.Module):
    """A model of PyTorchVideo up to its last feature map.

    Args:
        name: of the model. SlowFast takes a multiple of 4 frames.
        weights: path of the published file, "cache", or None; see ``load_pretrained``.
    """

    mean = (0.45, 0.45, 0.45)
    std = (0.225, 0.225, 0.225)

    def __init__(self, name: Name, weights: str | None = None):
        super().__init__()
        module = require(f"pytorchvideo.models.hub.{_MODULES[name]}", "video")
        model = getattr(module, name)(pretrained=False)
        head = f"blocks.{len(model.blocks) - 1}."
        load_pretrained(model, weights, module.checkpoint_paths[name], head)
        self.two_pathways = name.startswith("slowfast")
        self.blocks = model.blocks[: -2 if self.two_pathways else -1]
        self.out_channels = _channels(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, T, H, W) to (N, T', S, C)."""
        return channels_last(self._join(self._run(x)))

    def _run(self, x: Tensor) -> Any:
        if self.two_pathways and x.shape[2] % _PATHWAY_RATIO:
            raise ConfigError(
                f"SlowFast takes a multiple of {_PATHWAY_RATIO} frames, not {x.shape[2]}: set "
                "sampling.frames"
            )
        features: Any = [x[:, :, ::_PATHWAY_RATIO], x] if self.two_pathways else x
        for block in self.blocks:
            features = block(features)
        return features

    def _join(self, features: Any) -> Tensor:
        """Bring the fast pathway to the frames of the slow one."""
        if not self.two_pathways:
            return features
        slow, fast = features
        size = (int(slow.shape[2]), int(slow.shape[3]), int(slow.shape[4]))
        return torch.cat([slow, functional.adaptive_avg_pool3d(fast, size)], dim=1)


def _channels(model: PyTorchVideo) -> int:
    """Count the channels on a small clip, in evaluation mode so that no statistic changes."""
    model.eval()
    with torch.no_grad():
        channels = model(torch.zeros(1, 3, 8, 64, 64)).shape[-1]
    model.train()
    return channels
