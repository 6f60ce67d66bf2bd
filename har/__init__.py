"""har: action recognition for assisted living, from 3D poses and video."""

__version__ = "0.1.0"
