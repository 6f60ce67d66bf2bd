"""A body that stands where a bright square is, so that poses of small videos are known."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.ndimage import label

from har.pose.camera import PinholeCamera
from har.pose.people import Person
from har.skeleton.layout import load_layout

HEIGHT, WIDTH = 96, 128
LAYOUT = load_layout("mediapipe33")


def standing_body() -> np.ndarray:
    """Return a person of 1.5 m: (33, 3) metres about the hips, x right, y down, z away."""
    heights = {
        "nose": -0.65, "shoulder": -0.5, "elbow": -0.2, "wrist": 0.05, "hip": 0.0, "knee": 0.4,
        "ankle": 0.8, "heel": 0.85, "foot_index": 0.85,
    }  # fmt: skip
    body = np.zeros((LAYOUT.num_joints, 3), np.float32)
    for index, name in enumerate(LAYOUT.joints):
        part = next((part for part in heights if name.endswith(part)), None)
        high = -0.68 if part is None else heights[part]
        high = 0.1 if name.endswith(("pinky", "index", "thumb")) and "foot" not in name else high
        across = {"left": 0.18, "right": -0.18}.get(name.split("_")[0], 0.0)
        body[index] = (across, high, 0.05 * np.sin(index))
    return body


def person_at(
    hips: tuple[float, float, float], camera: PinholeCamera, confidence: float = 0.9
) -> Person:
    """Return a standing person with the hips at a point in metres, as the camera sees them."""
    world = standing_body()
    image = camera.project(world + np.array(hips, np.float32)).astype(np.float32)
    return Person(image, np.full(len(world), confidence, np.float32), world)


class SquarePose:
    """Sees a standing person in each bright square of a frame, 3 m away.

    Args:
        layout: name of the layout.
        dims: 3 with world joints, 2 without.
    """

    def __init__(self, layout: str = "mediapipe33", dims: int = 3):
        self.layout, self.dims = layout, dims
        self.started = 0

    def start(self) -> None:
        self.started += 1

    def estimate(self, pixels: np.ndarray) -> list[Person]:
        camera = PinholeCamera.from_view(pixels.shape[1], pixels.shape[0], 60)
        squares, count = label(pixels.mean(axis=2) > 128)
        people = []
        for number in range(1, count + 1):
            y, x = (places.mean() for places in np.nonzero(squares == number))
            across = (x - pixels.shape[1] / 2) * 3 / camera.focal_px
            down = (y - pixels.shape[0] / 2) * 3 / camera.focal_px
            person = person_at((across, down, 3.0), camera)
            people.append(
                person if self.dims == 3 else Person(person.image, person.confidence, None)
            )
        return people

    def close(self) -> None:
        """Do nothing."""


def square_frame(*centres: tuple[int, int]) -> np.ndarray:
    """Return a dark frame with a bright square about each (x, y)."""
    frame = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    for x, y in centres:
        frame[max(y - 6, 0) : y + 6, max(x - 6, 0) : x + 6] = 230
    return frame


def write_square_video(path: Path, frames: list[np.ndarray], fps: int = 10) -> Path:
    """Write frames as H.264."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return path


def falling_video(path: Path, count: int = 20) -> Path:
    """Write a video of a square that stands, goes down, and stays there."""
    heights = np.clip(np.linspace(10, 110, count), 30, 80).astype(int)
    return write_square_video(path, [square_frame((64, int(y))) for y in heights])
