"""A tiny dataset and its adapter, as text, and functions to prepare it."""

import time
from pathlib import Path

from har.data import prepare

ADAPTER = """
import os
import time
from pathlib import Path

import numpy as np

from har.errors import BadSampleError
from har.samples import Clip, ClipRecord


class Adapter:
    VERSION = 1

    def __init__(self, card, raw, scale=1.0, pause_sec=0.0):
        self.card, self.raw = card, raw
        self.scale, self.pause_sec = scale, pause_sec

    def items(self):
        return sorted(p.relative_to(self.raw).as_posix() for p in self.raw.rglob("*.txt"))

    def read(self, item):
        time.sleep(self.pause_sec)
        words = Path(self.raw, item).read_text().split()
        match words[0]:
            case "bad":
                raise BadSampleError(item, "its text is bad")
            case "bug":
                return [][1]
            case "crash":
                os._exit(9)
            case "interrupt":
                raise KeyboardInterrupt
            case "none":
                return []
        frames, seed = int(words[0]), int(words[1])
        joints = np.random.default_rng(seed).normal(size=(1, frames, 20, 3)).astype(np.float32)
        if words[-1] == "nan":
            joints[0, 1] = np.nan
        record = ClipRecord(
            clip_id=words[2] if len(words) > 2 else Path(item).stem,
            dataset=self.card.name,
            label=seed % 2,
            frame_count=frames,
            person_count=1,
            fps=self.card.fps,
            layout=self.card.layout,
            subject=str(seed % 3),
            source=item,
        )
        return [Clip(record, self.scale * joints, np.ones(joints.shape[:3], np.float32))]
"""
CARD = """
name: tiny
title: Tiny
source: made by this test
licence: none
citation: none
obtain: Nothing to download.
size: {clips: 20}
layout: kinect20
unit: m
fps: 30
labels: [sit down, fall]
adapter: tiny_poses
"""


def prepare_quietly(card, raw, out, **options):
    settings = {"workers": 1, "progress": False, "part_items": 3, **options}
    return prepare.prepare_dataset(card, raw, out, **settings)


def content(store):
    return {path.name: path.read_bytes() for path in store.iterdir()}


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def finished_parts(out):
    return [
        path for path in Path(f"{out}.partial", "parts").glob("part-*") if path.suffix != ".tmp"
    ]
