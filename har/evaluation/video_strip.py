"""Frames of a video clip side by side."""

from pathlib import Path

import numpy as np

from har.evaluation.style import INK, new_figure, save_figure

SHOWN = 8
INCHES = 1.6


def draw_frames(path: Path, frames: np.ndarray, title: str) -> Path:
    """Draw up to eight frames, evenly spaced over a clip, and return the path.

    Args:
        path: of the picture.
        frames: (T, H, W, 3) uint8.
        title: above them.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, SHOWN).round().astype(int))
    width = INCHES * frames.shape[2] / frames.shape[1]
    figure = new_figure(width * len(chosen), INCHES + 0.4)
    for position, number in enumerate(chosen, start=1):
        axes = figure.add_subplot(1, len(chosen), position)
        axes.imshow(frames[number])
        axes.set_axis_off()
        axes.set_title(f"frame {number}", fontsize=7, color=INK)
    figure.suptitle(title, fontsize=10, color=INK)
    return save_figure(figure, path)
