"""Measures of videos: planted faults are told, and nothing to see is no crash."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="measures of videos need pip install har[video]")

from har.quality.video_pass import measure_frames, measure_video, measure_videos, video_measures  # noqa: E402

FPS = 20.0


@pytest.fixture(autouse=True)
def no_warnings(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    yield
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def room(frames: int = 30, height: int = 240, width: int = 320, seed: int = 0) -> np.ndarray:
    """Return a still room with grain and level edges, in which something moves."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 150, np.float32)
    for _ in range(40):
        top, left = rng.integers(0, height - 20), rng.integers(0, width - 30)
        picture[top : top + rng.integers(8, 60), left : left + rng.integers(8, 60)] = rng.integers(
            40, 220
        )
    clip = np.repeat(picture[None], frames, axis=0)
    for number in range(frames):
        clip[number, 100:140, 4 * number : 4 * number + 30] = (200, 90, 60)
    clip += rng.normal(0, 1.5, clip.shape).astype(np.float32)
    return clip.clip(0, 255).astype(np.uint8)


def blurred(frames: np.ndarray, taps: tuple[int, int]) -> np.ndarray:
    return np.stack([cv2.blur(frame, taps) for frame in frames])


def jpeg(frame: np.ndarray) -> np.ndarray:
    _, code = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 10])
    return cv2.imdecode(code, cv2.IMREAD_COLOR)


CLEAN = room()
NOISE = np.random.default_rng(1).normal(0, 20, CLEAN.shape)
SHIFTS = np.random.default_rng(2).integers(-8, 9, (len(CLEAN), 2))
FAULTS = {
    "noise": (CLEAN + NOISE).clip(0, 255).astype(np.uint8),
    "dark_ratio": CLEAN // 8,
    "white_ratio": (CLEAN.astype(int) * 3).clip(0, 255).astype(np.uint8),
    "blur": blurred(CLEAN, (9, 9)),
    "smoothed_ratio": blurred(CLEAN, (9, 9)),
    "directional_blur": blurred(CLEAN, (21, 1)),
    "blockiness": np.stack([jpeg(frame) for frame in CLEAN]),
    "obstructed_ratio": np.where(np.arange(320)[:, None] < 160, 70, CLEAN).astype(np.uint8),
    "haze": (CLEAN // 3 + 150).astype(np.uint8),
    "uneven_light": (CLEAN * np.where(np.arange(320) < 160, 1, 0.15)[:, None]).astype(np.uint8),
    "flicker": (CLEAN * np.where(np.arange(30) % 2, 1, 0.9)[:, None, None, None]).astype(np.uint8),
    "repeated_ratio": CLEAN[np.arange(30) // 3 * 3],
    "shake": np.stack([np.roll(f, s, (0, 1)) for f, s in zip(CLEAN, SHIFTS, strict=True)]),
    "camera_motion": np.stack([np.roll(f, 4 * i, 1) for i, f in enumerate(CLEAN)]),
    "scene_cuts": np.concatenate([CLEAN[:15], 255 - CLEAN[15:] // 4]),
}
LEAST = {"repeated_ratio": 0.6, "scene_cuts": 1, "obstructed_ratio": 0.45, "noise": 12}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_raises_its_measure(name: str) -> None:
    clean, faulty = measure_frames(CLEAN, FPS)[name], measure_frames(FAULTS[name], FPS)[name]
    assert faulty > max(1.3 * clean, LEAST.get(name, 0) - 1e-6), (clean, faulty)


def test_resolution_and_tilt() -> None:
    clean = measure_frames(CLEAN, FPS)
    small = [cv2.resize(f, (96, 72), interpolation=cv2.INTER_AREA) for f in CLEAN]
    enlarged = measure_frames(np.stack([cv2.resize(f, (320, 240)) for f in small]), FPS)
    assert enlarged["fine_detail"] < 0.7 * clean["fine_detail"]
    turn = cv2.getRotationMatrix2D((160, 120), 15, 1)
    turned = np.stack([cv2.warpAffine(f, turn, (320, 240))[50:190, 70:250] for f in CLEAN])
    assert measure_frames(turned, FPS)["tilt_deg"] == pytest.approx(15, abs=1.5)
    assert clean["tilt_deg"] < 1
    assert clean["height_px"] == 240


def test_a_cut_to_a_room_of_the_same_light_is_counted_and_motion_is_not() -> None:
    away = room(seed=2)
    several = np.concatenate([CLEAN[:10], away[10:20], CLEAN[20:]])
    assert measure_frames(several, FPS)["scene_cuts"] == 2
    for name in ("shake", "camera_motion", "repeated_ratio", "noise", "flicker"):
        assert measure_frames(FAULTS[name], FPS)["scene_cuts"] == 0, name


def test_gaps_in_time_are_counted() -> None:
    times = np.delete(np.arange(33) / FPS, [5, 6, 20])
    values = measure_frames(CLEAN, FPS, times)
    assert values["gap_ratio"] == pytest.approx(3 / 33)
    assert measure_frames(CLEAN, FPS)["gap_ratio"] == 0


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((0, 40, 40, 3), np.uint8),
        np.zeros((1, 1, 1, 3), np.uint8),
        np.zeros((5, 64, 64, 3), np.uint8),
        np.full((5, 240, 320, 3), 128, np.uint8),
        CLEAN[:1],
        CLEAN[:2, :9, :9],
    ],
    ids=["empty", "pixel", "black", "grey", "one frame", "tiny"],
)
def test_nothing_to_see_gives_values(frames: np.ndarray) -> None:
    values = measure_frames(frames, FPS)
    assert values.keys() == video_measures().keys()
    if frames.size and frames.std() == 0:
        assert values["contrast"] == 0
        assert values["obstructed_ratio"] == 1
    for name, about in video_measures().items():
        if np.isfinite(values[name]):
            assert about.low is None or values[name] >= about.low - 1e-6, name
            assert about.high is None or values[name] <= about.high + 1e-6, name


def test_files_that_are_no_video_are_told(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "empty.mp4").touch()
    found = measure_video(tmp_path / "empty.mp4")
    assert found.values == {}
    assert "empty.mp4" in found.problem


def test_real_videos_are_measured_alike_by_several_processes(real_data: Path) -> None:
    pytest.importorskip("av")
    files = sorted((real_data / "upfall" / "videos").glob("S1_A1_*.mp4"))[:2]
    done: list[int] = []
    alone, several = measure_videos(files), measure_videos(files, 2, done.append)
    assert len(done) == 2
    for one, other in zip(alone, several, strict=True):
        assert one.values == other.values
        assert one.values["fps"] == 18
        assert one.values["fresh_fps"] < 18  # the files were re-timed; see their README
