"""From a checkpoint to a bundle: written, proven, described."""
