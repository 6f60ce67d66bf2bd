"""The teacher of an experiment, from its checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from har.config.build import build
from har.config.compose import from_plain, to_plain
from har.errors import CheckpointError
from har.run.assemble import Experiment, classifier_for, sees_poses
from har.run.checkpoints import load_weights, read_checkpoint
from har.training.distillation import Distillation, Teacher

Config = Mapping[str, Any]
SAME = ("transform.normalise", "sampling.frames", "data.layout", "data.people", "data.poses.rate")
SAME_FRAMES = ("data.video.size",)


def load_distillation(config: Config, experiment: Experiment) -> Distillation | None:
    """Return a teacher's part of the loss, ready for the student; None where there is no teacher.

    Raises:
        CheckpointError: the teacher cannot be read, knows other outputs, or wants other clips.
    """
    node = config["distillation"]
    if node is None:
        return None
    path = Path(str(node["checkpoint"])).expanduser()
    checkpoint = read_checkpoint(path)
    record = checkpoint["har"]
    theirs: dict[str, Any] = to_plain(from_plain(record["config"]))
    outputs = experiment.module.record["outputs"]
    if record.get("outputs", record["labels"]) != outputs:
        raise CheckpointError(f"distillation.checkpoint={path} knows other classes than this run")
    _check_clips(config, theirs, path)
    classifier = classifier_for(theirs, experiment.store, experiment.data, len(outputs))
    own = {k: v for k, v in checkpoint["state_dict"].items() if k.startswith("classifier.")}
    load_weights(nn.ModuleDict({"classifier": classifier}), {"state_dict": own}, path)
    layout = experiment.data.output_layout if sees_poses(theirs, experiment.store) else None
    teacher = Teacher(classifier.requires_grad_(False), theirs["stream"]["names"], layout)
    distillation: Distillation = build(node, teacher=teacher)
    distillation.watch(experiment.module.classifier)
    return distillation


def _check_clips(config: Config, theirs: Config, path: Path) -> None:
    """Refuse a teacher that learnt from clips of another form than the student gets."""
    of_video = theirs["data"]["video"] is not None
    if of_video and not (config["data"]["video"] and config["data"].get("poses")):
        raise CheckpointError(
            f"distillation.checkpoint={path} sees video, the data of this run have none beside "
            "the poses: choose data with data.poses, such as data=gmdcsa24_fusion"
        )
    for key in (*SAME, *(SAME_FRAMES if of_video else ())):
        wanted, given = _at(theirs, key), _at(config, key)
        if wanted != given:
            raise CheckpointError(
                f"distillation.checkpoint={path} learnt with {key}={wanted}, this run has {given}: "
                "teacher and student see the same clips, so set them alike"
            )


def _at(config: Any, key: str) -> Any:
    for step in key.split("."):
        config = config.get(step) if isinstance(config, Mapping) else None
    return config
