"""Input streams made from joints: positions, bones, their motion, and further encodings of both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from har.errors import ConfigError, LayoutError, did_you_mean
from har.skeleton import embeddings
from har.skeleton.layout import Layout

CONFIDENCE = "confidence"


@dataclass(frozen=True)
class Stream:
    """One kind of stream.

    Attributes:
        compute: maps joints (..., T, V, C), which of them were seen (..., T, V), and the layout
            to the stream (..., T, V, channels).
        channels: number of channels for C coordinates.
        graded: ``compute`` is given how sure each joint is in place of whether it was seen.
    """

    compute: Callable[[Tensor, Tensor, Layout], Tensor]
    channels: Callable[[int], int] = lambda coordinates: coordinates
    graded: bool = False


def compute_stream(
    name: str, joints: Tensor, layout: Layout, confidence: Tensor | None = None
) -> Tensor:
    """Return one stream of some joints.

    ======================  ===========  =========================================================
    stream                  channels     what it holds
    ======================  ===========  =========================================================
    ``joint``               C            the joints as they are
    ``bone``                C            joint minus its ``bone_parents`` joint, zero where that is
                                         itself
    ``joint_motion``,       C            next frame minus this one, zero in the last frame
    ``bone_motion``
    ``velocity``            C            half of next frame minus previous one, zero at both ends
    ``acceleration``        C            next plus previous frame minus twice this one, likewise
    ``relative``            C            joint minus the middle of the spine
    ``relative_landmarks``  4 C          joint minus each shoulder and each hip
    ``polar``               C + 1        distance from the middle of the spine, and unit direction
    ``angle``               7            angles at the joint, see ``har.skeleton.embeddings.angles``
    ``confidence``          1            how sure the pose estimator is of the joint, 0 if not seen
    ======================  ===========  =========================================================

    With ``confidence``, a value is zero wherever a joint it is made from was not seen; without it,
    the joints of a person with any joint off the origin count as seen. Where the person is absent,
    every stream is zero.

    Args:
        name: one of ``STREAMS``.
        joints: (..., T, V, C), such as (N, M, T, V, C).
        layout: layout of the V joints.
        confidence: (..., T, V), 0 where a joint was not seen.

    Raises:
        ConfigError: if there is no such stream.
        LayoutError: if the joints do not have the shape of the layout, or the layout lacks a
            landmark that the stream needs.
    """
    stream = _find(name)
    if joints.ndim < 3 or joints.shape[-2] != layout.num_joints:
        raise LayoutError(
            f"joints of shape {tuple(joints.shape)} do not fit layout '{layout.name}': the last "
            f"axes must be T, V={layout.num_joints}, C."
        )
    sure = _present(joints) if confidence is None else confidence
    return stream.compute(joints, sure if stream.graded else sure > 0, layout)


def stream_channels(name: str, coordinates: int) -> int:
    """Return the number of channels of a stream made from joints with C coordinates.

    Raises:
        ConfigError: if there is no such stream.
    """
    return _find(name).channels(coordinates)


def _find(name: str) -> Stream:
    if name not in _STREAMS:
        raise ConfigError(
            f"unknown stream '{name}'. Known: {', '.join(STREAMS)}.{did_you_mean(name, STREAMS)}"
        )
    return _STREAMS[name]


def _present(joints: Tensor) -> Tensor:
    """Return (..., T, V) bool: the person is in the frame, so not all its joints are zero."""
    return (joints != 0).flatten(-2).any(dim=-1, keepdim=True).expand(joints.shape[:-1])


def _joint(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:  # noqa: ARG001
    return joints


def _bone(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    return _bones(joints, seen, layout)[0]


def _joint_motion(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:  # noqa: ARG001
    return _motion(joints, seen)


def _bone_motion(joints: Tensor, seen: Tensor, layout: Layout) -> Tensor:
    return _motion(*_bones(joints, seen, layout))


def _confidence(joints: Tensor, sure: Tensor, layout: Layout) -> Tensor:  # noqa: ARG001
    return sure.to(joints.dtype)[..., None]


def _bones(joints: Tensor, seen: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    parents = torch.tensor(layout.bone_parents, device=joints.device)
    seen = seen & seen[..., parents]
    return (joints - joints[..., parents, :]) * seen[..., None], seen


def _motion(stream: Tensor, seen: Tensor) -> Tensor:
    both = seen[..., 1:, :] & seen[..., :-1, :]
    change = (stream[..., 1:, :, :] - stream[..., :-1, :, :]) * both[..., None]
    return torch.cat([change, torch.zeros_like(stream[..., :1, :, :])], dim=-3)


_STREAMS: Mapping[str, Stream] = {
    "joint": Stream(_joint),
    "bone": Stream(_bone),
    "joint_motion": Stream(_joint_motion),
    "bone_motion": Stream(_bone_motion),
    "velocity": Stream(embeddings.velocity),
    "acceleration": Stream(embeddings.acceleration),
    "relative": Stream(embeddings.relative),
    "relative_landmarks": Stream(
        embeddings.relative_landmarks, lambda c: c * len(embeddings.REFERENCE_LANDMARKS)
    ),
    "polar": Stream(embeddings.polar, lambda c: c + 1),
    "angle": Stream(embeddings.angles, lambda c: embeddings.ANGLES),  # noqa: ARG005
    CONFIDENCE: Stream(_confidence, lambda c: 1, graded=True),  # noqa: ARG005
}

STREAMS = tuple(_STREAMS)
"""Names of all streams; what a configuration may list in ``stream.names``."""
