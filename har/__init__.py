"""har: action recognition for assisted living, from 3D poses and video."""

from har import _torchvision

__version__ = "0.1.0"

_torchvision.install()
