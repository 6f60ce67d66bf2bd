"""Writes the report of benchmarks."""

import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from har.benchmark.gather import gather
from har.benchmark.leaderboard import leaderboard, markdown, write_files
from har.benchmark.report.content import page_content
from har.record import to_plain, write_bytes_atomic, write_json_atomic

SCRIPTS = ("tables.js", "plots.js", "page.js")
PAGE, RESULTS = "index.html", "leaderboard.json"


def write_report(folders: Sequence[Path], out: Path) -> str:
    """Write ``index.html``, ``leaderboard.csv``, ``.md``, ``.tex`` and ``.json``.

    Args:
        folders: of benchmarks.
        out: folder of the report.

    Returns:
        The tables in Markdown.

    Raises:
        HarError: a folder holds no benchmark, or no cell has finished.
    """
    gathered = gather(folders)
    rows = leaderboard(gathered)
    write_files(rows, gathered, out)
    write_json_atomic(out / RESULTS, rows)
    content = page_content(gathered, rows)
    write_bytes_atomic(out / PAGE, _page(content).encode())
    return markdown(rows, gathered)


def _page(content: dict) -> str:
    place = files("har.benchmark.report")
    page = place.joinpath("page.html").read_text(encoding="utf-8")
    title = " · ".join(suite["title"] for suite in content["suites"])
    # "</script>" or "<!--" would end, or swallow, the script element in which the data stand.
    data = json.dumps(to_plain(content), ensure_ascii=False, allow_nan=False)
    data = data.replace("<", "\\u003c")
    script = "\n".join(place.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    style = place.joinpath("page.css").read_text(encoding="utf-8")
    parts = {"title": escape(title), "style": style, "script": script, "data": data}
    return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], page)
