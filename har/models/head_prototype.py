"""The head of ProtoGCN: linear, with prototypes and a contrast of classes while it is trained."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from har.models.heads import LinearHead
from har.models.layers import ChannelsLastBatchNorm
from har.skeleton.layout import Layout


class PrototypeReconstruction(nn.Module):
    """Puts graphs together from learned prototypes.

    Args:
        channels: C of the graphs.
        prototypes: number of prototypes.
        dropout: rate after the reconstruction.
    """

    def __init__(self, channels: int, prototypes: int, dropout: float):
        super().__init__()
        self.assign = nn.Linear(channels, prototypes, bias=False)
        self.prototypes = nn.Linear(prototypes, channels, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(channels, channels)
        self.norm = ChannelsLastBatchNorm(channels)

    def forward(self, graphs: Tensor) -> Tensor:
        """Map graphs (N, C, V, V) to one weight for each pair of joints, (N, V*V)."""
        pairs = graphs.flatten(2).transpose(1, 2)
        restored = self.dropout(self.prototypes(self.assign(pairs).softmax(dim=-1)))
        return F.relu(self.norm(self.mix(restored)[:, None])).mean(dim=-1)[:, 0]


class PrototypeHead(nn.Module):
    """One linear layer, and a contrastive loss on the graphs that the backbone made.

    Args:
        in_channels: features a clip, and channels of the graphs.
        num_classes: K, scores a clip.
        layout: joints of the graphs.
        prototypes: number of prototypes.
        embedding: E, length of the vectors that are contrasted.
        weight: of the contrastive loss.
        temperature: of the contrast.
        momentum: share that the memory of a class keeps at each step.
        dropout: rate before the linear layer.
        prototype_dropout: rate after the reconstruction.
        init_std: standard deviation of the linear layer's initial weights.
    """

    memory: Tensor

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        layout: Layout,
        prototypes: int = 100,
        embedding: int = 256,
        weight: float = 0.2,
        temperature: float = 0.125,
        momentum: float = 0.9,
        dropout: float = 0.0,
        prototype_dropout: float = 0.1,
        init_std: float = 0.01,
    ):
        super().__init__()
        self.weight = weight
        self.temperature = temperature
        self.momentum = momentum
        self.classify = LinearHead(in_channels, num_classes, dropout, init_std)
        self.reconstruct = PrototypeReconstruction(in_channels, prototypes, prototype_dropout)
        self.embed = nn.Linear(layout.num_joints**2, embedding)
        self.register_buffer("memory", torch.randn(num_classes, embedding))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C) to logits (N, num_classes)."""
        return self.classify(x)

    def auxiliary_loss(
        self, logits: Tensor, labels: Tensor, side_features: Tensor | None = None
    ) -> Tensor:
        """Return the weighted contrast of the clips' graphs with the memory of the classes.

        The memory of a class moves towards the clips that were classified as that class, rightly.

        Args:
            logits: of the same clips, (N, K); they get no gradient.
            labels: classes (N,), or their probabilities (N, K) where clips are mixed.
            side_features: graphs (N, C, V, V), mean over the people of a clip. The loss is 0
                without.
        """
        if side_features is None:
            return logits.new_zeros(())
        embedded = self.embed(self.reconstruct(side_features)).to(self.memory.dtype)
        memory = self._updated_memory(embedded, logits, labels)
        self.memory.copy_(memory.detach())
        similarity = F.normalize(embedded, dim=1) @ F.normalize(memory, dim=1).T
        return self.weight * F.cross_entropy(similarity / self.temperature, labels)

    def _updated_memory(self, embedded: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        classes = self.memory.shape[0]
        shares = F.one_hot(labels, classes) if labels.ndim == 1 else labels
        right = (shares * F.one_hot(logits.argmax(dim=1), classes)).to(embedded.dtype)
        count = right.sum(dim=0)[:, None]
        means = right.T @ embedded / count.clamp(min=torch.finfo(count.dtype).tiny)
        kept = self.memory.clone()
        moved = self.momentum * kept + (1 - self.momentum) * means
        return torch.where(count > 0, moved, kept)
