"""The quality report of a dataset: what ``quality.json`` says, tables, and the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from har.audit.report import write_table
from har.config.build import build
from har.config.compose import config_dir
from har.errors import ConfigError, did_you_mean
from har.quality.calibrate import calibrated_rules, matching_augmentation
from har.quality.coverage import AXES, Coverage, cells, compare, cover
from har.quality.filters import Rule, Verdicts, judge
from har.record import provenance, write_bytes_atomic, write_json_atomic
from har.run.quality.page import PAGE, write_page
from har.run.quality.sources import Measured, load_measured

SUMMARY, VALUES, VERDICTS = "quality.json", "values.parquet", "verdicts.csv"
DEFAULT_RULES = {"pose": "default", "video": "video"}


def quality_report(
    data: Path,
    out: Path,
    against: Path | None = None,
    quality: str | None = None,
    worst: int = 12,
    unit: str = "clip",
) -> dict[str, Any]:
    """Measure a dataset and write the report; return the content of ``quality.json``.

    Args:
        data: clip store, or videos.
        out: folder of the report.
        against: another dataset of the same kind to compare with, such as the target's.
        quality: name of the rules, see ``configs/quality``; None takes ``default`` for poses and
            ``video`` for videos.
        worst: how many of the worst clips to show.
        unit: of stores: "clip" or "segment".

    Raises:
        HarError: there is nothing to measure, or the two are of different kinds.
    """
    own = load_measured(data, out, unit)
    other = load_measured(against, out, unit) if against else None
    if other is not None and other.kind != own.kind:
        raise ConfigError(
            f"{data} has {own.kind}s and {against} {other.kind}s: compare like things"
        )
    name = quality or DEFAULT_RULES[own.kind]
    rules = read_rules(name)
    verdicts = judge(own.values, rules, np.arange(len(own)))
    covered = cover(own.values, AXES[own.kind])
    content = {
        "data": own.name,
        "kind": own.kind,
        "data_fingerprint": own.fingerprint,
        "clips": len(own),
        "unreadable": dict(own.problems),
        "quality": name,
        "verdicts": _count(verdicts),
        "measures": {key: _describe(values) for key, values in own.values.items()},
        "coverage": _coverage(covered),
        "comparison": _comparison(own, other, covered),
        "provenance": provenance(),
    }
    order = worst_first(verdicts)[:worst]
    write_page(out / PAGE, own, other, verdicts, content, order)
    _write_values(out / VALUES, own, verdicts)
    _write_verdicts(out / VERDICTS, own, verdicts)
    write_json_atomic(out / SUMMARY, content)
    print(f"quality report: {out / PAGE}")
    return content


def calibrate(
    data: Path, out: Path, keep: float = 99.0, action: str = "drop", unit: str = "clip"
) -> None:
    """Write rules that accept a user's own good clips, as a file for ``configs/quality``."""
    own = load_measured(data, out.parent, unit)
    rules = calibrated_rules(own.values, own.measures, keep, action)
    told = (
        f"# Limits from {len(own)} good clips of {own.name}: each keeps {keep:g} % of them, with\n"
        "# 5 % of room. Use it in configs/quality, as quality=<name of this file>.\n"
    )
    write_bytes_atomic(out, (told + _yaml({"filters": rules})).encode())
    print(f"{len(rules)} rules: {out}")


def match(source: Path, target: Path, out: Path, base: str = "kinect3d_gravity") -> None:
    """Write a transform group that augments training clips to the conditions of a target."""
    known = sorted(path.stem for path in (config_dir() / "transform").glob("*.yaml"))
    if base not in known:
        raise ConfigError(
            f"there is no transform={base}.{did_you_mean(base, known)} "
            f"There are: {', '.join(known)}"
        )
    own, other = load_measured(source, out.parent), load_measured(target, out.parent)
    trunks = own.values.get("trunk_m", np.array([]))
    trunk_m = float(np.nanmedian(trunks)) if np.isfinite(trunks).any() else 1.0
    added = matching_augmentation(own.values, other.values, trunk_m)
    group = yaml.safe_load((config_dir() / "transform" / f"{base}.yaml").read_text("utf-8"))
    ours = {node["_target_"] for node in added}
    kept = [node for node in group.get("augment") or [] if node["_target_"] not in ours]
    told = (
        f"# transform={base}, augmented from the conditions of {own.name} to those of\n"
        f"# {other.name}. Use it in configs/transform, as transform=<name of this file>.\n"
    )
    group = {**group, "augment": kept + added}
    write_bytes_atomic(out, (told + _yaml(group)).encode())
    print(f"{len(added)} augmentations from measured conditions: {out}")


def read_rules(name: str) -> list[Rule]:
    """Return the rules of ``configs/quality/<name>.yaml``.

    Raises:
        ConfigError: there are none of this name, or they make no sense.
    """
    folder = config_dir() / "quality"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise ConfigError(
            f"there is no quality={name}.{did_you_mean(name, known)} There are: {', '.join(known)}"
        )
    content = yaml.safe_load((folder / f"{name}.yaml").read_text("utf-8"))
    return [build(node) for node in content["filters"]]


def worst_first(verdicts: Verdicts) -> list[int]:
    """Return the rejected clips, first those with the least weight, then the worst score."""
    rejected = [row for row, reason in enumerate(verdicts.reasons) if reason]
    return sorted(rejected, key=lambda row: (verdicts.weight[row], verdicts.score[row], row))


def _count(verdicts: Verdicts) -> dict[str, Any]:
    weight, everything = verdicts.weight, np.arange(len(verdicts.weight))
    flagged = [w == 1 and bool(r) for w, r in zip(weight, verdicts.reasons, strict=True)]
    return {
        "accepted": int(verdicts.accepted.sum()),
        "dropped": int((weight == 0).sum()),
        "weighed_less": int(((weight > 0) & (weight < 1)).sum()),
        "flagged_only": sum(flagged),
        "rejected_by": verdicts.counts(everything),
        "rules": verdicts.rules,
    }


def _describe(values: np.ndarray) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    if not len(known):
        return {"known": 0}
    percentiles = dict(
        zip(
            ("p1", "p25", "median", "p75", "p99"),
            np.percentile(known, (1, 25, 50, 75, 99)),
            strict=True,
        )
    )
    return {"known": len(known), **{name: float(value) for name, value in percentiles.items()}}


def _coverage(covered: Coverage) -> dict[str, Any]:
    return {
        "axes": [axis.measure for axis in covered.axes],
        "cells": [{"cell": names, "clips": count} for names, count in cells(covered)],
        "empty_cells": len(covered.empty()),
        "unknown": covered.unknown,
    }


def _comparison(own: Measured, other: Measured | None, covered: Coverage) -> dict[str, Any] | None:
    if other is None:
        return None
    theirs = cover(other.values, AXES[other.kind])
    return {
        "against": other.name,
        "clips": len(other),
        "data_fingerprint": other.fingerprint,
        "measures": compare(own.values, other.values),
        "not_covered": [{"cell": names, "clips": count} for names, count in covered.lacks(theirs)],
    }


def _write_values(path: Path, own: Measured, verdicts: Verdicts) -> None:
    table = pa.table(
        {
            "clip_id": list(own.clip_ids),
            "label": list(own.labels),
            **dict(own.values),
            "weight": verdicts.weight,
            "score": verdicts.score,
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _write_verdicts(path: Path, own: Measured, verdicts: Verdicts) -> None:
    rows: list[Sequence[Any]] = [
        (own.clip_ids[row], f"{verdicts.weight[row]:.3g}", f"{verdicts.score[row]:.3f}",
         verdicts.reasons[row])
        for row in worst_first(verdicts)
    ]  # fmt: skip
    unreadable = [(name, "0", "0.000", reason) for name, reason in own.problems.items()]
    write_table(path, ("source", "weight", "score", "reason"), [*unreadable, *rows])


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, default_flow_style=None, width=100)
