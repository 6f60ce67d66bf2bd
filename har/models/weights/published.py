"""What is known of a source of checkpoints, and of each model of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from har.models.weights.rules import Rule, Weights, rule, under

HAND_TIPS = {"ntu25": {"left_hand_tip": "left_thumb", "right_hand_tip": "right_thumb"}}
"""In the published graphs of NTU RGB+D the tip of a hand hangs on the thumb, not on the hand."""

Edges = Mapping[str, Mapping[str, str]]
Options = Callable[[Weights], dict[str, Any]]


def no_options(_published: Weights) -> dict[str, Any]:
    """Return that the tensors ask for no option of the backbone."""
    return {}


@dataclass(frozen=True)
class PublishedModel:
    """How the checkpoints of one model of one source are read.

    Attributes:
        rules: for the tensors of the classifier.
        head: published name of the weight of the last layer, (classes, features).
        frames: how many frames it was trained with.
        data_norm: published name of the weight of the input norm, one number for each coordinate,
            joint and, in some models, person; None without such a norm.
        options: what the tensors tell of the options of the backbone.
        edges: where the graphs are not in the checkpoints: by joint layout, the joints that its
            code joins to another one than the layout does.
        spare: starts of the published names that have no place here, and need none.
    """

    rules: tuple[Rule, ...]
    head: str
    frames: int
    data_norm: str | None = None
    options: Options = no_options
    edges: Edges = field(default_factory=dict)
    spare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Code whose checkpoints can be read.

    Attributes:
        title: what it is.
        models: by name of the backbone, a file of ``configs/model/backbone``.
        sampling: option of ``configs/sampling`` that takes frames as it does, or nearly so.
        transform: option of ``configs/transform`` that turns 3D poses as it does.
    """

    title: str
    models: Mapping[str, PublishedModel]
    sampling: str
    transform: str = "kinect3d"


def recognizer(
    backbone: tuple[Rule, ...],
    head: str,
    frames: int = 100,
    data_norm: bool = True,
    options: Options = no_options,
) -> PublishedModel:
    """Return a model published as a ``backbone`` and a ``cls_head``, whose layer is ``head``.

    Some backbones hold a copy ``A`` of the graphs that their blocks use.
    """
    rules = (
        *under("backbone.", "backbone.", backbone),
        rule("head.linear.{p}", f"cls_head.{head}.{{p}}"),
    )
    norm = "backbone.data_bn.weight" if data_norm else None
    layer = f"cls_head.{head}.weight"
    return PublishedModel(rules, layer, frames, norm, options, spare=("backbone.A",))


def whole(backbone: tuple[Rule, ...], frames: int, edges: Edges | None = None) -> PublishedModel:
    """Return a model published as one module, whose last layer is ``fc``."""
    rules = (*under("backbone.", "", backbone), rule("head.linear.{p}", "fc.{p}"))
    return PublishedModel(rules, "fc.weight", frames, "data_bn.weight", edges=edges or {})


def attention_option(published: Weights) -> dict[str, Any]:
    """Tell whether an AAGCN weighs joints, frames and channels."""
    return {"attention": any(".conv_ta." in name for name in published)}
