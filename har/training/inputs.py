"""What each kind of classifier is called with."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from har.models.multimodal import FusedClassifier
from har.samples import Batch
from har.skeleton.layout import Layout
from har.skeleton.streams import compute_stream


def classifier_inputs(
    classifier: nn.Module, batch: Batch, streams: Sequence[str], layout: Layout | None
) -> tuple[Any, ...]:
    """Return the arguments of a classifier for a batch.

    Args:
        classifier: of poses, of video, or of both.
        batch: transformed.
        streams: names of the streams it takes; none where it takes frames alone.
        layout: of the joints; None without streams.
    """
    if batch.frames is not None and not streams:
        return (batch.frames,)
    poses = streams_of(batch, streams, layout), batch.person_mask
    if not isinstance(classifier, FusedClassifier):
        return poses
    return *poses, batch.frames, _present(batch), batch.points


def streams_of(batch: Batch, names: Sequence[str], layout: Layout | None) -> dict[str, Tensor]:
    """Return the streams (N, M, T, V, C) of a batch by name."""
    if layout is None:
        return {}
    return {name: compute_stream(name, batch.joints, layout, batch.confidence) for name in names}


def _present(batch: Batch) -> Tensor:
    if batch.present is not None:
        return batch.present
    return torch.ones(len(batch), 2, dtype=torch.bool, device=batch.joints.device)
