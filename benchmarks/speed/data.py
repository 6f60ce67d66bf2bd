"""The way of skeletons from disk to a batch: a prepared store against the peer's pickle."""

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from har.data.batches import BatchRequest, ClipBatches
from har.data.sampling import UniformSampler
from har.data.store import ClipStore
from har.data.store_writer import write_store
from har.data.transforms import AlignShoulders, AlignSpine, Center, Compose
from har.models.heatmaps import draw_heatmaps
from har.samples import Clip
from har.skeleton.layout import load_layout
from speed import peer
from speed.models import HEATMAP_SIGMA, HEATMAP_SIZE, OURS, PEER
from speed.timing import Call, Times, interleave, resident_bytes

FRAMES, PEOPLE, BATCH = 100, 2, 16
PUBLISHED = ("frame_dir", "label", "total_frames", "keypoint")
"""What the annotation files of NTU RGB+D say of a clip."""
HEATMAP_FRAMES, HEATMAP_JOINTS = 48, 17
NORMALISE = Compose((Center("spine_mid"), AlignSpine(), AlignShoulders()))
WAYS = {
    "from raw": (True, True),
    "from the store": (False, True),
    "neither normalises": (False, False),
}
"""Whether we and the peer normalise clips as they come; else they were before."""
MEDIAN_FRAMES, SPREAD, FEWEST_FRAMES, MOST_FRAMES = 79, 0.35, 32, 300
"""Lengths of clips, log-normal: 84 frames on average, about those of NTU RGB+D 60."""
CPU = torch.device("cpu")
SHORTEST_S = 0.1
Work = Callable[[], object]
Opening = tuple[Work, Work]
"""What is timed, and what a fresh process does before."""


def measure_data(
    store_folder: Path, clips: int, opened: int, repeats: int, with_peer: bool
) -> list[dict[str, Any]]:
    """Return a record of opening a dataset, of making batches, and of drawing heatmaps.

    Args:
        store_folder: a store of the 25 joints of Kinect v2, as NTU RGB+D has.
        clips: made into batches.
        opened: clips of the dataset that is opened: those of the store, over and over.
        repeats: timed rounds.
        with_peer: measure mmaction2 too.
    """
    recorded = ClipStore.open(store_folder)
    with tempfile.TemporaryDirectory() as name:
        folder, small, pickled = (Path(name, part) for part in ("store", "small", "pickle"))
        write_store(small, recorded.meta.description, _clips_as_long_as_ntu(recorded, 1))
        write_store(folder, recorded.meta.description, _clips_as_long_as_ntu(recorded, opened))
        store = ClipStore.open(folder)
        ways: dict[str, Opening] = {
            OURS: (partial(_open_store, folder), partial(_open_store, small))
        }
        if with_peer:
            _write_pickle(store, pickled)
            ways[PEER] = (partial(_load_pickle, pickled), _nothing)
        rows = np.resize(np.random.default_rng(0).permutation(len(store)), clips)
        return [
            {"what": "opening the dataset", **_sizes(store), **_opening(ways, repeats)},
            *_batches(store, rows, repeats, with_peer),
            _heatmaps(clips // 8 or 1, repeats, with_peer),
        ]


def _sizes(store: ClipStore) -> dict[str, Any]:
    frames, people = store.index.frame_count, store.index.person_count
    return {
        "clips": len(store),
        "mean_frames": float(frames.mean()),
        "mean_people": float(people.mean()),
    }


def _batches(
    store: ClipStore, rows: np.ndarray, repeats: int, with_peer: bool
) -> Iterator[dict[str, Any]]:
    annotations = [_annotation(store, int(row)) for row in rows] if with_peer else []
    for way, normalise in WAYS.items():
        calls = _batch_calls(store, rows, annotations, *normalise)
        what = f"batches of {BATCH} clips, {FRAMES} frames, {way}"
        yield {"what": what, "clips": len(rows), **_timed(calls, repeats)}


def _timed(calls: dict[str, Call], repeats: int) -> dict[str, Any]:
    times = interleave(calls, repeats, CPU, shortest_s=SHORTEST_S)
    return {name: measured.summary() for name, measured in times.items()}


def _batch_calls(
    store: ClipStore,
    rows: np.ndarray,
    annotations: list[dict[str, Any]],
    we_normalise: bool,
    peer_normalises: bool,
) -> dict[str, Call]:
    groups = [slice(start, start + BATCH) for start in range(0, len(rows), BATCH)]
    reader = ClipBatches(store, UniformSampler(FRAMES), people=PEOPLE, training=True)
    layout = load_layout(store.layout)

    def ours() -> None:
        for number, group in enumerate(groups):
            made = reader[BatchRequest(rows[group], slice(None), number)]
            if we_normalise:
                NORMALISE(made, layout, torch.Generator().manual_seed(number))

    if not annotations:
        return {OURS: ours}
    pipeline = peer.peer_pipeline(FRAMES, PEOPLE, peer_normalises)

    def theirs() -> None:
        for group in groups:
            samples = [dict(annotation) for annotation in annotations[group]]
            for transform in pipeline:
                samples = [transform(sample) for sample in samples]
            peer.collate(samples)

    return {OURS: ours, PEER: theirs}


def _heatmaps(clips: int, repeats: int, with_peer: bool) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shape = (clips, HEATMAP_FRAMES, HEATMAP_JOINTS, 2)
    points = rng.uniform(0, HEATMAP_SIZE, shape).astype(np.float32)
    scores = np.ones(shape[:-1], np.float32)
    tensor, peaks = torch.from_numpy(points), torch.from_numpy(scores)
    calls: dict[str, Call] = {
        OURS: lambda: draw_heatmaps(tensor, peaks, HEATMAP_SIZE, HEATMAP_SIGMA)
    }
    if with_peer:
        draw = peer.peer_heatmaps()

        def theirs() -> None:
            for clip, score in zip(points, scores, strict=True):
                draw(
                    {
                        "keypoint": clip[None],
                        "keypoint_score": score[None],
                        "img_shape": (HEATMAP_SIZE, HEATMAP_SIZE),
                        "modality": "Pose",
                    }
                )

        calls[PEER] = theirs
    size = f"{HEATMAP_FRAMES} frames, {HEATMAP_JOINTS} joints, {HEATMAP_SIZE}x{HEATMAP_SIZE}"
    return {"what": f"heatmaps of {size}", "clips": clips, **_timed(calls, repeats)}


def _opening(ways: Mapping[str, Opening], repeats: int) -> dict[str, Any]:
    """Time the opening of a dataset in turns, each in a fresh process, the libraries loaded.

    Args:
        ways: of opening, by the name of the side.
        repeats: timed rounds, after one that reads the files.
    """
    rounds = [
        {name: _in_new_process(*way) for name, way in ways.items()} for _ in range(repeats + 1)
    ]
    return {name: _summary([measured[name] for measured in rounds[1:]]) for name in ways}


def _summary(measured: list[dict[str, Any]]) -> dict[str, Any]:
    times = Times(wall=[m["wall_s"] for m in measured], cpu=[m["cpu_s"] for m in measured])
    resident = [m["resident_bytes"] for m in measured if m["resident_bytes"] is not None]
    return {**times.summary(), "resident_bytes": max(resident, default=None)}


def _clips_as_long_as_ntu(store: ClipStore, clips: int) -> Iterator[Clip]:
    """Yield the clips of a store over and over, played to and fro for as long as drawn."""
    lengths = np.random.default_rng(0).lognormal(np.log(MEDIAN_FRAMES), SPREAD, clips)
    for number, length in enumerate(lengths.round().clip(FEWEST_FRAMES, MOST_FRAMES).astype(int)):
        clip = store.clip(number % len(store))
        last = max(clip.record.frame_count - 1, 1)
        frames = last - abs(np.arange(length) % (2 * last) - last)
        record = replace(clip.record, clip_id=str(number), frame_count=int(length))
        yield replace(
            clip,
            record=record,
            joints=clip.joints[:, frames],
            confidence=clip.confidence[:, frames],
        )


def _write_pickle(store: ClipStore, path: Path) -> None:
    """Write the clips as the published annotation files of NTU RGB+D are: in float16."""
    annotations = [
        {name: _annotation(store, number)[name] for name in PUBLISHED}
        for number in range(len(store))
    ]
    for annotation in annotations:
        annotation["keypoint"] = annotation["keypoint"].astype(np.float16)
    with path.open("wb") as file:
        pickle.dump(annotations, file, protocol=4)


def _open_store(folder: Path) -> object:
    store = ClipStore.open(folder)
    return store, store.index.label, store.joints, store.confidence


def _load_pickle(path: Path) -> object:
    with path.open("rb") as file:
        return pickle.load(file)


def _nothing() -> None:
    """Load no library: NumPy, which is all that a pickle needs, is there."""


def _in_new_process(work: Work, warm_up: Work) -> dict[str, Any]:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report_opening, args=(work, warm_up, sender))
    process.start()
    result = receiver.recv()
    process.join()
    return result


def _report_opening(work: Work, warm_up: Work, sender: Any) -> None:
    warm_up()
    resident = resident_bytes("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    kept = work()
    elapsed = time.perf_counter() - wall, time.process_time() - cpu
    now = resident_bytes("VmRSS")
    del kept
    more = None if resident is None or now is None else now - resident
    times = dict(zip(("wall_s", "cpu_s"), elapsed, strict=True))
    sender.send({**times, "resident_bytes": more})


def _annotation(store: ClipStore, i: int) -> dict[str, Any]:
    """Return a clip as the peer's annotation files hold it."""
    joints, _ = store.view(i)
    return {
        "frame_dir": str(store.index.clip_id[i]),
        "label": int(store.index.label[i]),
        "total_frames": joints.shape[1],
        "keypoint": np.array(joints[:PEOPLE], np.float32),
        "start_index": 0,
        "modality": "Pose",
        "test_mode": False,
        "num_clips": 1,
    }
