"""A trained classifier of poses and video as one function of both."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from har.export.folding import fold_norms
from har.export.graph import Recipe, prepare
from har.export.video import read_out
from har.models.multimodal import FusedClassifier
from har.skeleton.convert import conversion
from har.skeleton.streams import compute_stream


class PairedClassifier(nn.Module):
    """Poses and frames in, probabilities out; the normalisation of both is inside.

    Args:
        classifier: trained; a copy with its batch norms folded is used.
        recipe: of its training.
        readout: (A, G) share of each output for each label; None where outputs are labels.
        dtype: of the classifier. Normalisation and streams of poses always have float32.
    """

    projection: Tensor | None

    def __init__(
        self,
        classifier: FusedClassifier,
        recipe: Recipe,
        readout: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.recipe = recipe
        self.register_buffer("projection", readout)
        self.needs_points = bool(classifier.fusion.needs_points)
        self.classifier = fold_norms(classifier).to(dtype)
        self.dtype = dtype
        source, target = recipe.layout, recipe.model_layout
        same = source.joints == target.joints
        self._convert = None if same else conversion(source, target)
        self.eval().requires_grad_(False)

    def forward(
        self,
        poses: Tensor,
        confidence: Tensor,
        frames: Tensor,
        present: Tensor,
        points: Tensor | None = None,
    ) -> Tensor:
        """Return probabilities (N, K).

        Args:
            poses: (N, M, T, V, C).
            confidence: (N, M, T, V); 0 for what was not seen.
            frames: (N, T', H, W, 3) uint8, red, green, blue.
            present: (N, 2) bool, whether poses and frames count.
            points: (N, M, T, V, 2), joints in the frames as shares of width and height; where the
                fusion needs them.
        """
        batch = prepare(poses, confidence, self.recipe)
        if points is not None and self._convert is not None:
            batch = replace(batch, points=self._convert.apply(points, confidence)[0])
        elif points is not None:
            batch = replace(batch, points=points)
        streams = {
            name: compute_stream(name, batch.joints, self.recipe.model_layout, batch.confidence).to(
                self.dtype
            )
            for name in self.recipe.streams
        }
        logits = self.classifier(streams, batch.person_mask, frames, present, batch.points)
        return read_out(logits.float().softmax(1), self.projection)
