"""Training that starts from the weights of another run, a pre-trained encoder, or an import.

A model of poses and video also starts from models of one of them: each gives the tensors of its
branch and, where the fusion has a readout for each branch, of its temporal module and head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import Tensor, nn

from har.errors import CheckpointError, ConfigError
from har.models.fusion.base import MODALITIES
from har.run.checkpoints import read_checkpoint

CLASSIFIER = "classifier."

BACKBONE = "backbone."
"""In the name of every tensor that a checkpoint has to give; the others may stay fresh."""

HEAD = ".head."
"""In the name of every tensor that only fits what it was trained to tell apart."""

READOUT = ("temporal", "head")
"""Parts that a model of poses and video has for each readout, not for each branch."""

SHOWN = 5


@dataclass(frozen=True)
class _Given:
    """What a checkpoint gives.

    Attributes:
        branch: which one of a model of poses and video; None for the whole model.
        tensors: named as in the model that takes them.
        record: what the checkpoint tells about itself.
    """

    path: Path
    branch: str | None
    tensors: Mapping[str, Tensor]
    record: Mapping[str, Any]


def start_from(
    module: nn.Module,
    weights: str | Path | Sequence[str | Path],
    model: Mapping[str, Any],
    outputs: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """Load the weights that training starts from.

    The backbone has to fit. What else fits is taken too; the rest, such as the head for other
    classes, stays as it is. Settings that differ from those of the checkpoint are told: some, such
    as whether absent people count, change what the same weights compute.

    Args:
        module: named as in a checkpoint: ``classifier.backbone...``.
        weights: a checkpoint of this project, see ``har.run.checkpoints``. For a model of poses and
            video also that of a model of one of them, or a list with one of each.
        model: of the configuration.
        outputs: what the outputs stand for; a head that was trained for others stays as it is.
            None where there is no head.

    Returns:
        Names of the tensors that stay as they are.

    Raises:
        CheckpointError: a file cannot be read, or is of another backbone; names the tensors.
        ConfigError: ``weights`` is neither a checkpoint nor a list with one for each branch.
    """
    own = module.state_dict()
    taken: dict[str, Tensor] = {}
    for given in [_read(path, own) for path in _paths(weights)]:
        _check_backbone(own, given)
        if given.tensors.keys() & taken.keys():
            raise ConfigError(
                f"weights={given.path} is the second one for the same tensors: a list names one "
                "model of poses and one of video."
            )
        fitting = _fitting(own, given, outputs)
        taken |= fitting
        _tell(given, len(fitting), model)
    module.load_state_dict(taken, strict=False)
    fresh = tuple(name for name in own if name not in taken)
    _tell_fresh(fresh)
    return fresh


def _paths(weights: str | Path | Sequence[str | Path]) -> list[Path]:
    listed = weights if isinstance(weights, list | tuple) else [weights]
    paths = [Path(path).expanduser() for path in listed if isinstance(path, str | Path)]
    if not paths or len(paths) < len(listed):
        raise ConfigError(
            f"weights={weights}: give a checkpoint; for a model of poses and video also a list of "
            "one of each, such as weights=[poses.ckpt,video.ckpt]."
        )
    return paths


def _read(path: Path, own: Mapping[str, Tensor]) -> _Given:
    """Read a checkpoint, and find what part of the model it gives: that with more of its names."""
    checkpoint = read_checkpoint(path)
    stored, record = checkpoint["state_dict"], checkpoint["har"]
    if not _has_branches(own) or _has_branches(stored):
        return _Given(path, None, stored, record)
    branches = [_Given(path, name, _in_branch(stored, name), record) for name in MODALITIES]
    return max(branches, key=lambda given: len(given.tensors.keys() & own.keys()))


def _has_branches(names: Mapping[str, Tensor]) -> bool:
    starts = tuple(f"{CLASSIFIER}{branch}.{BACKBONE}" for branch in MODALITIES)
    return any(name.startswith(starts) for name in names)


def _in_branch(tensors: Mapping[str, Tensor], branch: str) -> dict[str, Tensor]:
    """Name the tensors of a model of one modality as the model of both does."""
    renamed = {}
    for name, tensor in tensors.items():
        part, _, rest = name.removeprefix(CLASSIFIER).partition(".")
        place = f"{part}.{branch}" if part in READOUT else f"{branch}.{part}"
        renamed[f"{CLASSIFIER}{place}.{rest}"] = tensor
    return renamed


def _fitting(
    own: Mapping[str, Tensor], given: _Given, outputs: Sequence[str] | None
) -> dict[str, Tensor]:
    same_outputs = outputs is None or list(outputs) == _outputs(given.record)
    return {
        name: tensor
        for name, tensor in given.tensors.items()
        if _fits(own, name, tensor) and (same_outputs or HEAD not in name)
    }


def _fits(tensors: Mapping[str, Tensor], name: str, other: Tensor) -> bool:
    return name in tensors and tensors[name].shape == other.shape


def _outputs(record: Mapping[str, Any]) -> list[str]:
    return list(record.get("outputs") or record["labels"])


def _check_backbone(own: Mapping[str, Tensor], given: _Given) -> None:
    """Refuse weights of another backbone than that of the model, or of its branch."""
    start = CLASSIFIER if given.branch is None else f"{CLASSIFIER}{given.branch}."
    wanted = {k: v for k, v in own.items() if BACKBONE in k and k.startswith(start)}
    unfit = [name for name, tensor in wanted.items() if not _fits(given.tensors, name, tensor)]
    unfit += [name for name in given.tensors if BACKBONE in name and name not in own]
    if unfit:
        shown = "; ".join(_difference(name, own, given.tensors) for name in unfit[:SHOWN])
        raise CheckpointError(
            f"weights={given.path} is of another backbone{_for_branch(given)}, {len(unfit)} "
            f"tensors do not fit: {shown}{' ...' if len(unfit) > SHOWN else ''}. The model, the "
            "joint layout and the stream have to be those of the checkpoint"
        )


def _difference(name: str, own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    if name not in given:
        return f"{name} is missing"
    if name not in own:
        return f"{name} is not in the model"
    return f"{name} is {tuple(given[name].shape)}, the model has {tuple(own[name].shape)}"


@rank_zero_only
def _tell(given: _Given, taken: int, model: Mapping[str, Any]) -> None:
    print(f"training{_for_branch(given)} starts from {given.path}: {taken} tensors")
    part = "model" if given.branch is None else f"model.{given.branch}"
    theirs = _settings(given.record["config"].get("model", {}), given.branch)
    ours = _settings(model if given.branch is None else model[given.branch], given.branch)
    differing = [name for name in theirs if name in ours and theirs[name] != ours[name]]
    missing = [name for name in theirs if name not in ours and theirs[name]]
    for name in [*differing, *missing]:
        here = ours.get(name, "not set")
        print(f"  note: {part}.{name} was {theirs[name]} there, here it is {here}")


@rank_zero_only
def _tell_fresh(fresh: tuple[str, ...]) -> None:
    if fresh:
        more = f" and {len(fresh) - SHOWN} more" if len(fresh) > SHOWN else ""
        print(f"  not from there: {', '.join(fresh[:SHOWN])}{more}")


def _for_branch(given: _Given) -> str:
    return "" if given.branch is None else f" of the branch {given.branch}"


def _settings(model: Mapping[str, Any], branch: str | None) -> dict[str, Any]:
    """Return what decides, beside the weights, what a backbone makes of its input."""
    whole = {} if branch else {"skip_absent_people": model.get("skip_absent_people")}
    return whole | {f"backbone.{key}": value for key, value in model.get("backbone", {}).items()}
