"""The page of the quality report: one file, no network."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from har.evaluation.style import page_style
from har.quality.coverage import AXES, Coverage, cover
from har.quality.filters import Verdicts, rejects
from har.quality.measure import Measure
from har.record import write_bytes_atomic
from har.run.quality.sources import Measured

PAGE, TEMPLATE = "index.html", "page.html"
_BINS = 28
_WIDTH, _HEIGHT = 236, 64
_SHOWN_DIFFERENCES = 12
_SHOWN_GAPS = 12
_SHOWN_PROBLEMS = 50


def write_page(
    path: Path,
    own: Measured,
    other: Measured | None,
    verdicts: Verdicts,
    content: Mapping[str, Any],
    worst: Sequence[int],
) -> None:
    """Write the page.

    Args:
        path: of the page.
        own: the dataset.
        other: the one it is compared with.
        verdicts: on the clips of ``own``.
        content: of ``quality.json``.
        worst: rows of the clips to show.
    """
    template = Template(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    text = template.substitute(
        style=page_style(),
        name=escape(own.name),
        summary=escape(_sentence(own, content)),
        rules=_rules(own, verdicts),
        worst=_worst(own, verdicts, worst),
        problems=_problems(own),
        coverage=_coverage(cover(own.values, AXES[own.kind])),
        comparison=_comparison(own, other, content),
        distributions=_distributions(own, other, verdicts),
    )
    write_bytes_atomic(path, text.encode())


def _sentence(own: Measured, content: Mapping[str, Any]) -> str:
    verdicts, covered = content["verdicts"], content["coverage"]
    unreadable = f" {len(own.problems)} files could not be read." if own.problems else ""
    return (
        f"{len(own)} clips measured by {own.kind}. The rules quality={content['quality']} accept "
        f"{verdicts['accepted']}, would drop {verdicts['dropped']} from training, show "
        f"{verdicts['weighed_less']} less often, and flag {verdicts['flagged_only']} others."
        f"{unreadable} {covered['empty_cells']} of {len(covered['cells'])} combinations of "
        "conditions have no clip."
    )


def _rules(own: Measured, verdicts: Verdicts) -> str:
    rows = []
    for rule in verdicts.rules:
        limits = [
            f"{word} {limit:.4g}"
            for word, limit in (("at least", rule.least), ("at most", rule.most))
            if limit is not None and np.isfinite(limit)
        ]
        rejected = int(rejects(rule, own.values[rule.measure]).sum())
        weight = f"weight {rule.weight:g}" if rule.action == "weight" else rule.action
        rows.append((rule.measure, " and ".join(limits), weight, str(rejected)))
    return _table(("measure", "accepted", "otherwise", "clips rejected"), rows)


def _worst(own: Measured, verdicts: Verdicts, rows: Sequence[int]) -> str:
    if not rows:
        return "<p>No clip breaks a rule.</p>"
    return "".join(_clip(own, verdicts, row) for row in rows)


def _clip(own: Measured, verdicts: Verdicts, row: int) -> str:
    url = own.picture(row)
    name = escape(own.clip_ids[row])
    picture = (
        f'<img alt="frames of {name}" src="{url}">'
        if url
        else '<p class="quiet">There is nothing to see.</p>'
    )
    label = f' <span class="quiet">{escape(own.labels[row])}</span>' if own.labels[row] else ""
    weight = verdicts.weight[row]
    fate = "dropped" if weight == 0 else "flagged" if weight == 1 else f"weight {weight:.2g}"
    return (
        f"<article><h3>{name}{label}</h3>{picture}"
        f'<p class="reason"><b>{fate}</b>: {escape(verdicts.reasons[row])}</p></article>'
    )


def _problems(own: Measured) -> str:
    if not own.problems:
        return ""
    shown = list(own.problems.items())[:_SHOWN_PROBLEMS]
    return "<h2>Files that could not be read</h2>" + _table(("file", "reason"), shown)


def _coverage(covered: Coverage) -> str:
    if len(covered.axes) < 2:
        return "<p>Too little is known of the conditions.</p>"
    first, second, *rest = covered.axes
    unknown = f" {covered.unknown} clips are not counted: one of these is not known." * bool(
        covered.unknown
    )
    axes = " x ".join(axis.title for axis in covered.axes)
    note = f"<p>Clips by {axes}; orange cells have none.{unknown}</p>"
    layers = rest[0].names if rest else ("",)
    parts = []
    for number, layer in enumerate(layers):
        counts = covered.counts[..., number] if rest else covered.counts
        title = f"<h3>{escape(rest[0].title)}: {escape(layer)}</h3>" if rest else ""
        rows = [(name, *counts[at].tolist()) for at, name in enumerate(first.names)]
        header = (f"{first.title} / {second.title}", *second.names)
        parts.append(f"<div>{title}{_table(header, rows)}</div>")
    return note + f'<div class="side">{"".join(parts)}</div>'


def _comparison(own: Measured, other: Measured | None, content: Mapping[str, Any]) -> str:
    found = content["comparison"]
    if other is None or found is None:
        return ""
    rows = [
        (
            row["measure"],
            own.measures[row["measure"]].unit,
            f"{row['median']:.4g}",
            f"{row['other_median']:.4g}",
            f"{100 * row['outside']:.0f} %",
            f"{row['distance']:.2f}",
        )
        for row in found["measures"][:_SHOWN_DIFFERENCES]
    ]
    header = ("measure", "unit", own.name, other.name, "outside", "distance")
    gaps = [(", ".join(gap["cell"]), gap["clips"]) for gap in found["not_covered"][:_SHOWN_GAPS]]
    missing = (
        f"<h3>Conditions that {escape(other.name)} has and {escape(own.name)} lacks</h3>"
        + _table(("conditions", "clips"), gaps)
        if gaps
        else f"<p>{escape(own.name)} has clips in all conditions of {escape(other.name)}.</p>"
    )
    return (
        f"<h2>Compared with {escape(other.name)}</h2><p>The measures that differ most, by medians. "
        f"“Outside” is the share of {escape(other.name)} beyond the middle 98 % of "
        f"{escape(own.name)}; the distance is that of Kolmogorov and Smirnov, from 0 to 1.</p>"
        f"{_table(header, rows)}{missing}"
    )


def _distributions(own: Measured, other: Measured | None, verdicts: Verdicts) -> str:
    limits: dict[str, list[float]] = {}
    for rule in verdicts.rules:
        found = [end for end in (rule.least, rule.most) if end is not None and np.isfinite(end)]
        limits.setdefault(rule.measure, []).extend(found)
    groups: dict[str, list[str]] = {}
    for name, measure in own.measures.items():
        theirs = None if other is None else other.values[name]
        figure = _figure(measure, own.values[name], theirs, limits.get(name, []))
        groups.setdefault(measure.group, []).append(figure)
    return "".join(
        f'<h3>{escape(group)}</h3><div class="figures">{"".join(figures)}</div>'
        for group, figures in groups.items()
    )


def _figure(
    measure: Measure, values: np.ndarray, other: np.ndarray | None, limits: Sequence[float]
) -> str:
    known = values[np.isfinite(values)]
    title = f"<b>{escape(measure.name)}</b> <span class=quiet>{escape(measure.unit)}</span>"
    text = f'<figcaption>{title}<br><span class="quiet">{escape(measure.text)}</span></figcaption>'
    if not len(known):
        return f'<figure>{text}<p class="quiet">not known for any clip</p></figure>'
    theirs = np.array([]) if other is None else other[np.isfinite(other)]
    both = np.concatenate([known, theirs])
    low, high = np.percentile(both, (0.5, 99.5))
    if high <= low:
        low, high = low, low + 1
    shown = [_bars(known, low, high, "own")]
    if len(theirs):
        shown.append(_bars(theirs, low, high, "other"))
    shown += [_limit(limit, low, high) for limit in limits if low <= limit <= high]
    unknown = f", {len(values) - len(known)} unknown" if len(known) < len(values) else ""
    ends = (
        f'<div class="ends quiet"><span>{low:.3g}</span><span>median {np.median(known):.3g}'
        f"{unknown}</span><span>{high:.3g}</span></div>"
    )
    return (
        f'<figure>{text}<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="distribution of {escape(measure.name)}">{"".join(shown)}'
        f'<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}" class="axis"/></svg>'
        f"{ends}</figure>"
    )


def _bars(values: np.ndarray, low: float, high: float, kind: str) -> str:
    counts, _ = np.histogram(values.clip(low, high), bins=_BINS, range=(low, high))
    tall = _HEIGHT * np.sqrt(counts / max(counts.max(), 1))
    wide = _WIDTH / _BINS
    if kind == "other":
        corners = [
            f"{at * wide:.1f},{_HEIGHT - y:.1f} {(at + 1) * wide:.1f},{_HEIGHT - y:.1f}"
            for at, y in enumerate(tall)
        ]
        return f'<polyline class="other" points="{" ".join(corners)}"/>'
    return "".join(
        f'<rect class="own" x="{at * wide:.1f}" y="{_HEIGHT - y:.1f}" width="{wide - 1:.1f}" '
        f'height="{y:.1f}"/>'
        for at, y in enumerate(tall)
        if y > 0
    )


def _limit(limit: float, low: float, high: float) -> str:
    x = _WIDTH * (limit - low) / (high - low)
    return f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT}"/>'


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(str(word))}</th>" for word in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"<td{' class=empty' if value == 0 else ''}>{value}</td>"
    return f'<td class="text">{escape(str(value))}</td>'
