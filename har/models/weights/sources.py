"""Whose checkpoints can be read, and of which models."""

from collections.abc import Mapping

from har.errors import ConfigError, did_you_mean
from har.models.weights import agcn2s, ctrgcn, mmaction2, msg3d, protogcn, pyskl
from har.models.weights.published import PublishedModel, Source

SOURCES: Mapping[str, Source] = {
    "pyskl": pyskl.SOURCE,
    "mmaction2": mmaction2.SOURCE,
    "ctrgcn": ctrgcn.SOURCE,
    "agcn2s": agcn2s.SOURCE,
    "msg3d": msg3d.SOURCE,
    "protogcn": protogcn.SOURCE,
}


def find_source(name: str) -> Source:
    """Return a source by its name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SOURCES:
        raise ConfigError(
            f"source={name}: there is no such source.{did_you_mean(name, SOURCES)} "
            f"There are: {', '.join(SOURCES)}"
        )
    return SOURCES[name]


def find_model(source: str, model: str) -> PublishedModel:
    """Return how the checkpoints of a model of a source are read.

    Args:
        source: its name.
        model: name of the backbone, such as ``stgcnpp``.

    Raises:
        ConfigError: there is no such source, or it has no such model.
    """
    found = find_source(source)
    if model not in found.models:
        raise ConfigError(
            f"model={model}: of {found.title} the checkpoints of {', '.join(found.models)} can be "
            f"read.{did_you_mean(model, found.models)}"
        )
    return found.models[model]
