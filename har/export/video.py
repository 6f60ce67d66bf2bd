"""A trained classifier of video as one function of frames."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from har.export.onnx_file import Port
from har.models.video.classifier import VideoClassifier


class FrameClassifier(nn.Module):
    """Frames in, probabilities out; the normalisation of pixels is inside.

    Args:
        classifier: trained; a copy is used.
        readout: (A, G) share of each output for each label; None where outputs are labels.
        dtype: of the classifier.
    """

    projection: Tensor | None

    def __init__(
        self,
        classifier: VideoClassifier,
        readout: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.classifier = deepcopy(classifier).to(dtype)
        self.register_buffer("projection", readout)
        self.eval().requires_grad_(False)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (N, T, H, W, 3) uint8, red, green, blue, to probabilities (N, K)."""
        return read_out(self.classifier(frames).float().softmax(1), self.projection)


def read_out(probabilities: Tensor, projection: Tensor | None) -> Tensor:
    """Return the probabilities (N, K) of labels, each of which has a share of some outputs."""
    if projection is None:
        return probabilities
    mass = probabilities @ projection
    return mass / mass.sum(1, keepdim=True).clamp(min=1e-30)


def named_ports(
    example: Mapping[str, Tensor], labels: int
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Return the inputs and outputs of a graph in which clips are free, and nothing else.

    Args:
        example: inputs by name.
        labels: K.
    """
    inputs = tuple(
        Port(name, str(tensor.dtype).removeprefix("torch."), ("clips", *tensor.shape[1:]))
        for name, tensor in example.items()
    )
    return inputs, (Port("probabilities", "float32", ("clips", labels)),)
