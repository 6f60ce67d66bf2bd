"""Masked motion prediction, the task that MAMP learns from without labels.

Mao et al., ICCV 2023, https://arxiv.org/abs/2308.07092

Most tokens are hidden. The encoder sees the others only, and a small decoder predicts how the
hidden joints move. What moves much says most about an action, so it is hidden more often: a token
is drawn with a probability that grows with its motion.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from har.errors import ConfigError
from har.models.attention import EncoderLayer
from har.models.skeleton.mamp import INIT_STD, MAMP, Positions, initialise_layers
from har.skeleton.streams import compute_stream

EPSILON = 1e-6


@dataclass(frozen=True)
class Prediction:
    """How well the motion of K hidden tokens of P people is predicted.

    Attributes:
        error: (P, K) mean squared error of each token.
        power: (P, K) mean square of what was to be predicted: the error of predicting zeros.
        known: (P, K) bool, tokens whose joint was seen in all their frames; others do not count.
    """

    error: Tensor
    power: Tensor
    known: Tensor

    def loss(self) -> Tensor:
        """Return the mean error of the tokens that count; 0 if there are none."""
        return (self.error * self.known).sum() / self.known.sum().clamp(min=1)

    def sums(self) -> Tensor:
        """Return the sums of errors and of powers, and the number of tokens that count, (3,)."""
        parts = (self.error * self.known, self.power * self.known, self.known)
        return torch.stack([part.sum().double() for part in parts])


class MaskedMotionPrediction(nn.Module):
    """Encoder and decoder that predict the motion of hidden tokens.

    Args:
        encoder: learns; what is kept after the training.
        in_channels: C of the input, whose motion is predicted.
        mask_ratio: share of hidden tokens.
        temperature: how little the choice of hidden tokens minds motion; 0 chooses evenly.
        normalise: predict the motion of each token without its mean and scale.
        width: features a token in the decoder.
        layers: of the decoder.
        heads: attention heads of the decoder.

    Raises:
        ConfigError: the encoder has no tokens to hide, or a number is out of range.
    """

    def __init__(
        self,
        encoder: nn.Module,
        in_channels: int,
        mask_ratio: float = 0.9,
        temperature: float = 0.8,
        normalise: bool = True,
        width: int = 256,
        layers: int = 3,
        heads: int = 8,
    ):
        super().__init__()
        if not isinstance(encoder, MAMP):
            raise ConfigError(
                f"pretraining: {type(encoder).__name__} has no tokens that could be hidden: choose "
                "model/backbone=mamp"
            )
        if not 0 < mask_ratio < 1:
            raise ConfigError(f"mask_ratio={mask_ratio}: must lie between 0 and 1")
        if temperature < 0:
            raise ConfigError(f"temperature={temperature}: must be 0 or more")
        self.encoder = encoder
        self.mask_ratio = mask_ratio
        self.temperature = temperature
        self.normalise = normalise
        joints, channels = encoder.layout.num_joints, encoder.out_channels
        self.embed = nn.Linear(channels, width)
        self.hidden_token = nn.Parameter(torch.empty(width))
        self.positions = Positions(encoder.segments, joints, width)
        self.layers = nn.Sequential(*(EncoderLayer(width, heads, 4 * width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.predict = nn.Linear(width, encoder.segment * in_channels)
        nn.init.trunc_normal_(self.hidden_token, std=INIT_STD)
        for part in (self.embed, self.layers, self.predict):
            initialise_layers(part)

    def forward(self, x: Tensor, seen: Tensor, rng: torch.Generator) -> Prediction:
        """Hide tokens of (P, T, V, C) and predict their motion.

        Args:
            x: joints of P people.
            seen: (P, T, V) bool, joints that are known.
            rng: of the choice of tokens; on the CPU, so that every device chooses the same.
        """
        visible, hidden = self.choose(x, rng)
        predicted = take(self.decode(self.encode(x, visible), visible), hidden).float()
        target = take(self.target(x, seen), hidden)
        known = self.encoder.cut(seen.unsqueeze(-1)).all(-1).gather(1, hidden)
        return Prediction((predicted - target).square().mean(-1), target.square().mean(-1), known)

    def choose(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the visible and the hidden tokens of (P, T, V, C): numbers of tokens, each (P, K).

        Hidden tokens are drawn without putting back; each draw takes a token with a probability
        proportional to exp(motion / (temperature * largest motion)), by Gumbel's trick.
        """
        scores = self._motion_scores(x)
        uniform = torch.rand(scores.shape, generator=rng).to(scores.device)
        gumbel = -(-uniform.clamp(min=1e-10).log()).clamp(min=1e-10).log()
        order = (scores + gumbel).argsort(1, descending=True)
        count = min(max(1, round(order.shape[1] * self.mask_ratio)), order.shape[1] - 1)
        return order[:, count:], order[:, :count]

    def _motion_scores(self, x: Tensor) -> Tensor:
        """Return (P, L) how much each token moves against the segment before, over the largest.

        The first segment counts as the second.
        """
        people, segments = x.shape[0], self.encoder.segments
        if self.temperature == 0 or segments < 2:
            return x.new_zeros(people, segments * x.shape[2])
        pieces = self.encoder.cut(x).float().unflatten(1, (segments, -1))
        change = (pieces[:, 1:] - pieces[:, :-1]).abs().mean(-1)
        motion = torch.cat([change[:, :1], change], dim=1).flatten(1)
        largest = motion.amax(1, keepdim=True).clamp(min=EPSILON)
        return motion / (self.temperature * largest)

    def encode(self, x: Tensor, visible: Tensor) -> Tensor:
        """Return the features of the visible tokens, (P, K, C), which see each other only."""
        return self.encoder.encode(take(self.encoder.tokens(x), visible))

    def decode(self, features: Tensor, visible: Tensor) -> Tensor:
        """Predict the motion of all tokens, (P, L, segment * C)."""
        embedded = self.embed(features)
        positions = self.positions()
        everywhere = visible.unsqueeze(-1).expand(-1, -1, embedded.shape[-1])
        blank = self.hidden_token.to(embedded.dtype).expand(len(visible), *positions.shape)
        tokens = blank.scatter(1, everywhere, embedded) + positions
        return self.predict(self.norm(self.layers(tokens)))

    def target(self, x: Tensor, seen: Tensor) -> Tensor:
        """Return the motion within all tokens, (P, L, segment * C): next frame minus this one."""
        motion = compute_stream("joint_motion", x.float(), self.encoder.layout, seen)
        pieces = self.encoder.cut(motion)
        if not self.normalise:
            return pieces
        variance, mean = torch.var_mean(pieces, dim=-1, keepdim=True)
        return (pieces - mean) / (variance + EPSILON).sqrt()


def take(tokens: Tensor, numbers: Tensor) -> Tensor:
    """Return the tokens (P, K, C) with the given numbers (P, K), of (P, L, C)."""
    return tokens.gather(1, numbers.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
