"""Measures poses from video: speed, who is found, agreement with a depth camera, folds of falls.

    HAR_DATA_DIR=<folder> python benchmarks/pose_extraction.py <record.json> [<stores>] [<runs>]

``stores`` is a folder of stores by ``har poses``, ``runs`` one with the runs of the four folds of
experiment=gmdcsa24_pose, named ``loso_f1`` to ``loso_f4``; both may be left out.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from har.data.formats.ntu_skeleton import parse_skeleton
from har.data.store import ClipStore
from har.evaluation.predictions import Predictions
from har.evaluation.taxonomy_report import taxonomy_summary
from har.paths import project_root
from har.pose import Person, PoseSettings, Tracker, build_estimator, extract_poses
from har.pose.mediapipe_pose import MediaPipePose
from har.record import provenance, write_json_atomic
from har.skeleton.convert import conversion
from har.skeleton.layout import load_layout
from har.taxonomy.crosswalk import load_crosswalk
from har.video import open_video

SPEED_VIDEOS = ("gmdcsa24/Subject 4/Fall/02.mp4", "upfall/videos/S1_A1_T1_C1.mp4")
SIDE_BY_SIDE = ("gmdcsa24/Subject 4/Fall/02.mp4", "gmdcsa24/Subject 4/Fall/01.mp4")
NTU_CLIP = "ntu/S001C001P001R001A001"
KINECT_COLOUR_VIEW_DEG = 84.1
BODY = (
    "shoulder", "elbow", "wrist", "hip", "knee", "ankle",
)  # fmt: skip


class Mirrored(MediaPipePose):
    """Looks at each frame as in a mirror."""

    def estimate(self, pixels: np.ndarray) -> list[Person]:
        """Return the people of the mirrored frame."""
        return super().estimate(np.ascontiguousarray(pixels[:, ::-1]))


def measure_speed(path: Path) -> dict[str, Any]:
    """Return frames a second of wall and of processor time, decoding included."""
    estimator = build_estimator("mediapipe", people=1)
    with open_video(path) as video:
        estimator.estimate(video.frames([0])[0])
        start, start_cpu = time.perf_counter(), time.process_time()
        poses = extract_poses(video, estimator, PoseSettings(people=1), path.name)
        wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        size = f"{video.width}x{video.height}"
    frames = poses.joints.shape[1]
    return {
        "video": path.name,
        "size": size,
        "frames": frames,
        "frames_per_second": round(frames / wall, 2),
        "frames_per_cpu_second": round(frames / cpu, 2),
        "load_average": round(os.getloadavg()[0], 1),
    }


def compare_with_kinect(data: Path) -> dict[str, Any]:
    """Return how far limbs lie from those of a Kinect v2, and where hips are against its own.

    Kinect pictures are mirrored, so that the frames are turned round before the poses are found.
    """
    stem = data / NTU_CLIP
    _, tracks = parse_skeleton(stem.with_suffix(".skeleton").read_bytes(), stem.name)
    kinect = np.asarray(tracks[0].joints, np.float64)
    settings = PoseSettings(people=1, view_deg=KINECT_COLOUR_VIEW_DEG)
    estimator = Mirrored(people=1)
    with open_video(stem.with_name(f"{stem.name}_rgb.avi")) as video:
        poses = extract_poses(video, estimator, settings, stem.name)
    target = load_layout("ntu25")
    ours, _ = conversion(load_layout("mediapipe33"), target).apply(
        poses.joints[0], poses.confidence[0]
    )
    chosen = [target.index(f"{side}_{part}") for part in BODY for side in ("left", "right")]
    frames = min(len(ours), len(kinect))
    first, second = ours[:frames, chosen].astype(np.float64), kinect[:frames, chosen]
    hips = [target.index(f"{side}_hip") for side in ("left", "right")]
    pelvis, true = (a[:frames, hips].mean(axis=1) for a in (ours, kinect))
    rigid = [_aligned_error(a, b) for a, b in zip(first, second, strict=True)]
    return {
        "frames": frames,
        "joints": len(chosen),
        "aligned_error_mm_mean": round(1000 * float(np.mean(rigid)), 1),
        "hips_median_m": np.round(np.median(pelvis, axis=0), 3),
        "hips_kinect_median_m": np.round(np.median(true, axis=0), 3),
        "sides_agree": bool(np.sign(_across(first)) == np.sign(_across(second))),
    }


def _across(joints: np.ndarray) -> float:
    return float(np.median(joints[:, 0, 0] - joints[:, 1, 0]))


def _aligned_error(points: np.ndarray, target: np.ndarray) -> float:
    """Return the mean distance after the best turn, shift and scale (Procrustes)."""
    a, b = points - points.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turned = (s * sign).sum() / (a**2).sum() * a @ (u * sign) @ vt
    return float(np.linalg.norm(turned - b, axis=1).mean())


def measure_two_people(data: Path) -> list[dict[str, Any]]:
    """Return how often both people of two videos side by side are found, and in how many tracks."""
    videos = [open_video(data / name) for name in SIDE_BY_SIDE]
    frames = [video.frames(range(0, 88, 2)) for video in videos]
    rows = []
    for tiles in (1, 2):
        estimator, tracker = MediaPipePose(people=2, tiles=tiles), Tracker()
        counts, numbers = [], set()
        for number, pair in enumerate(zip(*frames, strict=True)):
            people = estimator.estimate(np.concatenate(pair, axis=1))
            numbers.update(tracker.update(people, number / 15))
            counts.append(len(people))
        found = {str(n): counts.count(n) for n in range(3)}
        rows.append({"tiles": tiles, "frames_by_people_found": found, "tracks": len(numbers)})
    return rows


def describe_store(folder: Path) -> dict[str, Any]:
    """Return how many people were found in the videos of a store."""
    store = ClipStore.open(folder)
    frames, share = store.index.frame_count, store.index.conditions["person_share"]
    return {
        "videos": len(store),
        "skipped": store.meta.skipped_count,
        "frames": int(frames.sum()),
        "person_share": round(float(np.average(share, weights=frames)), 4),
        "lowest_person_share": round(float(share.min()), 4),
        "lowest_video": store.record(int(share.argmin())).source,
    }


def join_folds(runs: Path) -> dict[str, Any]:
    """Return the measures over the test segments of all folds together."""
    found = [Predictions.read(next(runs.glob(f"loso_f{n}/*/predictions.parquet"))) for n in "1234"]
    joined = Predictions(
        **{
            name: np.concatenate([getattr(fold, name) for fold in found])
            for name in ("probabilities", "labels", "clip_ids", "subjects", "cameras")
        },
        class_names=found[0].class_names,
    )
    walk = load_crosswalk(project_root() / "datasets")
    scores = taxonomy_summary(joined, "gmdcsa24_pose", walk)
    correct = joined.probabilities.argmax(1) == joined.labels
    return {
        "segments": len(joined.labels),
        "top1": round(float(correct.mean()), 4),
        "mean_class_accuracy": round(
            float(np.mean([correct[joined.labels == k].mean() for k in np.unique(joined.labels)])),
            4,
        ),
        "falls": None if scores is None else scores.get("falls"),
    }


def main() -> None:
    """Write the record."""
    data = Path(os.environ["HAR_DATA_DIR"])
    record: dict[str, Any] = {
        "speed": [measure_speed(data / name) for name in SPEED_VIDEOS],
        "kinect": compare_with_kinect(data),
        "two_people": measure_two_people(data),
    }
    if len(sys.argv) > 2:
        record["stores"] = {
            path.name: describe_store(path)
            for path in sorted(Path(sys.argv[2]).iterdir())
            if (path / "store.json").is_file()
        }
    if len(sys.argv) > 3:
        record["gmdcsa24_folds"] = join_folds(Path(sys.argv[3]))
    write_json_atomic(Path(sys.argv[1]), {**record, "provenance": provenance()})


if __name__ == "__main__":
    main()
