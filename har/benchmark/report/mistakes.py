"""The mistakes that a method is surest of, with the skeletons for the player."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from har.benchmark.gather import Entry
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
    folder = next((run.folder for e in entries for run in e.runs if run.folder is not None), None)
    store = _store_of(folder) if folder is not None else None
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


def _store_of(folder: Path) -> ClipStore | None:
    config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    store = config["data"].get("store")
    if not store or not Path(store).exists():
        return None
    try:
        return ClipStore.open(Path(store), unit=config["data"]["unit"])
    except HarError:
        return None


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
    joints = scaled[:, frames].round().astype(int)
    seen = picture.visible[:, frames]
    people = [
        [
            [
                [int(x), int(1000 - y)] if there else None
                for (x, y), there in zip(*pair, strict=True)
            ]
            for pair in zip(person, visible, strict=True)
        ]
        for person, visible in zip(joints, seen, strict=True)
        if visible.any()
    ]
    return {"people": people, "seconds": round(picture.frame_count / picture.fps, 2)}
