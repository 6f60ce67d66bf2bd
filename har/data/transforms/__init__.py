"""Transforms of batches: normalisation, applied always, and augmentation, applied in training."""

from har.data.transforms.align import AlignShoulders, AlignSpine, AlignVertical
from har.data.transforms.base import Transform
from har.data.transforms.center import Center
from har.data.transforms.compose import Compose
from har.data.transforms.convert_layout import ConvertLayout
from har.data.transforms.dropout import FrameDropout, JointDropout, PersonDropout
from har.data.transforms.jitter import Jitter
from har.data.transforms.people import SelectPeople
from har.data.transforms.random_flip import RandomFlip
from har.data.transforms.random_rotation import RandomRotation
from har.data.transforms.random_scale import RandomScale
from har.data.transforms.random_shear import RandomShear
from har.data.transforms.scale import ScaleBody, ScaleBox, ScaleImage
from har.data.transforms.temporal import TemporalReverse, TemporalShift

__all__ = [
    "AlignShoulders",
    "AlignSpine",
    "AlignVertical",
    "Center",
    "Compose",
    "ConvertLayout",
    "FrameDropout",
    "Jitter",
    "JointDropout",
    "PersonDropout",
    "RandomFlip",
    "RandomRotation",
    "RandomScale",
    "RandomShear",
    "ScaleBody",
    "ScaleBox",
    "ScaleImage",
    "SelectPeople",
    "TemporalReverse",
    "TemporalShift",
    "Transform",
]
