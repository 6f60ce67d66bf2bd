"""The page on which a person looks at the suspects and decides: one file, no network."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from har.audit.balance import Balance
from har.audit.duplicates import COLUMNS as DUPLICATE_COLUMNS
from har.data.store import ClipStore
from har.errors import HarError
from har.evaluation.projection import SkeletonClip
from har.evaluation.render import draw_strip
from har.evaluation.style import page_style
from har.record import write_bytes_atomic
from har.skeleton.layout import load_layout

TEMPLATE = "review.html"
SHOWN_DUPLICATES = 200
_COLOURS = 32
_CHOICES = (
    ("keep", "1: the given label is right"),
    ("relabel", "2: take"),
    ("unclear", "3: unclear"),
)


def write_page(
    path: Path,
    store: ClipStore,
    summary: str,
    suspects: Sequence[dict[str, Any]],
    duplicates: Sequence[tuple[Any, ...]],
    balance: Balance,
) -> None:
    """Write the page.

    Args:
        path: of the page.
        store: the clips.
        summary: one sentence for the top.
        suspects: rows of ``suspects.csv`` to show, by rank.
        duplicates: rows of ``duplicates.csv``; the first ``SHOWN_DUPLICATES`` are shown.
        balance: of the classes.
    """
    template = Template(files("har.audit").joinpath(TEMPLATE).read_text(encoding="utf-8"))
    text = template.substitute(
        style=page_style(),
        dataset=escape(store.meta.description.dataset),
        summary=escape(summary),
        options="".join(f"<option>{escape(name)}</option>" for name in store.labels),
        suspects="\n".join(_articles(store, suspects)) or "<p>None were ranked.</p>",
        duplicates=_duplicates(duplicates),
        balance=_balance(balance),
    )
    write_bytes_atomic(path, text.encode())


def _articles(store: ClipStore, suspects: Sequence[dict[str, Any]]) -> list[str]:
    row_of = {clip_id: row for row, clip_id in enumerate(store.index.clip_id.tolist())}
    with TemporaryDirectory() as folder:
        strip = Path(folder) / "strip.png"
        return [_article(store, row_of[row["clip_id"]], row, strip) for row in suspects]


def _article(store: ClipStore, row: int, suspect: dict[str, Any], strip: Path) -> str:
    text = {key: escape(str(value)) for key, value in suspect.items()}
    given, suggested = text["given_label"], text["suggested_label"]
    boxes = "".join(
        f'<label><input type="checkbox" value="{value}"> '
        f"{words}{f' “{suggested}”' if value == 'relabel' else ''}</label>"
        for value, words in _CHOICES
    )
    return (
        f'<article tabindex="0" data-rank="{text["rank"]}" data-clip="{text["clip_id"]}" '
        f'data-given="{given}" data-suggested="{suggested}">'
        f'<h3>{text["rank"]}. {text["clip_id"]}: given <span class="given">{given}</span>, '
        f'suggested <span class="suggested">{suggested}</span></h3>'
        f'<div class="quiet">score {text["score"]}, probability of the suggested label '
        f"{text['suggested_probability']}, subject {text['subject'] or '?'}, "
        f"camera {text['camera'] or '?'}, {text['source']}</div>"
        f"{_picture(store, row, strip, text['clip_id'])}"
        f"<fieldset>{boxes}</fieldset></article>"
    )


def _picture(store: ClipStore, row: int, strip: Path, name: str) -> str:
    clip, layout = store.clip(row), load_layout(store.layout)
    try:
        picture = SkeletonClip(
            clip.joints, clip.confidence, layout.edge_indices, layout.joints, clip.record.fps
        )
    except HarError:  # nothing is seen in the whole clip
        return '<p class="quiet">No joint of this clip is seen.</p>'
    small = BytesIO()
    with Image.open(draw_strip(strip, picture)) as image:
        image.convert("RGB").quantize(_COLOURS).save(small, format="PNG", optimize=True)
    content = b64encode(small.getvalue()).decode()
    return f'<img alt="key frames of {name}" src="data:image/png;base64,{content}">'


def _duplicates(rows: Sequence[tuple[Any, ...]]) -> str:
    if not rows:
        return "<p>None found.</p>"
    note = f"<p>{len(rows)} pairs; those across parts of the protocol come first."
    if len(rows) > SHOWN_DUPLICATES:
        note += f" The first {SHOWN_DUPLICATES} are shown, duplicates.csv has all."
    return f"{note}</p>" + _table(DUPLICATE_COLUMNS, rows[:SHOWN_DUPLICATES])


def _balance(balance: Balance) -> str:
    parts = []
    counts = zip(balance.class_names, balance.counts.tolist(), strict=True)
    parts.append(_table(("class", "clips"), list(counts)))
    for part in balance.coverage:
        rows = [
            (name, *part.counts[label].tolist()) for label, name in enumerate(balance.class_names)
        ]
        parts += [f"<h3>by {escape(part.attribute)}</h3>", _table(("class", *part.values), rows)]
    return "".join(parts)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(str(word))}</th>" for word in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<td{' class=empty' if value == 0 else ''}>{value}</td>"
    return f'<td class="text">{escape(str(value))}</td>'
