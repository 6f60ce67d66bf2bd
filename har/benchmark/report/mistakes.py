"""The mistakes that a method is surest of, with the skeletons for the player."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from har.benchmark.entries import Entry, SeedResult
from har.data.store import ClipStore
from har.errors import HarError
from har.evaluation.projection import SkeletonClip, bounds
from har.run.folder import CONFIG
from har.skeleton.layout import load_layout

SHOWN = 8
FRAMES = 48


def worst_mistakes(entries: Sequence[Entry], count: int = SHOWN) -> dict[str, Any] | None:
    """Return the mistakes of the first entry that it is surest of, each with projected joints.

    None where the clips are not at hand, such as on another machine, or several datasets were
    tested at once.
    """
    entry = entries[0]
    run = next((run for e in entries for run in e.runs if run.folder is not None), None)
    store = _store_of(run) if run is not None else None
    if store is None:
        return None
    predictions = entry.runs[0].predictions
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    chosen = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")[:count]]
    row_of = {clip_id: row for row, clip_id in enumerate(store.index.clip_id.tolist())}
    edges = load_layout(store.layout).edge_indices.tolist()
    names = predictions.class_names
    clips = [
        {
            "clip": str(predictions.clip_ids[i]),
            "true": names[predictions.labels[i]],
            "predicted": names[predictions.predicted[i]],
            "confidence": round(float(predictions.confidence[i]), 3),
            **_drawing(store, row_of[str(predictions.clip_ids[i])]),
        }
        for i in chosen
    ]
    return {"name": entry.name, "edges": edges, "clips": clips}


def _store_of(run: SeedResult) -> ClipStore | None:
    """Return the store that a run was tested on, if it is still there and the same."""
    if run.folder is None:
        return None
    config = yaml.safe_load((run.folder / CONFIG).read_text(encoding="utf-8"))
    path = config["data"].get("store")
    if not path or not Path(path).exists():
        return None
    try:
        store = ClipStore.open(Path(path), unit=config["data"]["unit"])
    except HarError:
        return None
    return store if store.fingerprint == run.results["data_fingerprint"] else None


def _drawing(store: ClipStore, row: int) -> dict[str, Any]:
    """Return the front view of a clip in whole numbers of 0 to 1000, at most ``FRAMES`` frames."""
    clip = store.clip(row)
    layout = load_layout(store.layout)
    picture = SkeletonClip(
        clip.joints, clip.confidence, layout.edge_indices, layout.joints, clip.record.fps
    )
    points = picture.project("front")
    low, high = bounds(points, picture.visible)
    size = float((high - low).max()) or 1.0
    scaled = (points - (low + high) / 2) / size * 1000 + 500
    frames = np.unique(np.linspace(0, picture.frame_count - 1, FRAMES).round().astype(int))
    there = picture.visible.any(axis=(1, 2))
    joints = scaled[there][:, frames].round().astype(int)
    seen = picture.visible[there][:, frames]
    people = [
        [
            [
                [int(x), int(1000 - y)] if there else None
                for (x, y), there in zip(*pair, strict=True)
            ]
            for pair in zip(person, visible, strict=True)
        ]
        for person, visible in zip(joints, seen, strict=True)
    ]
    return {"people": people, "seconds": round(picture.frame_count / picture.fps, 2)}
