"""The model card: what a model is, how well it works, and where it must not be trusted."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from har.errors import HarError
from har.evaluation.report_table import (
    describe_test,
    format_interval,
    interval_note,
    metric_rows,
    percent,
    worst_class_rows,
)

_WEAK_CLASSES = 10
_RECIPE_SECTIONS = (
    "seed", "data", "protocol", "stream", "sampling", "transform", "quality", "model", "loss",
    "mixing", "optimizer", "scheduler", "ema", "trainer", "checkpoint",
)  # fmt: skip
_USE_AND_LIMITS = """\
Made for research and for supporting people who live at home: activity logs, reminders, and hints
that a carer looks at. It is not a medical device.

- Never let it decide alone about an alarm or about care. It misses actions and reports actions
  that did not happen; the tables below say how often, on recordings that resemble its training.
- The recordings are staged unless the data section says otherwise, mostly by younger and healthy
  people. Older or ill people, walking aids, wheelchairs, furniture in the way, other cameras and
  other heights of the camera were not tested unless listed. Test on your own recordings first.
- It knows only its classes and gives one of them to whatever it sees. Clips that show something
  else, several actions, or part of an action get a wrong answer, often with a high probability.
- It sees poses, so an error of the pose estimator or a confusion of two people goes through.
- A probability is not a certainty: see the calibration error before you set a threshold.
- Poses are personal data. Tell the people concerned, and keep no more than is needed."""


def write_model_card(
    path: Path,
    results: Mapping[str, Any],
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Path:
    """Write the model card as Markdown and return its path.

    Args:
        path: of the file, usually ``model_card.md`` in the run folder.
        results: as ``evaluate`` returns them, and optionally ``dataset`` (facts to list, such as
            title, licence, source, citation) and ``cost`` (facts to list, such as parameters,
            operations of one clip, training time, latency).
        config: the resolved configuration as plain values; ``name``, ``data.card``,
            ``protocol.name`` and the class of ``model.backbone`` appear in the text.
        provenance: facts to list, as ``har.record.provenance`` returns them.

    Raises:
        HarError: the file cannot be written.
    """
    sections = (
        _summary(results, config),
        _data_section(results, config),
        f"## Intended use and limits\n\n{_USE_AND_LIMITS}",
        _results_section(results),
        _weak_spots_section(results),
        _recipe_section(config),
        _facts_section("Cost", results.get("cost") or {}, "Not measured in this run."),
        _facts_section("Provenance", provenance, "Not recorded."),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    except OSError as error:
        raise HarError(f"Cannot write the model card {path}: {error}") from error
    return path


def _summary(results: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    metrics = results["metrics"]
    interval = format_interval("top1", results["intervals"].get("top1"))
    accuracy = percent(metrics["top1"]) + (f" (95 % interval {interval})" if interval else "")
    names = ", ".join(_escape(row["name"]) for row in results["per_class"])
    return (
        f"# Model card: {_lookup(config, 'name', 'unnamed run')}\n\n"
        f"A `{_backbone_name(config)}` model that names the action in a clip of poses, one of "
        f"{metrics['classes']} classes. Top-1 accuracy on the test part of dataset "
        f"`{_lookup(config, 'data.card', 'unknown')}`, protocol "
        f"`{_lookup(config, 'protocol.name', 'unknown')}`: **{accuracy}**.\n\nClasses: {names}."
    )


def _data_section(results: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    facts = {
        "dataset": _lookup(config, "data.card", "unknown"),
        **(results.get("dataset") or {}),
        "protocol": _lookup(config, "protocol.name", "unknown"),
        "fold": _lookup(config, "protocol.fold", None),
        "validation": _lookup(config, "protocol.validation", None),
        "tested on": describe_test(results),
        "test subjects": ", ".join(results["per_subject"]),
        "test cameras": ", ".join(results["per_camera"]),
        "classes without test clips": ", ".join(results["absent_classes"]) or "none",
    }
    return _facts_section("Data and protocol", facts, "")


def _results_section(results: Mapping[str, Any]) -> str:
    rows = [(title, value, interval or "-") for title, value, interval in metric_rows(results)]
    return (
        "## Results\n\n"
        + _markdown_table(("metric", "value", "95 % interval"), rows)
        + f"\n\n{interval_note(results)} Mean class accuracy leaves classes without test clips "
        "out. Brier score (0 to 2) and negative log-likelihood (nats) are better when lower."
    )


def _weak_spots_section(results: Mapping[str, Any]) -> str:
    rows = worst_class_rows(results, _WEAK_CLASSES)
    if not rows:
        return "## Weak spots\n\nEvery test clip was recognised."
    table = _markdown_table(("class", "clips", "accuracy", "F1", "most often taken for"), rows)
    spreads = [
        _spread("subjects", results["per_subject"]),
        _spread("cameras", results["per_camera"]),
    ]
    return "\n\n".join(["## Weak spots", table, *filter(None, spreads)])


def _spread(what: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the lowest and highest accuracy among groups, or nothing for a single group."""
    if len(groups) < 2:
        return ""
    ordered = sorted(groups, key=lambda name: groups[name]["top1"])
    low, high = (f"{percent(groups[name]['top1'])} ({name})" for name in (ordered[0], ordered[-1]))
    return f"Top-1 accuracy over {len(groups)} {what} reaches from {low} to {high}."


def _recipe_section(config: Mapping[str, Any]) -> str:
    recipe = {name: config[name] for name in _RECIPE_SECTIONS if name in config}
    if not recipe:
        return "## Training recipe\n\nNot recorded."
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100)
    return f"## Training recipe\n\n```yaml\n{text.rstrip()}\n```"


def _facts_section(title: str, facts: Mapping[str, Any], otherwise: str) -> str:
    rows = [
        (name.replace("_", " "), _plain_text(value))
        for name, value in facts.items()
        if value is not None
    ]
    body = _markdown_table(("", ""), rows) if rows else otherwise
    return f"## {title}\n\n{body}"


def _plain_text(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = (
            f"{name} {_plain_text(entry)}" for name, entry in value.items() if entry is not None
        )
        return ", ".join(parts) or "-"
    if isinstance(value, list | tuple):
        return "; ".join(_plain_text(entry) for entry in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """Return text that cannot break a Markdown table or paragraph."""
    return text.replace("|", "\\|").replace("\n", " ")


def _backbone_name(config: Mapping[str, Any]) -> str:
    target = _lookup(config, "model.backbone._target_", "skeleton")
    return str(target).rpartition(".")[2]


def _lookup(config: Mapping[str, Any], dotted_key: str, otherwise: Any) -> Any:
    """Return ``config[a][b]`` for ``a.b``, or ``otherwise`` where a part is missing or null."""
    value: Any = config
    for key in dotted_key.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return otherwise if value is None else value
