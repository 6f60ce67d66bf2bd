r"""Tells how well each measure finds the corruption that it is for, on real poses and real videos.

    HAR_DATA_DIR=<raw data> HAR_STORE_DIR=<stores> \
        python benchmarks/measure_detection.py --json benchmarks/results/measure_detection.json

A corruption is applied in its five severities to clips of real recordings. AUROC compares the
corrupted clips with the same clips as they are: 1 finds every one, 0.5 none. `monotone` is the
share of clips whose measure never turns back from severity to severity, from none to 5, by more
than 2 % of its range. A corruption that leaves some clips as they are, such as one of few runs of
frames, also has the AUROC of those it changes. For changes that no single clip can show, such as
another viewpoint, the error of the recovered change is told instead.

Light from behind and cuts are no corruptions of the robustness benchmark; they are made here.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detection_scores import auroc, detection
from video_faults import backlit, with_cuts

from har.data.store import ClipStore
from har.quality.corruptions import (
    POSE_CORRUPTIONS,
    SEVERITIES,
    pose_corruption,
    video_corruption,
)
from har.quality.pose_pass import measure_batch
from har.quality.video_pass import measure_frames
from har.quality.video_picture import shrink
from har.record import provenance, read_json, write_json_atomic
from har.samples import Batch
from har.skeleton.layout import load_layout
from har.video import open_video

POSE_FRAMES, POSE_CLIPS = 40, 200
GENERATED = "synthetic_home-3000-0"
PARTS = ("poses", "videos")
VIDEO_FRAMES, VIDEO_CLIPS, VIDEO_SIDE_PX = 24, 12, 240

# Corruption -> measure that is for it, and the sign with which it rises.
POSE_PAIRS: Mapping[str, tuple[str, int]] = {
    "joint_jitter": ("jitter", 1),
    "joint_outliers": ("implausible_speed_ratio", 1),
    "bone_length": ("bone_asymmetry", 1),
    "estimator_change": ("bone_asymmetry", 1),
    "joint_dropout": ("missing_ratio", 1),
    "limb_dropout": ("missing_ratio", 1),
    "frame_dropout": ("absent_ratio", 1),
    "track_loss": ("absent_ratio", 1),
    "person_dropout": ("people", -1),
    "side_swap": ("swap_ratio", 1),
    "person_swap": ("teleport", 1),
    "camera_roll": ("lean_deg", 1),
    "depth_loss": ("depth_ratio", -1),
    "frame_rate": ("frozen_ratio", 1),
}
TWO_PEOPLE = ("person_dropout", "person_swap")
VIDEO_PAIRS: Mapping[str, tuple[str, int]] = {
    "sensor_noise": ("noise", 1),
    "low_light": ("luma_mean", -1),
    "over_exposure": ("white_ratio", 1),
    "shadow": ("uneven_light", 1),
    "lens_fog": ("contrast", -1),
    "occluder": ("obstructed_ratio", 1),
    "defocus_blur": ("blur", 1),
    "motion_blur": ("directional_blur", 1),
    "downscale": ("fine_detail", -1),
    "jpeg": ("blockiness", 1),
    "h264": ("smoothed_ratio", 1),
    "frame_drop": ("repeated_ratio", 1),
    "video_frame_rate": ("repeated_ratio", 1),
    "shake": ("shake", 1),
    "rotation": ("tilt_deg", 1),
    "backlight": ("backlight", 1),
    "scene_cuts": ("scene_cuts", 1),
}
BACKLIGHT_STOPS = (1, 1.5, 2, 3, 4)
CUTS = (1, 2, 3, 4, 5)


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--corruptions", nargs="*", default=(), help="only these; others are kept")
    options = parser.parse_args()
    stores = Path(os.environ["HAR_STORE_DIR"])
    before = read_json(options.json) if options.json.exists() else {}
    sizes = {"pose_frames": POSE_FRAMES, "video_frames": VIDEO_FRAMES}
    record: dict[str, Any] = {part: before[part] for part in PARTS if part in before} | sizes
    chosen = options.corruptions or (*POSE_CORRUPTIONS, *VIDEO_PAIRS)
    if options.only in (None, "poses"):
        earlier = record.get("poses", {})
        record["poses"] = {
            name: earlier.get(name, {}) | poses(ClipStore.open(stores / name), chosen)
            for name in ("nwucla", "utd_mhad", GENERATED)
        }
    if options.only in (None, "videos"):
        found = videos(real_videos(Path(os.environ["HAR_DATA_DIR"])), chosen)
        record["videos"] = record.get("videos", {}) | found
    write_json_atomic(options.json, record | {"provenance": provenance()})


def poses(store: ClipStore, chosen: Sequence[str]) -> dict[str, Any]:
    """Return how well corruptions of a store's poses are found, by corruption."""
    found: dict[str, Any] = {}
    for name in (name for name in POSE_CORRUPTIONS if name in chosen):
        clips = store_batch(store, two_people=name in TWO_PEOPLE)
        if clips is None:
            continue
        clean = _measure(clips, store)
        corrupted = [_measure(_corrupted(clips, name, s, store), store) for s in SEVERITIES]
        if name in POSE_PAIRS:
            measure, sign = POSE_PAIRS[name]
            found[name] = detection(measure, sign, clean, corrupted)
            found[name] |= _changed_only(name, clips, store, measure, sign, clean, corrupted)
        else:
            found[name] = recovery(name, clean, corrupted)
        _tell(store.path.name, name, found[name])
    return found


def videos(paths: Sequence[Path], chosen: Sequence[str]) -> dict[str, Any]:
    """Return how well corruptions of videos are found, by corruption."""
    clips = [_first_frames(path) for path in paths]
    clean = _stack([measure_frames(frames, fps) for frames, fps in clips])
    found: dict[str, Any] = {"clips": len(clips)}
    for name in (name for name in VIDEO_PAIRS if name in chosen):
        measure, sign = VIDEO_PAIRS[name]
        corrupted = [
            _stack(
                [
                    measure_frames(_corrupted_video(name, severity, clips, place), fps)
                    for place, (_, fps) in enumerate(clips)
                ]
            )
            for severity in SEVERITIES
        ]
        found[name] = detection(measure, sign, clean, corrupted)
        _tell("videos", name, found[name])
    return found


def _corrupted_video(
    name: str, severity: int, clips: Sequence[tuple[np.ndarray, float]], place: int
) -> np.ndarray:
    frames = clips[place][0]
    if name == "backlight":
        return backlit(frames, BACKLIGHT_STOPS[severity - 1])
    if name == "scene_cuts":
        return with_cuts(frames, clips[(place + len(clips) // 2) % len(clips)][0], severity)
    return video_corruption(name, severity)(frames, np.random.default_rng(place))


def _changed_only(
    name: str,
    clips: Batch,
    store: ClipStore,
    measure: str,
    sign: int,
    clean: Mapping[str, np.ndarray],
    corrupted: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, Any]:
    """Return the share of clips that the corruption changed at all, and the AUROC of those."""
    shares, scores = [], []
    for severity, values in zip(SEVERITIES, corrupted, strict=True):
        joints = _corrupted(clips, name, severity, store).joints
        changed = (joints != clips.joints).flatten(1).any(dim=1).numpy()
        shares.append(float(changed.mean()))
        scores.append(auroc(sign * clean[measure], sign * values[measure][changed]))
    return {"changed": shares, "auroc_of_changed": scores}


def recovery(
    name: str,
    clean: Mapping[str, np.ndarray],
    corrupted: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, Any]:
    """Return the median of the recovered change by severity, with what was done."""
    measured: dict[str, Callable[[Mapping[str, np.ndarray]], np.ndarray]] = {
        "view_angle": lambda v: _turn(v["yaw_deg"] - clean["yaw_deg"]),
        "camera_tilt": lambda v: np.abs(v["camera_pitch_deg"] - clean["camera_pitch_deg"]),
        "scale": lambda v: np.exp(np.abs(np.log(v["trunk_m"] / clean["trunk_m"]))),
    }
    changes = [measured[name](values) for values in corrupted]
    return {
        "done": list(POSE_CORRUPTIONS[name].levels),
        "recovered": [float(np.nanmedian(change)) for change in changes],
        "known": [float(np.isfinite(change).mean()) for change in changes],
    }


def store_batch(store: ClipStore, two_people: bool) -> Batch | None:
    """Return the first frames of clips that are long enough, spread over the store."""
    index = store.index
    usable = np.flatnonzero(
        (index.frame_count >= POSE_FRAMES) & (index.person_count >= (2 if two_people else 1))
    )
    if not len(usable):
        return None
    rows = usable[np.linspace(0, len(usable) - 1, min(POSE_CLIPS, len(usable))).astype(int)]
    positions = np.tile(np.arange(POSE_FRAMES, dtype=np.float64), (len(rows), 1, 1))
    joints, confidence, mask = store.gather(rows, positions, 2 if two_people else 1)
    return Batch(
        torch.from_numpy(joints),
        torch.from_numpy(confidence),
        torch.from_numpy(mask),
        torch.zeros(len(rows), dtype=torch.int64),
        torch.from_numpy(rows),
    )


def real_videos(raw: Path) -> list[Path]:
    """Return videos of UP-Fall and GMDCSA24, half of each."""
    upfall = sorted((raw / "upfall" / "videos").glob("*.mp4"))
    gmdcsa = sorted((raw / "gmdcsa24").rglob("*.mp4"))
    half = VIDEO_CLIPS // 2
    return [
        folder[i]
        for folder in (upfall, gmdcsa)
        for i in np.linspace(0, len(folder) - 1, half).astype(int)
    ]


def _turn(degrees: np.ndarray) -> np.ndarray:
    return np.abs((degrees + 180) % 360 - 180)


def _corrupted(clips: Batch, name: str, severity: int, store: ClipStore) -> Batch:
    copy = replace(clips, joints=clips.joints.clone(), confidence=clips.confidence.clone())
    rng = torch.Generator().manual_seed(0)
    return pose_corruption(name, severity)(copy, load_layout(store.layout), rng)


def _measure(clips: Batch, store: ClipStore) -> dict[str, np.ndarray]:
    unit, layout = store.meta.description.unit, load_layout(store.layout)
    arrays = clips.joints.numpy(), clips.confidence.numpy()
    return measure_batch(*arrays, layout, unit, float(store.index.fps[0]))


def _first_frames(path: Path) -> tuple[np.ndarray, float]:
    with open_video(path) as video:
        stop = min(VIDEO_FRAMES, video.frame_count)
        frames = [shrink(frame.pixels, VIDEO_SIDE_PX) for frame in video.stream(0, stop)]
        return np.stack(frames), video.fps


def _stack(values: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array([v[name] for v in values], float) for name in values[0]}


def _tell(where: str, name: str, found: Mapping[str, Any]) -> None:
    if "auroc" in found:
        scores = " ".join(f"{score:.2f}" for score in found["auroc"])
        best = found["best_at_3"][0]
        if min(found.get("changed", [1.0])) < 1:
            told = zip(found["changed"], found["auroc_of_changed"], strict=True)
            print("   changed, AUROC of those:", *(f"{a:.2f} {b:.2f};" for a, b in told))
        print(
            f"{where:12} {name:18} {found['measure']:24} {scores}  monotone "
            f"{found['monotone']:.2f}  best {best['measure']} {best['auroc']:.2f}",
            flush=True,
        )
    else:
        pairs = zip(found["done"], found["recovered"], strict=True)
        print(where, name, ", ".join(f"{done}: {got:.2f}" for done, got in pairs), flush=True)


if __name__ == "__main__":
    main()
