"""ProtoGCN: Revealing Key Details to See Differences: A Novel Prototypical Perspective.

Liu et al., CVPR 2025, https://arxiv.org/abs/2411.18941

The network is DG-STGCN, half as wide again. In training, the graphs that its last block makes for
a clip are put together anew from learned prototypes, and the results of one class are drawn
together, those of different classes apart. That is the work of ``model/head=prototype``; it does
not touch the prediction, and costs nothing in use.
"""

from typing import cast

from torch import Tensor

from har.models.skeleton.dgstgcn import DGSTGCN, DynamicSpatialModule
from har.skeleton.layout import Layout


class ProtoGCN(DGSTGCN):
    """ProtoGCN backbone; with ``model/head=prototype`` it is the model of the paper.

    Args:
        layout: joints of the input; its bones are not used.
        in_channels: C of the input.
        base_channels: width of the first stage.
        blocks: number of blocks.
        stages: numbers of the blocks, from 2, that double the width and halve the frames.
        groups: learned graphs a block.
        ratio: channels of a group, as a share of the block's.
        dropout: rate after each temporal module but the first.

    The output has ``out_channels`` features a person, frame and joint.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int = 3,
        base_channels: int = 96,
        blocks: int = 10,
        stages: tuple[int, ...] = (5, 8),
        groups: int = 8,
        ratio: float = 0.125,
        dropout: float = 0.0,
    ):
        super().__init__(layout, in_channels, base_channels, blocks, stages, groups, ratio, dropout)
        self._side_features: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map joints (P, T, V, C) of P people to features (P, T', V, out_channels)."""
        features = self.blocks[:-1](self.data_norm(x))
        last = self.blocks[-1]
        self._side_features = None
        if self.training:
            spatial = cast(DynamicSpatialModule, last.spatial)
            self._side_features = spatial.clip_graphs(features).flatten(1, 2)
        return last(features)

    def take_side_features(self) -> Tensor | None:
        """Return the last block's graphs (P, groups * width, V, V) of the last forward pass.

        They are there once after each forward pass in training, else None.
        """
        graphs, self._side_features = self._side_features, None
        return graphs
