"""Import of a published checkpoint: other code's weights become a checkpoint of this project."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from har.config.compose import compose, to_plain
from har.config.targets import find_target
from har.data.cards import Card, load_card
from har.errors import CheckpointError, ConfigError
from har.models.weights.published import PublishedModel
from har.models.weights.rules import Conversion, convert
from har.models.weights.sources import find_model, find_source
from har.record import write_bytes_atomic
from har.run.assemble import build_classifier
from har.run.checkpoints import CheckpointFiles, make_record
from har.run.foreign import read_foreign_weights
from har.skeleton.layout import Layout, load_layout
from har.skeleton.streams import stream_channels

IMPORTED = "imported"
CLASSIFIER = "classifier."
REPORT_SUFFIX = ".report.txt"
SLOTS = "person_slots"
SHOWN = 10
DATASETS = {60: "ntu60", 120: "ntu120"}
"""Whose classes a head of so many has, where nothing else is said."""


@dataclass(frozen=True)
class Import:
    """An imported checkpoint.

    Attributes:
        path: the checkpoint of this project.
        report: beside it, a line for every tensor.
        conversion: how its tensors were made.
        config: that rebuilds the model.
        settings: of the model, those without which its weights compute something else.
    """

    path: Path
    report: Path
    conversion: Conversion
    config: Mapping[str, Any]
    settings: tuple[str, ...]


def import_checkpoint(
    source: str,
    file: Path,
    model: str,
    out: Path,
    layout: str | None = None,
    classes: int | None = None,
    drop: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Import:
    """Convert a published checkpoint, and write it with a report of every tensor.

    Args:
        source: whose code wrote it, see ``har.models.weights.sources``.
        file: the published checkpoint.
        model: a file of ``configs/model/backbone``.
        out: where the checkpoint goes.
        layout: joint layout of the poses; default that of the dataset.
        classes: number of classes that the head must have.
        drop: starts of the names of tensors that the model need not have a place for.
        overrides: of the configuration that goes into the checkpoint, as for training.

    Raises:
        CheckpointError: the file cannot be read safely, or does not fit the model: lists every
            tensor that is missing, of another shape, or left over.
        ConfigError: an unknown source, model or key, or a dataset with other classes.
    """
    published = find_model(source, model)
    weights = read_foreign_weights(file)
    count = _count_classes(weights, published, file, classes)
    config = to_plain(compose(_all_overrides(source, published, model, count, overrides)))
    card = load_card(config["data"]["card"])
    joints = load_layout(layout or card.layout)
    coordinates = card.dims if joints.name == card.layout else 3
    streams = config["stream"]["names"]
    channels = sum(stream_channels(name, coordinates) for name in streams)
    options = _options(weights, published, config, joints, channels)
    config["model"]["backbone"] |= options
    classifier = build_classifier(
        config["model"], _as_joined(joints, published), coordinates, streams, count
    )
    conversion = convert(weights, classifier.state_dict(), published.rules)
    spare = (*published.spare, *drop)
    _refuse_problems(conversion, file, f"{find_source(source).title}'s {model}", spare)
    labels = _labels(card, count, _chosen(overrides, "data"), file)
    origin = {"source": source, "model": model, "file": file.name, "sha256": _sha256(file)}
    record = make_record(config) | {
        "labels": labels,
        "outputs": labels,
        "layout": joints.name,
        "data_fingerprint": IMPORTED,
        IMPORTED: origin,
    }
    report = _write(out, record, conversion)
    return Import(out, report, conversion, config, _settings(model, options))


def describe(conversion: Conversion) -> str:
    """Return what became of every tensor, one line each."""
    lines = [f"{t.own} {t.shape} <- {' + '.join(t.published)}: {t.how}" for t in conversion.taken]
    lines += [f"{name}: the model's own, the file does not hold it" for name in conversion.kept]
    lines += [f"not used: {name}" for name in conversion.unused]
    return "\n".join([*lines, ""])


def _count_classes(
    weights: Mapping[str, Tensor], published: PublishedModel, file: Path, wanted: int | None
) -> int:
    if published.head not in weights:
        raise CheckpointError(
            f"{file} holds no {published.head}, the last layer of such a model; it holds "
            f"{', '.join(list(weights)[:3])} ... Is it of this source?"
        )
    count = weights[published.head].shape[0]
    if wanted not in (None, count):
        raise ConfigError(f"classes={wanted}: {file} tells {count} classes apart")
    return count


def _all_overrides(
    source: str, published: PublishedModel, model: str, count: int, given: Sequence[str]
) -> list[str]:
    """Return the overrides: how the source trains, where the user says nothing else."""
    found = find_source(source)
    own = {
        "model/backbone": model,
        "model.skip_absent_people": "false",
        "name": f"{source}_{model}",
        "sampling": found.sampling,
        "sampling.frames": str(published.frames),
        "transform": found.transform,
        "protocol.validation": "null",
    }
    if count in DATASETS:
        own["data"] = DATASETS[count]
    if not _chosen(given, "data") and count in DATASETS:
        own["protocol"] = "xsub"
    return [f"{key}={value}" for key, value in own.items() if not _chosen(given, key)] + list(given)


def _chosen(overrides: Sequence[str], key: str) -> bool:
    return any(word.startswith(f"{key}=") for word in overrides)


def _settings(model: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the overrides with which training builds the same model."""
    chosen = (f"model.backbone.{key}={str(value).lower()}" for key, value in options.items())
    return (f"model/backbone={model}", "model.skip_absent_people=false", *chosen)


def _as_joined(joints: Layout, published: PublishedModel) -> Layout:
    """Return the layout with the edges that the published code has."""
    joined = published.edges.get(joints.name, {})
    return replace(joints, edges=tuple((a, joined.get(a, b)) for a, b in joints.edges))


def _options(
    weights: Mapping[str, Tensor],
    published: PublishedModel,
    config: Mapping[str, Any],
    joints: Layout,
    channels: int,
) -> dict[str, Any]:
    """Return the options of the backbone that the tensors ask for."""
    options = dict(published.options(weights))
    if SLOTS not in find_target(config["model"]["backbone"]["_target_"]).parameters:
        return options
    if published.data_norm is None:
        return options | {SLOTS: config["data"]["people"]}
    norm = weights.get(published.data_norm, Tensor())
    slots, rest = divmod(len(norm), joints.num_joints * channels)
    return options | ({SLOTS: slots} if slots > 1 and rest == 0 else {})


def _refuse_problems(conversion: Conversion, file: Path, what: str, spare: tuple[str, ...]) -> None:
    left_over = [name for name in conversion.unused if not name.startswith(spare)]
    if not conversion.problems and not left_over:
        return
    told = conversion.problems[:SHOWN], [f"{name} is left over" for name in left_over[:SHOWN]]
    lines = [line for part in told for line in part]
    if hidden := len(conversion.problems) + len(left_over) - len(lines):
        lines.append(f"... and {hidden} more")
    raise CheckpointError(
        f"{file} does not fit {what}: {len(conversion.problems)} tensors are missing or of another "
        f"shape, {len(left_over)} left over (drop=[<start of a name>,...] does without some). Is "
        "it of this source, model, layout= and stream=?\n  - " + "\n  - ".join(lines)
    )


def _labels(card: Card, count: int, chosen: bool, file: Path) -> list[str]:
    """Return the labels of the dataset; numbers, where it was not named and has another count."""
    if len(card.labels) == count:
        return list(card.labels)
    if chosen:
        raise ConfigError(
            f"{file} tells {count} classes apart, {card.name} has {len(card.labels)}: name the "
            "dataset it was trained on with data=<name>"
        )
    return [f"class {number}" for number in range(count)]


def _write(out: Path, record: Mapping[str, Any], conversion: Conversion) -> Path:
    weights = {CLASSIFIER + name: tensor for name, tensor in conversion.weights.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    CheckpointFiles().save_checkpoint({"har": dict(record), "state_dict": weights}, out)
    report = out.with_name(out.name + REPORT_SUFFIX)
    write_bytes_atomic(report, describe(conversion).encode())
    return report


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
