"""What a cell's numbers depend on: configuration, code and data, as one key."""

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import har
from har.run.sources import open_sources

IRRELEVANT_PACKAGES = ("benchmark", "cli", "edge", "export", "audit", "pose")
"""Parts of har that no number of a training run passes through, but for what it builds of them."""

IRRELEVANT_MODULES = tuple(f"{har.__name__}.{package}." for package in IRRELEVANT_PACKAGES)

IRRELEVANT_KEYS = ("paths", "resume", "logger", "name")
IRRELEVANT_DATA_KEYS = ("store", "workers")


@dataclass(frozen=True)
class CellKey:
    """Hashes of what the numbers of a training run depend on."""

    config: str
    code: str
    data: str

    @property
    def short(self) -> str:
        """12 hexadecimal digits for all three."""
        return _hash([self.config, self.code, self.data])[:12]


def cell_key(config: Mapping[str, Any]) -> CellKey:
    """Return the key of the run that a configuration describes.

    Data that are generated are made if they are not there.

    Args:
        config: resolved and checked.

    Raises:
        HarError: the data are not prepared.
    """
    data = [source.store.fingerprint for source in open_sources(config)]
    return CellKey(_hash(_relevant(config)), code_hash(_built_elsewhere(config)), _hash(data))


def _hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _built_elsewhere(config: Any) -> frozenset[str]:
    """Return the modules, such as that of the peers, that a run builds parts from."""
    if isinstance(config, Mapping):
        inner = frozenset[str]().union(*map(_built_elsewhere, config.values()))
        module = str(config.get("_target_", "")).rpartition(".")[0]
        return inner | {module} if module.startswith(IRRELEVANT_MODULES) else inner
    if isinstance(config, list | tuple):
        return frozenset[str]().union(*map(_built_elsewhere, config))
    return frozenset()


@cache
def code_hash(also: frozenset[str] = frozenset()) -> str:
    """Return a hash of the code that training and testing run through.

    Comments, docstrings and layout do not count.

    Args:
        also: modules that count, of packages that do not.
    """
    root = Path(har.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        module = ".".join((har.__name__, *place.with_suffix("").parts))
        if place.parts[0] not in IRRELEVANT_PACKAGES or module in also:
            digest.update(f"{place.as_posix()}\n{_code(path)}\n".encode())
    return digest.hexdigest()


def _code(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            node.body = body[1:]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key not in IRRELEVANT_KEYS}
    kept["data"] = {k: v for k, v in config["data"].items() if k not in IRRELEVANT_DATA_KEYS}
    sources = kept["data"].get("sources") or {}
    kept["data"]["sources"] = {
        name: {k: v for k, v in own.items() if k != "store"} for name, own in sources.items()
    }
    kept["trainer"] = {k: v for k, v in config["trainer"].items() if k != "progress_bar"}
    return kept
