"""Procedural generator of assisted-living motion as a depth sensor would report it.

``generate(clip_numbers, spec)`` is the whole interface; see docs/synthetic_home.md.
"""

from har.data.generator.actions import CLASSES
from har.data.generator.dataset import CONDITIONS, GeneratedClips, generate
from har.data.generator.layout import JOINTS, LAYOUT
from har.data.generator.spec import GeneratorSpec

__all__ = [
    "CLASSES",
    "CONDITIONS",
    "JOINTS",
    "LAYOUT",
    "GeneratedClips",
    "GeneratorSpec",
    "generate",
]
