"""Compares the models with other code that has them: same weights, same input, same outputs.

    python benchmarks/parity_peers.py --json record.json
    python benchmarks/parity_peers.py --peer ctrgcn --code FOLDER --json record.json

Each peer's model is built by the peer, gets random weights, and is saved; the file goes through
``har import``. Then both see the same clips: the logits in evaluation, and the loss, all gradients
and all running statistics of a training step are compared. The peer is MMAction2 from PyPI, or a
checkout of the code of PYSKL, ProtoGCN, CTR-GCN, 2s-AGCN or MS-G3D; docs/models.md, "Published
weights", has the commands that install MMAction2. With ``--golden FOLDER`` the names and shapes of
each peer's tensors and its logits are written down; tests/run/test_published_models.py compares
with them.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from parity import authors, mmaction2, pyskl
from parity.case import Case
from parity.compare import build_peer, compare, make_clips
from torch import Tensor

from har.record import provenance, write_json_atomic

LIMIT = 1e-4
PEERS: Mapping[str, tuple[Callable[[Path | None], list[Case]], Sequence[str]]] = {
    "mmaction2": (mmaction2.cases, mmaction2.PACKAGES),
    "pyskl": (pyskl.cases, pyskl.PACKAGES),
    "protogcn": (pyskl.protogcn, pyskl.PACKAGES),
    "ctrgcn": (authors.ctrgcn, authors.PACKAGES),
    "agcn2s": (authors.agcn2s, authors.PACKAGES),
    "msg3d": (authors.msg3d, authors.PACKAGES),
}


def main(arguments: Sequence[str]) -> int:
    """Compare all models of a peer; return 1 where one differs by more than the limit."""
    chosen = _parser().parse_args(arguments)
    find_cases, packages = PEERS[chosen.peer]
    cases = find_cases(chosen.code)
    if chosen.golden:
        for case in cases:
            write_golden(chosen.golden, chosen.peer, case)
        return 0
    results = []
    for case in cases:
        results.append(compare(chosen.peer, case))
        print(json.dumps(results[-1]), flush=True)
    agree = all(_agrees(row) for row in results)
    if chosen.json:
        record = {
            "peer": chosen.peer,
            "peer_packages": _versions(packages),
            "largest_difference_allowed": LIMIT,
            "agree": agree,
            "results": results,
            "provenance": provenance(),
        }
        write_json_atomic(chosen.json, record)
    return 0 if agree else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", choices=PEERS, default="mmaction2")
    parser.add_argument("--code", type=Path, help="checkout of the peer's code")
    parser.add_argument("--json", type=Path, help="file for the record")
    parser.add_argument("--golden", type=Path, help="write what tests compare with, no more")
    return parser


def _agrees(row: Mapping[str, Any]) -> bool:
    """Return whether the two are within the limit: in float64 all, in float32 the logits.

    What a training step leaves in float32 is written down, but says how both round: see there.
    """
    exact = [row["float64"][what] for what in ("logits", "training_logits", "loss", "gradients")]
    return max(row["float32"]["logits"], *exact) <= LIMIT


def write_golden(folder: Path, source: str, case: Case) -> None:
    """Write down the peer's tensors by name and shape, and its logits in double precision."""
    peer = build_peer(case)
    shapes = {name: " ".join(map(str, t.shape)) for name, t in peer.state_dict().items()}
    clips = make_clips(case, 0, torch.float64)
    peer.double()
    with torch.no_grad():
        logits = case.scores(peer, clips)
        training_logits = case.scores(peer.train(), clips)
    golden = {
        "source": source,
        "model": case.model,
        "layout": case.layout,
        "settings": list(case.settings),
        "clips": list(clips.shape),
        "logits": _as_text(logits),
        "training_logits": _as_text(training_logits),
        "tensors": shapes,
    }
    name = "".join(c if c.isalnum() else "_" for c in case.name.lower())
    write_json_atomic(folder / f"{source}_{name}.json", golden)


def _as_text(logits: Tensor) -> list[str]:
    """Return a line for each clip."""
    return [" ".join(f"{number:.9g}" for number in row) for row in logits.tolist()]


def _versions(packages: Sequence[str]) -> dict[str, str | None]:
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
