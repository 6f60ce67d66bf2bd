"""A checkpoint as a function from a stretch of poses to what each person does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from har.config.build import build
from har.config.compose import from_plain, to_plain
from har.data.cards import load_card
from har.data.sampling import Sampler
from har.data.store_gather import gather_frames
from har.data.transforms import Compose
from har.errors import CheckpointError, HarError
from har.evaluation.falls import FALL, FALLEN, fall_groups
from har.paths import project_root
from har.run.assemble import build_classifier
from har.run.checkpoints import load_weights, read_checkpoint
from har.run.pairs import is_fused
from har.samples import Batch
from har.skeleton.convert import Conversion, conversion
from har.skeleton.layout import Layout, load_layout
from har.skeleton.streams import compute_stream
from har.taxonomy.crosswalk import load_crosswalk

POSE_DIMS = 3


@dataclass(frozen=True)
class Recogniser:
    """Names what people do. Use :meth:`load`.

    Attributes:
        labels: K names of what the model tells apart.
        is_fall: (K,) bool, which of them are a fall or somebody fallen; None where not known.
        layout: of the joints that the model learnt from.
    """

    labels: tuple[str, ...]
    is_fall: np.ndarray | None
    layout: Layout
    _classifier: nn.Module
    _streams: tuple[str, ...]
    _sampler: Sampler
    _normalise: Compose

    @classmethod
    def load(cls, ckpt: Path) -> "Recogniser":
        """Read a checkpoint of a run; its data are not needed.

        Raises:
            CheckpointError: it is missing, damaged, unsafe, or of a model that does not fit: one
                of 2D poses, or one with a head for each dataset.
        """
        checkpoint = read_checkpoint(ckpt)
        record = checkpoint["har"]
        config: dict[str, Any] = to_plain(from_plain(record["config"]))
        _check_fits(config, ckpt)
        layout = load_layout(record.get("layout") or load_card(config["data"]["card"]).layout)
        normalise = Compose(tuple(build(node) for node in config["transform"]["normalise"]))
        labels = tuple(record.get("outputs", record["labels"]))
        names = tuple(config["stream"]["names"])
        output_layout = normalise.output_layout(layout)
        classifier = build_classifier(config["model"], output_layout, POSE_DIMS, names, len(labels))
        holder = nn.ModuleDict({"classifier": classifier})
        own = {k: v for k, v in checkpoint["state_dict"].items() if k.startswith("classifier.")}
        load_weights(holder, {"state_dict": own}, ckpt)
        sampler = build(config["sampling"]["test"])
        falls = _falls(config, labels)
        return cls(labels, falls, layout, classifier.eval(), names, sampler, normalise)

    def conversion_from(self, source: Layout) -> Conversion:
        """Return the conversion of poses in another layout to that of the model."""
        return conversion(source, self.layout)

    @torch.no_grad()
    def __call__(self, joints: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        """Return the probabilities (P, K) of what each of P people does, each by themselves.

        Args:
            joints: (P, T, V, 3) float32 in the layout of the model; zeros where not seen.
            confidence: (P, T, V).
        """
        people, frames = joints.shape[:2]
        positions = self._sampler(np.full(people, frames), None)
        views = positions.shape[1]
        rows = joints.reshape(-1, *joints.shape[2:]), confidence.reshape(-1, confidence.shape[2])
        index: Any = _clips_of_one(people, frames)
        taken = gather_frames(rows, index, np.arange(people), positions, people=1)
        batch = Batch(
            joints=torch.from_numpy(taken[0]),
            confidence=torch.from_numpy(taken[1]),
            person_mask=torch.from_numpy(taken[2]),
            labels=torch.zeros(people * views, dtype=torch.int64),
            clip_index=torch.arange(people).repeat_interleave(views),
            views=views,
        )
        batch = self._normalise(batch, self.layout, torch.Generator())
        layout = self._normalise.output_layout(self.layout)
        streams = {
            name: compute_stream(name, batch.joints, layout, batch.confidence)
            for name in self._streams
        }
        probabilities = self._classifier(streams, batch.person_mask).float().softmax(1)
        found: np.ndarray = probabilities.unflatten(0, (people, views)).mean(1).numpy()
        return found


def _clips_of_one(people: int, frames: int) -> SimpleNamespace:
    """Return the columns of an index in which each person is a clip of their own."""
    return SimpleNamespace(
        frame_count=np.full(people, frames),
        person_count=np.ones(people, np.int64),
        row_offset=np.arange(people) * frames,
        person_stride=np.full(people, frames),
    )


def _check_fits(config: Mapping[str, Any], ckpt: Path) -> None:
    if config["labels"]["space"] == "separate":
        raise CheckpointError(
            f"{ckpt} has a head for each dataset, and a video is of none of them: take a model "
            "trained with labels=own or labels=shared"
        )
    data = config["data"]
    if data["video"] is not None:
        if is_fused(config["model"]) or not config["stream"]["names"]:
            raise CheckpointError(
                f"{ckpt} sees frames, and people are watched by their poses: take one of poses, "
                "such as one that this one has taught (distillation=logits)"
            )
        return
    cards = [s["card"] for s in data["sources"].values()] if data["sources"] else [data["card"]]
    if flat := [card for card in cards if load_card(card).dims != POSE_DIMS]:
        raise CheckpointError(
            f"{ckpt} was trained on the 2D poses of {flat[0]}; videos are watched with 3D poses"
        )


def _falls(config: Mapping[str, Any], labels: tuple[str, ...]) -> np.ndarray | None:
    """Return which labels are falls, where the labels are mapped to concepts."""
    if config["data"]["sources"]:
        return None
    walk = load_crosswalk(project_root() / "datasets")
    name = load_card(config["data"]["card"]).name
    if name not in walk.mappings:
        return None
    try:
        leaves = [walk.admissible_leaves(name, label) for label in labels]
    except HarError:  # a mapping of other labels than those of the checkpoint
        return None
    groups = fall_groups(leaves, walk.taxonomy)
    found: np.ndarray = np.isin(groups, (FALL, FALLEN))
    return found if found.any() else None
