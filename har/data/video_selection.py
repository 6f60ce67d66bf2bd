"""Smart frame selection: the frames of a clip that say most about its class.

After Gowda et al., SMART Frame Selection for Action Recognition, AAAI 2021,
https://arxiv.org/abs/2012.10671: frames are scored by a small network on cheap features, and the
best few are kept in order of time. Here the features are tiny grey pictures and how they change,
and the network learns its scores as attention: it classifies a clip by the weighted mean of its
frames, and the weight of a frame is its score.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from har.data.video_store import VideoStore

THUMB = 12
"""Height and width of the tiny pictures, in pixels."""

CHANNELS = 2 * THUMB * THUMB
EPOCHS, LEARNING_RATE, WEIGHT_DECAY = 60, 3e-3, 1e-2


class FrameScorer(nn.Module):
    """Scores frames, and classifies a clip by their weighted mean.

    Args:
        num_classes: of the clips it learns from.
        hidden: width.
    """

    def __init__(self, num_classes: int, hidden: int = 32):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(CHANNELS, hidden), nn.Tanh())
        self.score = nn.Linear(hidden, 1)
        self.classify = nn.Linear(hidden, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Map the features of a clip's frames (T, CHANNELS) to logits (classes,)."""
        encoded = self.encode(features)
        return self.classify((self.score(encoded).softmax(dim=0) * encoded).sum(dim=0))

    @torch.no_grad()
    def scores(self, features: Tensor) -> Tensor:
        """Return (T,) how much each frame counts; they sum to 1."""
        return self.score(self.encode(features)).squeeze(1).softmax(dim=0)


def cheap_features(frames: np.ndarray) -> Tensor:
    """Turn frames (T, H, W, 3) uint8 into (T, CHANNELS): tiny pictures and how they change."""
    grey = torch.from_numpy(frames.mean(axis=-1, dtype=np.float32)) / 255
    tiny = functional.adaptive_avg_pool2d(grey[:, None], (THUMB, THUMB)).flatten(1)
    change = tiny.diff(dim=0, prepend=tiny[:1]).abs()
    features = torch.cat([tiny - tiny.mean(dim=1, keepdim=True), 10 * change], dim=1)
    return features.clamp(-3, 3)


def learn_scorer(store: VideoStore, rows: np.ndarray, seed: int) -> FrameScorer:
    """Train a scorer on training clips; takes seconds, because it sees only cheap features.

    Args:
        store: the videos.
        rows: the training clips.
        seed: of the first weights and of the order of the clips.
    """
    rng = torch.Generator().manual_seed(seed)
    scorer = FrameScorer(len(store.labels))
    for parameter in scorer.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.05)
    clips = [cheap_features(store.frames(int(row))) for row in rows]
    labels = torch.from_numpy(store.index.label[rows].astype(np.int64))
    optimizer = torch.optim.AdamW(scorer.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    with torch.enable_grad():
        for _ in range(EPOCHS):
            order = torch.randperm(len(clips), generator=rng).tolist()
            for batch in torch.tensor(order).split(8):
                logits = torch.stack([scorer(clips[i]) for i in batch.tolist()])
                loss = functional.cross_entropy(logits, labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return scorer.eval()


@dataclass(frozen=True)
class SmartSelection:
    """Chooses the best of the frames that a sampler proposes.

    The sampler of the experiment proposes ``oversample`` times as many frames as the model takes;
    the scorer keeps those of the highest score.

    Attributes:
        oversample: proposed frames for each that is kept.
        seed: of the training of the scorer.
    """

    oversample: int = 4
    seed: int = 0

    def learn(self, store: VideoStore, rows: np.ndarray) -> Callable[[int, np.ndarray], np.ndarray]:
        """Train on ``rows``; return what maps a row and positions (T * oversample,) to (T,)."""
        scorer = learn_scorer(store, rows, self.seed)
        known: dict[int, np.ndarray] = {}

        def choose(row: int, positions: np.ndarray) -> np.ndarray:
            if row not in known:
                known[row] = scorer.scores(cheap_features(store.frames(row))).numpy()
            count = len(positions) // self.oversample
            best = np.argsort(-known[row][positions], kind="stable")[:count]
            return positions[np.sort(best)]

        return choose
