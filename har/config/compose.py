"""Composes configurations with Hydra's defaults list, and turns them into plain dicts and back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from har.config.check import check_config, raise_problems
from har.config.defaults import complete, defaults
from har.config.provided import Provided
from har.errors import ConfigError, did_you_mean
from har.paths import project_root

SCHEMA_NAME = "root_schema"
"""Name under which a primary config lists the schema first in its ``defaults``."""

HYDRA_VERSION = "1.3"

STANDALONE = ("benchmark", "sweep")
"""Folders of configs/ whose files are read by themselves, and are no groups of an experiment."""


def config_dir() -> Path:
    """Return the folder of the project's configurations."""
    return project_root() / "configs"


def register_schema() -> None:
    """Make the schema's keys and defaults known to Hydra as ``root_schema``.

    Hydra gets them without types: it would stop at the first wrong value or key, where ``validate``
    lists them all.
    """
    ConfigStore.instance().store(name=SCHEMA_NAME, node=defaults(), provider="har")


def compose(
    overrides: Sequence[str] = (),
    *,
    folder: Path | None = None,
    config_name: str = "train",
    provided: Provided | None = None,
) -> DictConfig:
    """Compose and check a configuration, as ``train.py`` would with these overrides.

    Args:
        overrides: in Hydra's syntax, such as ``["experiment=nwucla_stgcnpp", "seed=2"]``.
        folder: of the configurations; None takes the project's own.
        config_name: primary config, without ``.yaml``.
        provided: see ``check_config``.

    Raises:
        ConfigError: unknown option or key, wrong value, or anything else that cannot be built.
    """
    return validate(compose_unchecked(overrides, folder, config_name), provided)


def compose_unchecked(
    overrides: Sequence[str] = (), folder: Path | None = None, config_name: str = "train"
) -> DictConfig:
    """Compose without checking the result; only the defaults list and the overrides must be right.

    Raises:
        ConfigError: Hydra cannot compose them.
    """
    with hydra_tree(folder):
        return compose_in_tree(overrides, config_name)


@contextmanager
def hydra_tree(folder: Path | None = None) -> Iterator[ConfigLoader]:
    """Open a folder of configurations for Hydra, and leave Hydra afterwards as it was."""
    folder = config_dir() if folder is None else folder
    if not folder.is_dir():
        raise ConfigError(f"there is no folder of configurations {folder}; set HAR_HOME")
    register_schema()
    with initialize_config_dir(str(folder.resolve()), version_base=HYDRA_VERSION):
        yield GlobalHydra.instance().config_loader()


def compose_in_tree(overrides: Sequence[str], config_name: str) -> DictConfig:
    """Compose within ``hydra_tree``."""
    try:
        return hydra_compose(config_name, list(overrides))
    except MissingConfigException as error:
        wanted = (error.missing_cfg_file or "").rpartition("/")[2]
        raise ConfigError(f"{error}{did_you_mean(wanted, error.options or ())}") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"cannot compose the configuration: {_told(error)}") from error


def validate(
    config: DictConfig | Mapping[str, Any], provided: Provided | None = None
) -> DictConfig:
    """Return the configuration resolved, completed with the schema's defaults, and checked.

    Raises:
        ConfigError: lists every problem found.
    """
    completed = complete(to_plain(config))
    check_config(completed, provided)
    checked = OmegaConf.create(completed)
    OmegaConf.set_struct(checked, True)
    return checked


def to_plain(config: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as plain dicts and lists, every ``${...}`` replaced by its value.

    Raises:
        ConfigError: an interpolation that leads nowhere.
    """
    node = config if isinstance(config, DictConfig) else OmegaConf.create(dict(config))
    try:
        plain = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise_problems(_interpolation_problems(node))
        raise ConfigError(f"cannot resolve the configuration: {_told(error)}") from error
    if not isinstance(plain, dict):
        raise ConfigError(f"a configuration must be a mapping, not {plain!r}")
    return {str(key): value for key, value in plain.items()}


def _interpolation_problems(node: DictConfig | ListConfig) -> Iterator[str]:
    """Resolve every ``${...}`` on its own, to tell all that lead nowhere."""
    keys = range(len(node)) if isinstance(node, ListConfig) else list(node)
    for key in keys:
        try:
            value = None if OmegaConf.is_missing(node, key) else node[key]
        except OmegaConfBaseException as error:
            yield f"{node._get_full_key(key)}: {str(error).splitlines()[0]}"
        else:
            if isinstance(value, DictConfig | ListConfig) and not OmegaConf.is_interpolation(
                node, key
            ):
                yield from _interpolation_problems(value)


def from_plain(
    stored: Mapping[str, Any],
    *,
    trusted_targets: Sequence[str] = (),
    provided: Provided | None = None,
) -> DictConfig:
    """Return the configuration stored in a checkpoint, checked anew.

    Args:
        stored: what ``to_plain`` gave when the checkpoint was written.
        trusted_targets: prefixes of classes outside har that the caller lets it build. A checkpoint
            may come from anywhere, so what it says itself in ``extra_targets`` does not count.
        provided: see ``check_config``.

    Raises:
        ConfigError: it does not fit this version, or wants to build what is not trusted.
    """
    wanted = set(stored.get("extra_targets") or ())
    if untrusted := sorted(wanted - set(trusted_targets)):
        raise ConfigError(
            f"the stored configuration builds classes outside har: {', '.join(untrusted)}*. "
            "If you trust where it comes from, allow them with trusted_targets"
        )
    return validate(stored, provided)


def _told(error: BaseException) -> str:
    """Return the first message in a chain of errors that says something."""
    current: BaseException | None = error
    while current is not None:
        if str(current).strip():
            return str(current).strip()
        current = current.__cause__
    return type(error).__name__
