r"""Tells how far the measured viewpoint is from the truth, which the generator knows.

    HAR_STORE_DIR=<stores> \
        python benchmarks/measure_viewpoint.py --json benchmarks/results/measure_viewpoint.json

The truth is taken from the people and cameras of the generated scenes, before noise and hidden
joints, over all frames of a clip: the conditions in the store tell where a person faces at the
start, from which reaching, turning and falling people depart.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from har.data.generator.anthropometry import resident_bodies
from har.data.generator.layout import NUMBER
from har.data.generator.plan import plan_clips
from har.data.generator.scene import stage
from har.data.generator.spec import GeneratorSpec
from har.data.store import ClipStore
from har.quality.pose_pass import measure_poses
from har.record import provenance, write_json_atomic
from har.skeleton.layout import load_layout

CLIPS, AT_ONCE = 3000, 250
FACES_ONE_WAY = 0.05
LITTLE_HIDDEN = 0.2
LIMITS = {"camera_pitch_deg": 5.0, "camera_height_m": 0.2, "distance_share": 0.1, "yaw_deg": 5.0}


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    store = ClipStore.open(Path(os.environ["HAR_STORE_DIR"]) / f"synthetic_home-{CLIPS}-0")
    record = {"clips": CLIPS, "viewpoint": viewpoint(store), "provenance": provenance()}
    write_json_atomic(options.json, record)


def viewpoint(store: ClipStore) -> dict[str, Any]:
    """Return the errors of all clips, of those that face one way, and of those hardly hidden."""
    index, true = store.index, store.index.conditions
    arrays = np.asarray(store.joints), np.asarray(store.confidence)
    unit = store.meta.description.unit
    values = measure_poses(arrays, index, load_layout(store.layout), unit, cameras=index.camera)
    direction = true_direction()
    yaw_deg = np.rad2deg(np.angle(direction))
    errors = {
        "camera_pitch_deg": np.abs(values["camera_pitch_deg"] - true["pitch_deg"]),
        "camera_height_m": np.abs(values["camera_height_m"] - true["camera_height_m"]),
        "distance_share": np.abs(values["distance_m"] / true["distance_m"] - 1),
        "yaw_deg": np.abs((values["yaw_deg"] - yaw_deg + 180) % 360 - 180),
    }
    one_way = 1 - np.abs(direction) < FACES_ONE_WAY
    groups = {
        "all": np.ones(len(index), bool),
        "faces_one_way": one_way,
        "faces_one_way_and_hardly_hidden": one_way & (true["occlusion_ratio"] < LITTLE_HIDDEN),
    }
    found = {name: _errors(errors, chosen) for name, chosen in groups.items()}
    for group, entries in found.items():
        print(group, *(f"{name} {entry}" for name, entry in entries["errors"].items()), sep="\n  ")
    return found


def true_direction() -> np.ndarray:
    """Return (N,) complex: the mean direction to the camera, seen from the person.

    Its angle is the yaw; its length is 1 for a person who faces one way. Frames weigh as much as
    the line of shoulders and hips is level.
    """
    spec = GeneratorSpec(clips=CLIPS)
    people = resident_bodies(spec.seed, spec.subjects)
    directions = []
    for start in range(0, CLIPS, AT_ONCE):
        numbers = np.arange(start, min(start + AT_ONCE, CLIPS))
        scene, _ = stage(numbers, plan_clips(numbers, spec), people, spec)
        joints = {name: scene.performers[:, number] for name, number in NUMBER.items()}
        across = joints["left_shoulder"] - joints["right_shoulder"]
        across = across + joints["left_hip"] - joints["right_hip"]
        to_camera = scene.views.position[..., None] - joints["pelvis"]
        facing, sight = -across[2] + 1j * across[0], to_camera[0] + 1j * to_camera[2]
        turned = np.conj(sight / np.abs(sight)) * facing
        directions.append(turned.sum(axis=1) / np.abs(facing).sum(axis=1))
    return np.concatenate(directions)


def _errors(errors: Mapping[str, np.ndarray], chosen: np.ndarray) -> dict[str, Any]:
    table = {}
    for name, values in errors.items():
        known = values[chosen & np.isfinite(values)]
        table[name] = {
            "known": len(known) / int(chosen.sum()),
            "median": float(np.median(known)),
            "p90": float(np.percentile(known, 90)),
            "limit": LIMITS[name],
            "within": float((known <= LIMITS[name]).mean()),
        }
    return {"share_of_clips": float(chosen.mean()), "errors": table}


if __name__ == "__main__":
    main()
