"""Measures of single frames of a video: light, detail, and what is in front of the lens.

A clip's value is the median over frames that are spread over the clip. Values in grey levels are
those of 8-bit luma, 0 to 255.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from har.extras import require
from har.quality.measure import Measures

PICTURE = Measures("video")
EXTRA = "video"
ANALYSED_SIDE_PX = 360
_RATIO = (0.0, 1.0)
_DARK, _WHITE = 26, 248
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_CELL_PX = 16
_GRID = 8
_BLOCK_PX = 8
_DARK_CHANNEL_PX = 15
_BLUR_TAPS = 11
_FLAT_GREY = 0.5
_GRAINLESS = 1.0


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame, in the forms that the measures need.

    Attributes:
        rgb: (H, W, 3) uint8 as decoded.
    """

    rgb: np.ndarray

    @cached_property
    def native(self) -> np.ndarray:
        """(H, W) uint8 luma in the size of the video."""
        return require("cv2", EXTRA).cvtColor(self.rgb, require("cv2", EXTRA).COLOR_RGB2GRAY)

    @cached_property
    def grey(self) -> np.ndarray:
        """(h, w) float32 luma, the short side at most ``ANALYSED_SIDE_PX``."""
        return shrink(self.native, ANALYSED_SIDE_PX).astype(np.float32)

    @cached_property
    def grain(self) -> np.ndarray:
        """Response of Immerkaer's mask in the middle of the picture, in its own resolution."""
        cv2 = require("cv2", EXTRA)
        return np.abs(cv2.filter2D(_crop(self.native, ANALYSED_SIDE_PX), cv2.CV_32F, _NOISE_MASK))

    @cached_property
    def gradients(self) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of ``grey`` to the right and down, (h, w) each."""
        cv2 = require("cv2", EXTRA)
        return cv2.Sobel(self.grey, cv2.CV_32F, 1, 0), cv2.Sobel(self.grey, cv2.CV_32F, 0, 1)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Return an image whose short side is at most ``side``; pixels are means, not samples."""
    cv2 = require("cv2", EXTRA)
    scale = side / min(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


@PICTURE.add("luma_mean", "light", "share of full scale", _RATIO, "middle")
def luma_mean(picture: Picture) -> float:
    """Return the mean luma: low in the dark, high when over-exposed."""
    return float(picture.native.mean()) / 255


@PICTURE.add("dark_ratio", "light", "share", _RATIO, "low")
def dark_ratio(picture: Picture) -> float:
    """Return the share of pixels under a tenth of full luma."""
    return float((picture.grey < _DARK).mean())


@PICTURE.add("white_ratio", "light", "share", _RATIO, "low")
def white_ratio(picture: Picture) -> float:
    """Return the share of pixels that are burnt out, at 97 % of full luma and above."""
    return float((picture.grey >= _WHITE).mean())


@PICTURE.add("contrast", "light", "share of full scale", _RATIO, "high")
def contrast(picture: Picture) -> float:
    """Return the range of luma without the darkest and the brightest 5 % of pixels."""
    low, high = np.percentile(picture.grey[::2, ::2], (5, 95))
    return float(high - low) / 255


@PICTURE.add("uneven_light", "light", "stops", (0, None), "low")
def uneven_light(picture: Picture) -> float:
    """Return how unevenly the scene is lit: spread of the light in an 8 x 8 grid, in stops."""
    return float(_light_of_cells(picture).std())


@PICTURE.add("backlight", "light", "stops", (None, None), "low")
def backlight(picture: Picture) -> float:
    """Return by how much the border of the picture is brighter than its middle, in stops."""
    light = _light_of_cells(picture)
    if min(light.shape) < 4:
        return float("nan")
    middle = light[2:-2, 2:-2]
    border = (light.sum() - middle.sum()) / max(light.size - middle.size, 1)
    return float(border - middle.mean())


@PICTURE.add(
    "haze", "lens", "share of full scale", _RATIO, "low", "He, Sun and Tang 2009, dark channel"
)
def haze(picture: Picture) -> float:
    """Return the mean dark channel: the least of the colours in each patch; high through fog."""
    cv2 = require("cv2", EXTRA)
    small = shrink(picture.rgb, ANALYSED_SIDE_PX // 2)
    patch = np.ones((_DARK_CHANNEL_PX, _DARK_CHANNEL_PX), np.uint8)
    return float(cv2.erode(small.min(axis=2), patch).mean()) / 255


@PICTURE.add("noise", "detail", "grey levels", (0, None), "low", "Immerkaer 1996, by patches")
def noise(picture: Picture) -> float:
    """Return the standard deviation of the noise, where the picture is smoothest."""
    if min(picture.native.shape) < 2 * _CELL_PX:
        return float("nan")
    typical = np.percentile(_cells(picture.grain, _CELL_PX), 30)
    return float(typical * np.sqrt(np.pi / 2) / 6)


@PICTURE.add("smoothed_ratio", "detail", "share", _RATIO, "low")
def smoothed_ratio(picture: Picture) -> float:
    """Return the share of the picture with hardly any grain, as strong compression leaves it."""
    if min(picture.native.shape) < 2 * _BLOCK_PX:
        return float("nan")
    return float((_cells(picture.grain, _BLOCK_PX) < _GRAINLESS).mean())


@PICTURE.add("blur", "detail", "share", _RATIO, "low", "Crete et al. 2007")
def blur(picture: Picture) -> float:
    """Return how little a further blur changes: 0 sharp, 1 without any edge."""
    cv2 = require("cv2", EXTRA)
    worst = 0.0
    for axis, taps in ((0, (1, _BLUR_TAPS)), (1, (_BLUR_TAPS, 1))):
        blurred = cv2.blur(picture.grey, taps)
        own = np.abs(np.diff(picture.grey, axis=axis))
        lost = np.maximum(own - np.abs(np.diff(blurred, axis=axis)), 0).sum()
        total = float(own.sum())
        if total == 0:
            return float("nan")
        worst = max(worst, 1 - float(lost) / total)
    return worst


@PICTURE.add("directional_blur", "detail", "share", _RATIO, "low")
def directional_blur(picture: Picture) -> float:
    """Return how much all edges run one way, as when the camera moves during the exposure."""
    right, down = picture.gradients
    across, along = float((right * right).mean()), float((down * down).mean())
    mixed = float((right * down).mean())
    total = across + along
    return float(np.hypot(across - along, 2 * mixed) / total) if total > 0 else float("nan")


@PICTURE.add("fine_detail", "detail", "share", (0, None), "high")
def fine_detail(picture: Picture) -> float:
    """Return the detail that half the resolution would lose, compared with coarse detail.

    Coarse is what an eighth of the resolution loses of a quarter. Low for pictures that were
    enlarged or strongly compressed.
    """
    half = _halved(picture.grey)
    quarter = _halved(half)
    fine, coarse = _residual(picture.grey, half), _residual(quarter, _halved(quarter))
    return fine / coarse if coarse > 0 else float("nan")


@PICTURE.add(
    "blockiness", "detail", "share", (None, None), "low", "after Wang, Bovik and Evan 2000"
)
def blockiness(picture: Picture) -> float:
    """Return by how much steps between 8 x 8 blocks exceed the steps within them."""
    image = picture.native.astype(np.int16)
    return max(_steps_on_grid(image), _steps_on_grid(image.T))


@PICTURE.add("obstructed_ratio", "lens", "share", _RATIO, "low")
def obstructed_ratio(picture: Picture) -> float:
    """Return the share of the picture in which nothing at all is to be seen, as behind a finger."""
    cv2 = require("cv2", EXTRA)
    texture = np.abs(picture.grey - cv2.blur(picture.grey, (5, 5)))
    return float((_cells(texture, _CELL_PX) < _FLAT_GREY).mean())


@PICTURE.add("tilt_deg", "camera", "deg", (0, 45), "low")
def tilt_deg(picture: Picture) -> float:
    """Return the angle between the picture's frame and the main edges of the scene.

    Rooms have mostly level and upright edges; a camera that hangs crooked turns them all.
    """
    right, down = picture.gradients
    power = right * right + down * down
    strong = power > np.percentile(power[::2, ::2], 90)
    if not strong.any() or not power[strong].sum() > 0:
        return float("nan")
    fourfold = (right[strong] + 1j * down[strong]) ** 4 / power[strong]
    return float(abs(np.rad2deg(np.angle((fourfold / np.sqrt(power[strong])).sum()))) / 4)


def _light_of_cells(picture: Picture) -> np.ndarray:
    """Return the light of a grid of cells, in stops; a step of luma is taken as sRGB."""
    cv2 = require("cv2", EXTRA)
    height, width = picture.grey.shape
    size = min(_GRID, width), min(_GRID, height)
    cells = cv2.resize(picture.grey, size, interpolation=cv2.INTER_AREA)
    return np.log2(np.maximum((cells / 255) ** 2.2, 1e-4))


def _cells(values: np.ndarray, side: int) -> np.ndarray:
    """Return the mean of each whole cell of ``side`` by ``side`` pixels, at least one."""
    rows, columns = max(values.shape[0] // side, 1), max(values.shape[1] // side, 1)
    cv2 = require("cv2", EXTRA)
    whole = values[: rows * side, : columns * side]
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)


def _crop(image: np.ndarray, side: int) -> np.ndarray:
    """Return the middle of an image, with sides of at most twice and once ``side``."""
    top = max(0, (image.shape[0] - side) // 2)
    left = max(0, (image.shape[1] - 2 * side) // 2)
    return image[top : top + side, left : left + 2 * side]


def _halved(image: np.ndarray) -> np.ndarray:
    cv2 = require("cv2", EXTRA)
    size = max(1, image.shape[1] // 2), max(1, image.shape[0] // 2)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _residual(image: np.ndarray, half: np.ndarray) -> float:
    """Return the mean difference between an image and its half, enlarged again."""
    cv2 = require("cv2", EXTRA)
    again = cv2.resize(half, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return float(np.abs(image - again).mean())


def _steps_on_grid(image: np.ndarray) -> float:
    """Return the excess of the steps on the 8-pixel grid that has the largest, as a share."""
    if image.shape[1] < 3 * _BLOCK_PX:
        return 0.0
    steps = np.abs(np.diff(image, axis=1)).mean(axis=0)
    whole = steps[: len(steps) // _BLOCK_PX * _BLOCK_PX].reshape(-1, _BLOCK_PX)
    by_place = np.median(whole, axis=0)
    other = np.median(by_place)
    return float(by_place.max() / other - 1) if other > 0 else 0.0
