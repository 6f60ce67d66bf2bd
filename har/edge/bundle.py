"""Reads a bundle, and refuses one that is damaged, of another version, or not what it says.

``docs/export.md`` has the schema of ``bundle.json``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har.errors import HarError

SCHEMA_VERSION = 1
MANIFEST = "bundle.json"
OPSETS = range(17, 24)
"""Opsets of ai.onnx that the supported versions of onnxruntime run."""

SEE_FRAMES = ("video", "poses_and_video")
"""Kinds of models that are exported for other programs; see docs/export.md."""

RISKS = ("none", "watch", "urgent")


class BundleError(HarError):
    """A bundle cannot be used; the message names the folder and what is wrong."""


@dataclass(frozen=True)
class Label:
    """One class of the model.

    Attributes:
        leaves: ids of the taxonomy's most specific concepts that it may stand for.
        risk: "none", "watch" or "urgent".
    """

    name: str
    leaves: frozenset[str]
    risk: str


@dataclass(frozen=True)
class Tensor:
    """An input or output of the graph; text in the shape is a dimension that may vary."""

    name: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Bundle:
    """A checked bundle.

    Attributes:
        model: path of the graph.
        kind: "clip" for a model of whole windows, "step" for one that takes frame by frame.
        frames: frames of a window.
        fps: frames a second that the model was trained on.
        window_s: seconds that a window spans.
        hop: frames that a step model takes at once.
        warm_up: frames before a step model has seen enough to be believed.
        joints: names of the joints, in the order the model takes them.
        edges: pairs of joint indices, for drawing.
        coordinates: 2 or 3.
        manifest: the whole content of ``bundle.json``.
    """

    folder: Path
    name: str
    model: Path
    kind: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    labels: tuple[Label, ...]
    frames: int
    fps: float
    window_s: float
    hop: int
    warm_up: int
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    coordinates: int
    unit: str
    manifest: Mapping[str, Any]


def load_bundle(folder: Path) -> Bundle:
    """Read and check a bundle.

    Raises:
        BundleError: names every problem of the manifest; or the file whose hash is wrong.
    """
    folder = folder.expanduser()
    manifest = _read_manifest(folder)
    problems = list(_problems(manifest))
    if problems:
        raise BundleError("\n  - ".join([f"{folder} cannot be used:", *problems]))
    for name, facts in manifest["files"].items():
        _check_file(folder, name, facts)
    return _build(folder, manifest)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(f"{folder} is no bundle: it has no {MANIFEST}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path} is no manifest: it must be a JSON object")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{path} has schema version {version!r}, this runtime reads {SCHEMA_VERSION}: "
            "update har, or export again"
        )
    return content


def _check_file(folder: Path, name: str, facts: Mapping[str, Any]) -> None:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{folder} lacks {name}, or it is a link: export the bundle again")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != facts["sha256"] or path.stat().st_size != facts["bytes"]:
        raise BundleError(
            f"{path} is not the file that was exported: SHA-256 {digest[:12]}…, {MANIFEST} says "
            f"{str(facts['sha256'])[:12]}…. It was changed or cut short: copy the bundle again"
        )


def _build(folder: Path, manifest: Mapping[str, Any]) -> Bundle:
    model, layout, window = manifest["model"], manifest["layout"], manifest["window"]
    index = {name: number for number, name in enumerate(layout["joints"])}
    fps = float(manifest["fps"])
    return Bundle(
        folder=folder,
        name=str(manifest["name"]),
        model=folder / model["file"],
        kind=model["kind"],
        inputs=tuple(_tensor(entry) for entry in model["inputs"]),
        outputs=tuple(_tensor(entry) for entry in model["outputs"]),
        labels=tuple(
            Label(entry["name"], frozenset(entry.get("leaves") or ()), entry["risk"])
            for entry in manifest["labels"]
        ),
        frames=int(window["frames"]),
        fps=fps,
        window_s=float(window.get("seconds") or window["frames"] / fps),
        hop=int(window.get("frames_per_step") or 1),
        warm_up=int(window.get("warm_up_frames") or 0),
        joints=tuple(layout["joints"]),
        edges=tuple((index[a], index[b]) for a, b in layout["edges"]),
        coordinates=int(manifest["coordinates"]),
        unit=str(manifest["unit"]),
        manifest=manifest,
    )


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    return Tensor(entry["name"], tuple(entry["shape"]))


def _problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    model = manifest.get("model")
    if isinstance(model, dict) and model.get("kind") in SEE_FRAMES:
        yield "its model sees frames of video; this runtime runs models of poses"
        return
    needed: dict[str, Any] = {
        "files": dict, "model": dict, "labels": list, "layout": dict, "window": dict,
        "coordinates": int, "fps": (int, float), "unit": str, "name": str,
    }  # fmt: skip
    missing = [key for key, kind in needed.items() if not isinstance(manifest.get(key), kind)]
    if missing:
        yield f"{MANIFEST} lacks, or has of a wrong type: {', '.join(missing)}"
        return
    yield from _file_problems(manifest)
    yield from _layout_problems(manifest["layout"])
    yield from _label_problems(manifest["labels"])
    yield from _model_problems(manifest)
    fps, frames = manifest["fps"], manifest["window"].get("frames")
    if not 0 < fps <= 1000:
        yield f"fps is {fps}"
    if not isinstance(frames, int) or not 1 <= frames <= 10_000:
        yield f"window.frames is {frames!r}"


def _file_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    for name, facts in manifest["files"].items():
        if Path(name).name != name or name in ("", ".", "..") or "\\" in name:
            yield f"files: '{name}' is a path; only names of files in the bundle's folder may be"
        if not isinstance(facts, dict) or not {"sha256", "bytes"} <= facts.keys():
            yield f"files.{name} lacks sha256 or bytes"
    if manifest["model"].get("file") not in manifest["files"]:
        yield f"model.file {manifest['model'].get('file')!r} is not among the files"


def _layout_problems(layout: Mapping[str, Any]) -> Iterator[str]:
    joints, edges = layout.get("joints"), layout.get("edges")
    if not isinstance(joints, list) or not joints or len(set(joints)) < len(joints):
        yield "layout.joints must be a list of different names"
        return
    unknown = [edge for edge in edges or () if len(edge) != 2 or not set(edge) <= set(joints)]
    if not isinstance(edges, list) or unknown:
        yield f"layout.edges must be pairs of joints{f', not {unknown[0]}' if unknown else ''}"


def _label_problems(labels: list[Any]) -> Iterator[str]:
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in labels]
    if not names or not all(isinstance(name, str) and name for name in names):
        yield "labels: each needs a name"
        return
    if len(set(names)) < len(names):
        yield "labels: a name comes twice"
    for entry in labels:
        if entry.get("risk") not in RISKS:
            yield f"labels: {entry['name']} has risk {entry.get('risk')!r}, not {', '.join(RISKS)}"


def _model_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    model = manifest["model"]
    inputs = [entry.get("name") for entry in model.get("inputs") or ()]
    if lost := [name for name in model.get("in_place") or () if name not in inputs]:
        yield f"model.in_place names {lost[0]!r}, which is no input"
    if model.get("kind") not in ("clip", "step"):
        yield f"model.kind is {model.get('kind')!r}: this runtime knows clip and step"
    if model.get("opset") not in OPSETS:
        yield f"model.opset is {model.get('opset')!r}: not {OPSETS[0]} to {OPSETS[-1]}"
    shapes = {entry.get("name"): entry.get("shape") for entry in model.get("inputs") or ()}
    poses = shapes.get("poses") or ()
    joints = len(manifest["layout"].get("joints") or ())
    if list(poses[-2:]) != [joints, manifest["coordinates"]]:
        yield (
            f"the input poses has shape {list(poses)}, the layout {joints} joints of "
            f"{manifest['coordinates']} coordinates"
        )
    outputs = {entry.get("name"): entry.get("shape") for entry in model.get("outputs") or ()}
    probabilities = outputs.get("probabilities") or ()
    if not probabilities or probabilities[-1] != len(manifest["labels"]):
        yield (
            f"the output probabilities has shape {list(probabilities)}, but there are "
            f"{len(manifest['labels'])} labels"
        )
