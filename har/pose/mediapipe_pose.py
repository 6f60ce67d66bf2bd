"""Poses by the BlazePose models of MediaPipe, for several people, from the files in its package.

Bazarevsky and others: BlazePose: On-device Real-time Body Pose tracking. arXiv 2006.10204.

MediaPipe's own solution follows one person. Its two networks are run here one by one: the detector
gives a region for each person, the landmark network reads 33 joints in a region and tells where the
region lies in the next frame. Regions turn with the body, so that somebody who lies is seen as well
as somebody who stands.
"""

import contextlib
import io
import math
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from har.errors import ConfigError
from har.extras import install_command, require
from har.pose.people import Person, without_duplicates

JOINTS = 33
ENLARGED = 1.25
"""Side of a region over twice the distance between the two points that span it."""

TURNS_RAD = (0.0, math.pi / 4, -math.pi / 4)
"""The network misses people who lie along the line of sight, but not in a turned region."""

_SAME_REGION = 0.5
_LEAST_CONFIDENCE = 1e-3

_DETECTOR = """
input_stream: "image"
output_stream: "detections"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""
_LANDMARKS = """
input_stream: "image"
input_stream: "region"
input_side_packet: "complexity"
input_side_packet: "segmentation"
output_stream: "landmarks"
output_stream: "next_region"
output_stream: "world"
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:region"
  input_side_packet: "MODEL_COMPLEXITY:complexity"
  input_side_packet: "ENABLE_SEGMENTATION:segmentation"
  output_stream: "LANDMARKS:landmarks"
  output_stream: "AUXILIARY_LANDMARKS:next_region"
  output_stream: "WORLD_LANDMARKS:world"
}
"""

Points = tuple[tuple[float, float], tuple[float, float]]
"""Middle of a region and a point above the head, in pixels; they give its place, size and turn."""


class MediaPipePose:
    """Follows up to ``people`` people.

    Args:
        people: most people of a frame.
        detect_every: look for more people in every so many frames, while there are fewer. Where
            nobody is followed, every frame is searched.
        tiles: search n x n overlapping parts of the picture besides the whole; 1 searches the
            whole only, in which the detector seldom finds a second person. None takes 1 for one
            person, and 2 for several.

    Raises:
        ConfigError: MediaPipe is not installed, or a number is below 1.
    """

    layout = "mediapipe33"
    dims = 3

    def __init__(self, people: int = 2, detect_every: int = 10, tiles: int | None = None):
        tiles = (1 if people == 1 else 2) if tiles is None else tiles
        settings = {"people": people, "detect_every": detect_every, "tiles": tiles}
        for name, value in settings.items():
            if value < 1:
                raise ConfigError(f"the pose estimator 'mediapipe' needs {name} of 1 or more")
        self.people = people
        self.detect_every = detect_every
        self.tiles = tiles
        if find_spec("mediapipe") is None:
            raise ConfigError(
                f"'mediapipe' is not installed: {install_command('pose')}, then "
                "pip install --no-deps mediapipe==0.10.21"
            )
        self._graphs: _Graphs | None = None
        self.start()

    def start(self) -> None:
        """Forget the people followed so far."""
        self._regions: list[Points] = []
        self._waited = 0

    def estimate(self, pixels: np.ndarray) -> list[Person]:
        """Return the people in the next frame; see ``PoseEstimator``."""
        if self._graphs is None:  # not sooner: the networks do not survive a fork of the process
            self._graphs = _Graphs()
        self._waited += 1
        regions = list(self._regions)
        if len(regions) < self.people and (not regions or self._waited >= self.detect_every):
            self._waited = 0
            regions += self._new_regions(self._graphs, pixels, regions)
        found = self._graphs.landmarks(pixels, regions)
        kept = [found[i] for i in without_duplicates([person for person, _ in found])]
        kept = sorted(kept, key=lambda pair: -pair[0].score)[: self.people]
        self._regions = [region for _, region in kept]
        return [person for person, _ in kept]

    def close(self) -> None:
        """End the graphs."""
        if self._graphs is not None:
            self._graphs.close()
            self._graphs = None

    def _new_regions(
        self, graphs: "_Graphs", pixels: np.ndarray, known: list[Points]
    ) -> list[Points]:
        """Return regions of people who are not followed yet."""
        regions: list[Points] = []
        for left, top, part in _parts(pixels, self.tiles):
            for region in graphs.detect(part):
                moved = _moved(region, left, top)
                if all(not _same(moved, other) for other in (*known, *regions)):
                    regions.append(moved)
        return regions


class _Graphs:
    """The two networks."""

    def __init__(self) -> None:
        with _quiet():
            mediapipe = require("mediapipe", "pose")
            from mediapipe.framework.formats import rect_pb2
            from mediapipe.python import packet_creator, packet_getter
            from mediapipe.python._framework_bindings import calculator_graph, resource_util

            resource_util.set_resource_dir(str(Path(str(mediapipe.__file__)).parents[1]))
        self._pictures: Any = mediapipe.ImageFormat.SRGB
        self._rectangle: Any = rect_pb2.NormalizedRect
        self._create: Any = packet_creator
        self._get: Any = packet_getter
        self._time = 0
        self._outputs: dict[str, Any] = {}
        self._detector = calculator_graph.CalculatorGraph(graph_config=_DETECTOR)
        self._network = calculator_graph.CalculatorGraph(graph_config=_LANDMARKS)
        with _quiet():
            self._start(self._detector, ("detections",), {})
            side = {
                "complexity": packet_creator.create_int(1),
                "segmentation": packet_creator.create_bool(False),
            }
            self._start(self._network, ("landmarks", "next_region", "world"), side)
            blank = np.zeros((64, 64, 3), np.uint8)
            self.detect(blank)
            self.landmarks(blank, [((32.0, 32.0), (32.0, 8.0))])

    def close(self) -> None:
        self._detector.close()
        self._network.close()

    def detect(self, pixels: np.ndarray) -> list[Points]:
        """Return a region for each person found, the surest first."""
        height, width = pixels.shape[:2]
        self._send(self._detector, {"image": self._picture(pixels)})
        if self._outputs["detections"].is_empty():
            return []
        detections = self._get.get_proto_list(self._outputs["detections"])
        regions = []
        for detection in sorted(detections, key=lambda d: -d.score[0]):
            hips, top = detection.location_data.relative_keypoints[:2]
            regions.append(((hips.x * width, hips.y * height), (top.x * width, top.y * height)))
        return regions

    def landmarks(self, pixels: np.ndarray, regions: list[Points]) -> list[tuple[Person, Points]]:
        """Return the person in each region, and the region in the next frame; nobody: left out."""
        height, width = pixels.shape[:2]
        picture = self._picture(pixels)
        found = []
        for region in regions:
            if any(self._look(picture, _turned(region, turn), width, height) for turn in TURNS_RAD):
                marks = self._get.get_proto(self._outputs["next_region"]).landmark
                hips, top = ((mark.x * width, mark.y * height) for mark in marks[:2])
                found.append((self._person(width, height), (hips, top)))
        return found

    def _look(self, picture: Any, region: Points, width: int, height: int) -> bool:
        """Run the landmark network in a region; return whether it sees a person."""
        rectangle = self._rectangle(**_rectangle(region, width, height))
        packets = {"image": picture, "region": self._create.create_proto(rectangle)}
        self._send(self._network, packets)
        return not any(self._outputs[name].is_empty() for name in ("landmarks", "next_region"))

    def _person(self, width: int, height: int) -> Person:
        marks = self._get.get_proto(self._outputs["landmarks"]).landmark
        world = self._get.get_proto(self._outputs["world"]).landmark
        image = np.array([(m.x * width, m.y * height) for m in marks[:JOINTS]], np.float32)
        seen = np.array([m.visibility for m in marks[:JOINTS]], np.float32)
        joints = np.array([(m.x, m.y, m.z) for m in world[:JOINTS]], np.float32)
        return Person(image, np.clip(seen, _LEAST_CONFIDENCE, 1), joints)

    def _picture(self, pixels: np.ndarray) -> Any:
        return self._create.create_image_frame(
            image_format=self._pictures, data=np.ascontiguousarray(pixels)
        )

    def _start(self, graph: Any, outputs: tuple[str, ...], side: dict[str, Any]) -> None:
        for name in outputs:
            graph.observe_output_stream(name, self._outputs.__setitem__, True)
        graph.start_run(side)

    def _send(self, graph: Any, packets: dict[str, Any]) -> None:
        self._time += 1
        for name, packet in packets.items():
            graph.add_packet_to_input_stream(name, packet.at(self._time))
        graph.wait_until_idle()


def _rectangle(region: Points, width: int, height: int) -> dict[str, float]:
    """Return the square region as shares of the picture, turned so that the body stands in it."""
    (x, y), (top_x, top_y) = region
    side = 2 * ENLARGED * math.hypot(top_x - x, top_y - y)
    turn = math.pi / 2 - math.atan2(y - top_y, top_x - x)
    return {
        "x_center": x / width,
        "y_center": y / height,
        "width": side / width,
        "height": side / height,
        "rotation": math.remainder(turn, 2 * math.pi),
    }


def _parts(pixels: np.ndarray, tiles: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield left edge, top edge and pixels of the whole picture, and of its overlapping parts."""
    yield 0, 0, pixels
    if tiles == 1:
        return
    height, width = pixels.shape[:2]
    high, wide = (round(1.5 * length / (tiles + 0.5)) for length in (height, width))
    for top in np.linspace(0, height - high, tiles).astype(int):
        for left in np.linspace(0, width - wide, tiles).astype(int):
            yield int(left), int(top), pixels[top : top + high, left : left + wide]


def _moved(region: Points, left: int, top: int) -> Points:
    (x, y), (top_x, top_y) = region
    return (x + left, y + top), (top_x + left, top_y + top)


def _turned(region: Points, turn_rad: float) -> Points:
    (x, y), (top_x, top_y) = region
    across, down = top_x - x, top_y - y
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    return (x, y), (x + across * cos - down * sin, y + across * sin + down * cos)


def _same(region: Points, other: Points) -> bool:
    """Return whether two regions are about the same place."""
    size = max(math.dist(*region), math.dist(*other), 1.0)
    return math.dist(region[0], other[0]) < _SAME_REGION * size


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the remarks of MediaPipe's C++ code, which no setting turns off, from the terminal."""
    sys.stderr.flush()
    try:
        terminal = os.dup(2)
    except OSError:  # no standard error
        yield
        return
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(io.StringIO()):
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
