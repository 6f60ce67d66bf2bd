"""Explains mistakes in command-line overrides before Hydra meets them.

Hydra stops at the first override it cannot apply, and knows no close match. Here all of them are
looked at: a key that the composed configuration lacks, a config group or option that does not
exist. What only Hydra understands is left to it: its own flags and ``hydra.*`` settings, the
values of sweeps, and keys added with ``+`` (the check of the composed configuration sees those).
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import OverrideParseException
from omegaconf import OmegaConf

from har.config.check import join, no_such_key, raise_problems
from har.config.compose import STANDALONE, compose_in_tree, hydra_tree
from har.errors import ConfigError, did_you_mean


def explain_overrides(
    argv: Sequence[str], folder: Path | None = None, config_name: str = "train"
) -> None:
    """Check the overrides of a command line.

    Args:
        argv: the command line without the program's name; may hold Hydra's flags.
        folder: of the configurations; None takes the project's own.
        config_name: primary config, unless ``--config-name`` gives another.

    Raises:
        ConfigError: lists every override that cannot be applied, each with the closest match.
    """
    flags = get_args_parser().parse_args(list(argv))
    asks_for_text = flags.help or flags.hydra_help or flags.shell_completion
    other_tree = flags.config_path or flags.config_dir or flags.experimental_rerun
    own = [text for text in flags.overrides if not text.lstrip("+~").startswith("hydra.searchpath")]
    if asks_for_text or other_tree or len(own) < len(flags.overrides):
        return
    with hydra_tree(folder) as loader:
        overrides = [item for item in _parse(own, loader) if not item.is_hydra_override()]
        tree = ConfigTree(loader)
        groups = [item for item in overrides if tree.is_group_override(item)]
        values = [item for item in overrides if item not in groups]
        lost = {id(item): problems for item in groups if (problems := tree.group_problems(item))}
        found = [item for item in groups if id(item) not in lost]
        name = flags.config_name or config_name
        # A key may be of the option that was not found: then tell only those with a close match.
        keys = _value_problems(values, found, tree, name, only_close=bool(lost))
        raise_problems([*chain.from_iterable(lost.values()), *keys])


class ConfigTree:
    """The config groups of the folder that Hydra has open, and their options."""

    def __init__(self, loader: ConfigLoader):
        self.loader = loader
        self.groups = tuple(self._groups_below(""))

    def options(self, group: str) -> list[str]:
        """Return the names of a group's configs."""
        return sorted(self.loader.get_group_options(group, ObjectType.CONFIG))

    def is_group_override(self, item: Override) -> bool:
        """Return whether an override chooses a config, rather than sets a value."""
        is_group = item.key_or_group in self.groups or "/" in item.key_or_group
        return is_group and not isinstance(item.value(), dict)

    def chosen(self, item: Override) -> list[str]:
        """Return the options that an override of a group names; several in a sweep."""
        value = item.value()
        if isinstance(value, Glob):
            return value.filter(self.options(item.key_or_group))
        if item.is_choice_sweep():
            return list(item.sweep_string_iterator())
        listed = value if isinstance(value, list) else [value]
        return [str(option) for option in listed if option is not None]

    def group_problems(self, item: Override) -> list[str]:
        """Compare the group and the options of an override with those there are."""
        group = item.key_or_group
        if group not in self.groups:
            return [
                f"{group}: no such config group.{did_you_mean(group, self.groups)} "
                f"(there are: {', '.join(self.groups)})"
            ]
        if item.is_delete():
            return []
        options = self.options(group)
        return [
            f"{group}={option}: not found.{did_you_mean(option, options)} "
            f"There are: {', '.join(options) or 'none'}"
            for option in self.chosen(item)
            if option.removesuffix(".yaml") not in options
        ]

    def _groups_below(self, parent: str) -> Iterator[str]:
        for name in sorted(self.loader.list_groups(parent)):
            group = f"{parent}/{name}" if parent else name
            if group != "hydra" and group not in STANDALONE:
                yield group
                yield from self._groups_below(group)


def _parse(texts: Sequence[str], loader: ConfigLoader) -> list[Override]:
    try:
        return OverridesParser.create(config_loader=loader).parse_overrides(list(texts))
    except OverrideParseException as error:
        raise ConfigError(
            f"'{error.override}' is not an override: {error}. Write key=value; see "
            "https://hydra.cc/docs/advanced/override_grammar/basic/"
        ) from error


def _value_problems(
    values: list[Override],
    groups: list[Override],
    tree: ConfigTree,
    config_name: str,
    only_close: bool,
) -> Iterator[str]:
    """Compare the keys of the value overrides with the configuration of every chosen option."""
    added = [item.input_line or "" for item in values if item.is_add() or item.is_force_add()]
    checked = [item for item in values if not (item.is_add() or item.is_force_add())]
    for choice in _choices(groups, tree):
        config = compose_in_tree([*choice, *_without_sweeps(added, values)], config_name)
        plain = OmegaConf.to_container(config, resolve=False)
        for item in checked:
            key = item.key_or_group
            if group := _group_meant(item, tree):
                yield f"{key}={item.value()}: choose an option with {group}={item.value()}"
            elif not only_close or _mended(key, plain):
                yield from _key_problem(key, plain, tree.groups)


def _group_meant(item: Override, tree: ConfigTree) -> str | None:
    """Return the group where ``model.backbone=x`` was written for ``model/backbone=x``."""
    group = item.key_or_group.replace(".", "/")
    meant = group in tree.groups and str(item.value()) in tree.options(group)
    return group if meant else None


def _without_sweeps(added: list[str], values: list[Override]) -> list[str]:
    """Return the added keys, those that a sweep gives values with a null for a value."""
    swept = {item.input_line: item for item in values if item.is_sweep_override()}
    return [f"{swept[t].get_key_element()}=null" if t in swept else t for t in added]


def _choices(groups: list[Override], tree: ConfigTree) -> Iterator[list[str]]:
    """Yield override lists that name every option of a sweep over groups at least once."""
    first: list[str] = []
    further: list[tuple[int, str]] = []
    for item in groups:
        options = tree.chosen(item) if item.is_sweep_override() else []
        lines = [f"{item.get_key_element()}={option}" for option in options]
        lines = lines or [item.input_line or ""]
        further += [(len(first), line) for line in lines[1:]]
        first.append(lines[0])
    yield first
    for position, line in further:
        yield [*first[:position], line, *first[position + 1 :]]


def _key_problem(key: str, config: Any, groups: Sequence[str]) -> Iterator[str]:
    """Walk down a dotted key; tell the first step that leads nowhere."""
    path, node = "", config
    for step in key.split("."):
        children = _children(node)
        if path and not children:
            yield f"{key}: no such key, because {path} is {_shown(node, path, groups)}"
            return
        if step not in children:
            yield no_such_key(key, _closest(key, config, groups), path, sorted(children))
            return
        path, node = join(path, step), children[step]


def _shown(node: Any, path: str, groups: Sequence[str]) -> str:
    group = path.replace(".", "/")
    hint = f"; choose one with {group}=<option>" if group in groups else ""
    return ("null" if node is None else repr(node)) + hint


def _closest(key: str, config: Any, groups: Sequence[str]) -> str | None:
    """Return the key most likely meant: mended step by step, a group, or one of the same name."""
    if mended := _mended(key, config):
        return mended
    paths = {path.rpartition(".")[2]: path for path in _paths_below(config, "")}
    candidates = {**paths, **{group: group for group in groups}}
    close = get_close_matches(key.rpartition(".")[2], list(candidates), n=1)
    return candidates[close[0]] if close else None


def _mended(key: str, config: Any) -> str | None:
    path, node = "", config
    for step in key.split("."):
        children = _children(node)
        close = get_close_matches(step, list(children), n=1)
        if not close:
            return None
        path, node = join(path, close[0]), children[close[0]]
    return path


def _paths_below(node: Any, path: str) -> Iterator[str]:
    for name, child in _children(node).items():
        yield join(path, name)
        yield from _paths_below(child, join(path, name))


def _children(node: Any) -> Mapping[str, Any]:
    if isinstance(node, Mapping):
        return node
    return {str(index): item for index, item in enumerate(node)} if isinstance(node, list) else {}
