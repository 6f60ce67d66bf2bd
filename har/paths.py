"""Where the project keeps things on disk. Environment variables win over the defaults."""

import os
from pathlib import Path


def project_root() -> Path:
    """Return the folder that holds ``configs/`` and ``datasets/`` (``HAR_HOME`` overrides)."""
    return Path(os.environ.get("HAR_HOME", Path(__file__).resolve().parents[1]))


def datasets_root() -> Path:
    """Return the folder of the dataset cards."""
    return project_root() / "datasets"


def store_root() -> Path:
    """Return the folder of prepared clip stores (``HAR_STORE_DIR`` overrides)."""
    return Path(os.environ.get("HAR_STORE_DIR", project_root() / "data" / "store"))
