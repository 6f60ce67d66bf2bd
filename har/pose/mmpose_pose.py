"""Poses by the models of MMPose: any top-down model, and its lifters from 2D to 3D.

MMPose needs an environment of its own, see docs/poses.md. Its weights are the user's to get; they
are read with ``weights_only=True``.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from har.errors import ConfigError
from har.extras import require
from har.pose.people import Person
from har.pose.rtmlib_pose import make_people
from har.skeleton.convert import conversion
from har.skeleton.layout import load_layout


class MMPose:
    """Runs a top-down model on each person, and a lifter on each pose where one is given.

    A lifter of several frames is shown the pose as if it were held, because poses are lifted
    before people are tracked.

    Args:
        config: configuration file of the 2D model.
        weights: its checkpoint; None leaves the model untrained, for tests.
        lifter: configuration file of a model from 2D to 3D in metres, such as VideoPoseLift.
        lifter_weights: its checkpoint.
        detector: ONNX file of a YOLOX detector of people, run by rtmlib; None takes the whole
            picture as one person.
        layout: of the joints of the 2D model.
        lifter_layout: of the joints that the lifter takes and gives.
        device: ``cpu`` or ``cuda:0``.

    Raises:
        ConfigError: MMPose is not installed, or a file is missing.
    """

    def __init__(
        self,
        config: str,
        weights: str | None = None,
        lifter: str | None = None,
        lifter_weights: str | None = None,
        detector: str | None = None,
        layout: str = "coco17",
        lifter_layout: str = "h36m17",
        device: str = "cpu",
    ):
        if find_spec("mmpose") is None:
            raise ConfigError(
                "'mmpose' is not installed; it needs an environment of its own: docs/poses.md"
            )
        for file in (config, weights, lifter, lifter_weights, detector):
            if file is not None and not Path(file).is_file():
                raise ConfigError(f"the pose estimator 'mmpose': there is no file {file}")
        self.config, self.weights = config, weights
        self.lifter, self.lifter_weights = lifter, lifter_weights
        self.detector = detector
        self.device = device
        self._flat = load_layout(layout)
        self.layout = layout if lifter is None else lifter_layout
        self.dims = 2 if lifter is None else 3
        self._conversion = conversion(self._flat, load_layout(self.layout))
        self._model: Any = None
        self._lifter: Any = None
        self._boxes: Any = None

    def start(self) -> None:
        """Do nothing: frames are looked at one by one."""

    def estimate(self, pixels: np.ndarray) -> list[Person]:
        """Return the people in a frame; see ``PoseEstimator``."""
        if self._model is None:
            self._load()
        from mmpose.apis import inference_topdown

        picture = np.ascontiguousarray(pixels[..., ::-1])
        boxes = None if self._boxes is None else np.asarray(self._boxes(picture))
        if boxes is not None and len(boxes) == 0:
            return []
        found = [sample.pred_instances for sample in inference_topdown(self._model, picture, boxes)]
        points = np.concatenate([np.asarray(one.keypoints) for one in found])
        scores = np.concatenate([np.asarray(one.keypoint_scores) for one in found])
        people = make_people(points, scores, self._flat.num_joints, self._flat.name)
        return [self._lifted(person, pixels) for person in people] if self.lifter else people

    def close(self) -> None:
        """Free the models."""
        self._model = self._lifter = self._boxes = None

    def _load(self) -> None:
        _prepare_imports()
        self._model = _model(self.config, self.weights, self.device)
        if self.lifter is not None:
            self._lifter = _model(self.lifter, self.lifter_weights, self.device)
        if self.detector is not None:
            rtmlib = require("rtmlib", "rtmlib")
            self._boxes = rtmlib.YOLOX(self.detector, backend="onnxruntime")

    def _lifted(self, person: Person, pixels: np.ndarray) -> Person:
        """Return the person with joints about the hips, in the layout of the lifter."""
        from mmengine.structures import InstanceData
        from mmpose.apis import inference_pose_lifter_model
        from mmpose.structures import PoseDataSample

        image, confidence = self._conversion.apply(person.image, person.confidence)
        flat = Person(image, confidence)
        sample = PoseDataSample()
        instance = InstanceData(
            keypoints=image[None], keypoint_scores=confidence[None], bboxes=flat.box[None]
        )
        sample.gt_instances, sample.pred_instances = instance.clone(), instance
        sample.track_id = 0
        frames = self._lifter.cfg.test_dataloader.dataset.get("seq_len", 1)
        found = inference_pose_lifter_model(
            self._lifter, [[sample]] * frames, image_size=(pixels.shape[1], pixels.shape[0])
        )
        world = np.asarray(found[0].pred_instances.keypoints, np.float32).reshape(len(image), -1, 3)
        world = world[:, 0] if world.shape[1] == 1 else world.reshape(len(image), 3)
        return Person(image, confidence, world - world[:1])


def _model(config: str, weights: str | None, device: str) -> Any:
    """Build a model and load its weights without running anything that they may contain."""
    from mmpose.apis import init_model

    model = init_model(config, None, device=device)
    if weights is not None:
        content = torch.load(weights, map_location="cpu", weights_only=True)
        model.load_state_dict(content.get("state_dict", content), strict=False)
    return model


class _Absent(ModuleType):
    """Stands for a compiled or missing module, whose functions nothing here calls."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return dict


def _prepare_imports() -> None:
    """Let MMPose be imported with mmcv-lite, without compiled operators and without MMDetection."""
    for name in ("mmcv._ext", "mmdet", "mmdet.utils"):
        if name not in sys.modules:
            module = _Absent(name)
            module.__spec__ = ModuleSpec(name, None)
            sys.modules[name] = module
