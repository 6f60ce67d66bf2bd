"""Training that starts from the weights of another run, a pre-trained encoder, or an import."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import Tensor, nn

from har.errors import CheckpointError
from har.run.checkpoints import read_checkpoint

BACKBONE = "backbone."
"""In the name of every tensor that a checkpoint has to give; the others may stay fresh."""

HEAD = ".head."
"""In the name of every tensor that only fits what it was trained to tell apart."""


def start_from(
    module: nn.Module,
    path: Path,
    model: Mapping[str, Any],
    outputs: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """Load the weights that training starts from.

    The backbone has to fit. What else fits is taken too; the rest, such as the head for other
    classes, stays as it is. Settings that differ from those of the checkpoint are told: some, such
    as whether absent people count, change what the same weights compute.

    Args:
        module: named as in a checkpoint: ``classifier.backbone...``.
        path: a checkpoint of this project, see ``har.run.checkpoints``.
        model: of the configuration.
        outputs: what the outputs stand for; a head that was trained for others stays as it is.
            None where there is no head.

    Returns:
        Names of the tensors that stay as they are.

    Raises:
        CheckpointError: the file cannot be read, or is of another backbone; names the tensors.
    """
    checkpoint = read_checkpoint(path)
    given, own = checkpoint["state_dict"], module.state_dict()
    same_outputs = outputs is None or list(outputs) == _outputs(checkpoint["har"])
    fresh = tuple(
        name
        for name in own
        if not _fits(own[name], given.get(name)) or (HEAD in name and not same_outputs)
    )
    unfit = [name for name in own if BACKBONE in name and name in fresh]
    unfit += [name for name in given if BACKBONE in name and name not in own]
    if unfit:
        raise CheckpointError(
            f"weights={path} is of another backbone, {len(unfit)} tensors do not fit: "
            f"{'; '.join(_difference(name, own, given) for name in unfit[:5])}"
            f"{' ...' if len(unfit) > 5 else ''}. The model, the joint layout and the stream have "
            "to be those of the checkpoint"
        )
    module.load_state_dict({name: given[name] for name in own if name not in fresh}, strict=False)
    _tell(path, len(own) - len(fresh), fresh)
    _tell_settings(_settings(checkpoint["har"]["config"].get("model", {})), _settings(model))
    return fresh


def _outputs(record: Mapping[str, Any]) -> list[str]:
    return list(record.get("outputs") or record["labels"])


def _fits(own: Tensor, given: Tensor | None) -> bool:
    return given is not None and given.shape == own.shape


def _difference(name: str, own: dict[str, Tensor], given: dict[str, Tensor]) -> str:
    if name not in given:
        return f"{name} is missing"
    if name not in own:
        return f"{name} is not in the model"
    return f"{name} is {tuple(given[name].shape)}, the model has {tuple(own[name].shape)}"


def _settings(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides, beside the weights, what a backbone makes of its input."""
    own = {"skip_absent_people": model.get("skip_absent_people")}
    return own | {f"backbone.{key}": value for key, value in model.get("backbone", {}).items()}


@rank_zero_only
def _tell_settings(given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    differing = [name for name in given if name in own and given[name] != own[name]]
    missing = [name for name in given if name not in own and given[name]]
    for name in [*differing, *missing]:
        print(
            f"  note: model.{name} was {given[name]} there, here it is {own.get(name, 'not set')}"
        )


@rank_zero_only
def _tell(path: Path, taken: int, fresh: tuple[str, ...]) -> None:
    untouched = f"; not from it: {', '.join(fresh)}" if fresh else ""
    print(f"training starts from {path}: {taken} tensors{untouched}")
