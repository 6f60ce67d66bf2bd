"""The people of running video in the form that a bundle takes; no pixel is kept."""

import numpy as np

from har.edge.bundle import Bundle
from har.edge.frames import PoseFrame
from har.errors import ConfigError, HarError
from har.pose.camera import PinholeCamera
from har.pose.estimators import PoseEstimator
from har.pose.extraction import Coordinates, place_person
from har.pose.people import Person
from har.pose.smoothing import OneEuro
from har.pose.tracking import Tracker
from har.skeleton.layout import Layout, load_layout

FORGET_SEC = 10.0
FILTERS_KEPT = 64
LIVE_SMOOTHING = ("one_euro", "none")


class LivePlace:
    """Places people in the space before the camera, smoothed over time, each by themselves.

    Args:
        camera: that took the pictures.
        coordinates: see ``PoseSettings``.
        smooth: by the One-Euro filter.
    """

    def __init__(self, camera: PinholeCamera, coordinates: Coordinates, smooth: bool):
        self.camera = camera
        self.coordinates = coordinates
        self.smooth = smooth
        self._filters: dict[int, tuple[float, OneEuro]] = {}

    def __call__(self, number: int, person: Person, now: float) -> np.ndarray:
        """Return the joints (V, C) of a person.

        Args:
            number: of the track.
            person: as seen now.
            now: time in seconds, later in each call.
        """
        joints = place_person(
            person.image, person.world, person.confidence, self.camera, self.coordinates
        )
        if not self.smooth:
            return joints
        before, smooth = self._filters.get(number, (now, OneEuro()))
        self._filters[number] = (now, smooth)
        if len(self._filters) > FILTERS_KEPT:
            self._filters = {n: f for n, f in self._filters.items() if f[0] > now - FORGET_SEC}
        return smooth(joints, now - before)


class LivePoses:
    """Finds, follows and places the people in one frame after the other.

    Args:
        estimator: of the poses; its layout is converted to that of the bundle.
        bundle: what the poses are for.
        view_deg: field of view of the camera along the longer side of the picture.
        smoothing: one of ``LIVE_SMOOTHING``.

    Raises:
        ConfigError: the estimator cannot give what the bundle takes.
        LayoutError: its joints are none of the bundle's.
    """

    def __init__(
        self,
        estimator: PoseEstimator,
        bundle: Bundle,
        view_deg: float = 60.0,
        smoothing: str = "one_euro",
    ):
        if smoothing not in LIVE_SMOOTHING:
            raise ConfigError(
                f"smoothing '{smoothing}' needs later frames or is none. Live there are: "
                f"{', '.join(LIVE_SMOOTHING)}"
            )
        _check(estimator, bundle)
        self.estimator = estimator
        self.bundle = bundle
        self.view_deg = view_deg
        self.smooth = smoothing != "none"
        self._coordinates: Coordinates = "camera" if bundle.coordinates == 3 else "image"
        self._convert = _Converter(load_layout(estimator.layout), bundle)
        self._start((1, 1))

    def __call__(self, time: float, pixels: np.ndarray) -> PoseFrame:
        """Return the people of a frame (H, W, 3) uint8 RGB; ``time`` rises from call to call."""
        size = (pixels.shape[1], pixels.shape[0])
        if size != self._size:
            self._start(size)
        people = self.estimator.estimate(pixels)
        found = {}
        for number, person in zip(self._tracker.update(people, time), people, strict=True):
            joints = self._place(number, person, time).astype(np.float32)
            found[str(number + 1)] = self._convert(joints, person.confidence)
        return PoseFrame(time, found)

    def load(self) -> None:
        """Load the networks now rather than with the first frame, which would be late for it."""
        self.estimator.estimate(np.zeros((64, 64, 3), np.uint8))
        self.estimator.start()

    def close(self) -> None:
        """Free what the estimator holds."""
        self.estimator.close()

    def _start(self, size: tuple[int, int]) -> None:
        self._size = size
        camera = PinholeCamera.from_view(*size, self.view_deg)
        self._place = LivePlace(camera, self._coordinates, self.smooth)
        self._tracker = Tracker()
        self.estimator.start()


class _Converter:
    """Joints of the estimator as joints of the bundle; torch is needed only where they differ."""

    def __init__(self, source: Layout, bundle: Bundle):
        self.same = source.joints == bundle.joints
        if self.same:
            return
        from har.skeleton.convert import conversion

        self._conversion = conversion(source, _layout_of(bundle))

    def __call__(self, joints: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (joints, confidence) if self.same else self._conversion.apply(joints, confidence)


def _layout_of(bundle: Bundle) -> Layout:
    """Return the bundle's layout, with the aliases that the project knows of it."""
    facts = bundle.manifest["layout"]
    edges = tuple((first, second) for first, second in facts["edges"])
    try:
        known = load_layout(facts["name"])
    except HarError:
        known = None
    if known is not None and known.joints == bundle.joints:
        return known
    return Layout(facts["name"], bundle.joints, edges, facts["root"])


def _check(estimator: PoseEstimator, bundle: Bundle) -> None:
    if bundle.coordinates > estimator.dims:
        raise ConfigError(
            f"the model of {bundle.folder} takes 3D poses, and the estimator gives 2D ones: choose "
            "the estimator mediapipe, or a model trained on 2D poses"
        )
    wanted = "m" if bundle.coordinates == 3 else "px"
    if bundle.unit != wanted:
        raise ConfigError(
            f"the model of {bundle.folder} takes {bundle.coordinates}D poses in unit "
            f"'{bundle.unit}'; from video there are metres in 3D and pixels in 2D"
        )
