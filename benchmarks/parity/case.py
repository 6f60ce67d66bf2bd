"""One model that other code has too."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn


def save_weights(peer: nn.Module, file: Path) -> None:
    """Save the weights alone, as most authors do."""
    torch.save(peer.state_dict(), file)


def joints_as_they_are(clips: Tensor) -> Tensor:
    """Return the clips."""
    return clips


@dataclass(frozen=True)
class Case:
    """A model of both, and how the peer's one is made and called.

    Attributes:
        name: of the model, as its paper has it.
        model: backbone here.
        build: returns the peer's model, its tensors named as in its checkpoints.
        scores: maps the peer's model and clips (N, M, T, V, C) to logits.
        classes, people, frames, layout: of the data.
        coordinates: C of the clips.
        save: writes a checkpoint as the peer's training does.
        draw: makes the volumes (N, V, T, H, W) that the peer's network sees of clips, where it sees
            volumes; in training both see these, in evaluation each its own.
        place: moves clips of [-1, 1) to where such poses lie.
        settings: of ``har import``, further to source, file, model and layout.
    """

    name: str
    model: str
    build: Callable[[], nn.Module]
    scores: Callable[[nn.Module, Tensor], Tensor]
    classes: int = 60
    people: int = 2
    frames: int = 16
    layout: str = "ntu25"
    coordinates: int = 3
    save: Callable[[nn.Module, Path], None] = save_weights
    draw: Callable[[Tensor], Tensor] | None = None
    place: Callable[[Tensor], Tensor] = joints_as_they_are
    settings: tuple[str, ...] = ()
