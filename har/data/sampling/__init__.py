"""Temporal sampling: which frames of a clip a model sees. One strategy a file."""

from har.data.sampling.base import Sampler
from har.data.sampling.crop_resize import CropResizeSampler
from har.data.sampling.dense import DenseSampler
from har.data.sampling.multi_clip import MultiClipSampler
from har.data.sampling.sliding_window import SlidingWindowSampler, windows
from har.data.sampling.uniform import UniformSampler

__all__ = [
    "CropResizeSampler",
    "DenseSampler",
    "MultiClipSampler",
    "Sampler",
    "SlidingWindowSampler",
    "UniformSampler",
    "windows",
]
