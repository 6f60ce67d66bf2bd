"""2D poses by ONNX files of RTMPose, RTMO or ViTPose, which the user has, by rtmlib.

Jiang and others: RTMPose. arXiv 2303.07399. Lu and others: RTMO. arXiv 2312.07526.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import ConfigError, did_you_mean
from har.extras import install_command, require
from har.pose.people import Person
from har.skeleton.layout import load_layout

KINDS = {"rtmpose": "RTMPose", "rtmo": "RTMO", "vitpose": "ViTPose"}


class RtmlibPose:
    """Runs a pose network in ONNX Runtime, on boxes of people where it needs them.

    Args:
        model: ONNX file of the pose network.
        kind: ``rtmpose`` or ``vitpose``, which look at one person in a box, or ``rtmo``, which
            finds all people of the picture by itself.
        detector: ONNX file of a YOLOX detector of people; without it ``rtmpose`` and ``vitpose``
            look at the whole picture as one box.
        input_size: width and height that the pose network takes.
        layout: of its joints.
        device: ``cpu`` or ``cuda``.

    Raises:
        ConfigError: rtmlib is not installed, a file is missing, or a value is unknown.
    """

    dims = 2

    def __init__(
        self,
        model: str,
        kind: str = "rtmpose",
        detector: str | None = None,
        input_size: tuple[int, int] | None = None,
        layout: str = "coco17",
        device: str = "cpu",
    ):
        if kind not in KINDS:
            raise ConfigError(
                f"the pose estimator 'rtmlib' knows no kind '{kind}'.{did_you_mean(kind, KINDS)} "
                f"There are: {', '.join(KINDS)}"
            )
        if find_spec("rtmlib") is None:
            raise ConfigError(
                f"'rtmlib' is not installed: {install_command('rtmlib')}, then "
                "pip install --no-deps rtmlib==0.0.16"
            )
        for file in (model, detector):
            if file is not None and not Path(file).is_file():
                raise ConfigError(f"the pose estimator 'rtmlib': there is no file {file}")
        self.layout = layout
        self.kind = kind
        self.model = model
        self.detector = detector
        self.input_size = input_size
        self.device = device
        self._joints = load_layout(layout).num_joints
        self._network: Any = None
        self._boxes: Any = None

    def start(self) -> None:
        """Do nothing: frames are looked at one by one."""

    def estimate(self, pixels: np.ndarray) -> list[Person]:
        """Return the people in a frame; see ``PoseEstimator``."""
        if self._network is None:
            self._load()
        picture = np.ascontiguousarray(pixels[..., ::-1])
        if self.kind == "rtmo" or self._boxes is None:
            points, scores = self._network(picture)
        else:
            boxes = self._boxes(picture)
            if len(boxes) == 0:
                return []
            points, scores = self._network(picture, bboxes=boxes)
        return make_people(np.asarray(points), np.asarray(scores), self._joints, self.layout)

    def close(self) -> None:
        """Free the networks."""
        self._network = self._boxes = None

    def _load(self) -> None:
        rtmlib = require("rtmlib", "rtmlib")
        common: dict[str, Any] = {"backend": "onnxruntime", "device": self.device}
        size = {} if self.input_size is None else {"model_input_size": tuple(self.input_size)}
        self._network = getattr(rtmlib, KINDS[self.kind])(self.model, **size, **common)
        if self.detector is not None:
            self._boxes = rtmlib.YOLOX(self.detector, **common)


def make_people(
    points: np.ndarray, scores: np.ndarray, joints: int, layout: str, least: float = 1e-3
) -> list[Person]:
    """Return the people of a frame from points (N, V, 2) and scores (N, V).

    Scores are cut to [0, 1]; people without any score above 0 are left out.

    Raises:
        ConfigError: the network gives another number of joints than the layout has.
    """
    points, scores = points.reshape(-1, *points.shape[-2:]), scores.reshape(-1, scores.shape[-1])
    if len(points) and points.shape[1] != joints:
        raise ConfigError(
            f"the pose network gives {points.shape[1]} joints, the layout {layout} has {joints}: "
            "choose the layout with estimator.layout=<name>"
        )
    return [
        Person(point.astype(np.float32), np.clip(score, least, 1).astype(np.float32))
        for point, score in zip(points[..., :2], scores, strict=True)
        if (score > 0).any()
    ]
