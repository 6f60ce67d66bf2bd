"""The model card of a bundle, and what an export prints."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from har.errors import HarError
from har.evaluation.report_table import percent
from har.export.bundle import CARD
from har.export.stepwise.state import NEXT, STATE
from har.run.evaluating import run_folder
from har.run.exports.trained import Trained


def write_card(path: Path, trained: Trained, content: Mapping[str, Any]) -> None:
    """Write the run's model card with a section about the export.

    Args:
        path: of the file.
        trained: the model; its run folder has the card.
        content: of ``bundle.json``.

    Raises:
        HarError: the file cannot be written.
    """
    card = run_folder(trained.ckpt) / CARD
    own = f"# {content['name']}\n\nThis model was not tested by the run that made it."
    if content["metrics"] is not None and card.is_file():
        own = card.read_text(encoding="utf-8").strip()
    lines = "\n".join(f"- {line}" for line in describe(content).splitlines())
    try:
        path.write_text(f"{own}\n\n## Export\n\n{lines}\n", encoding="utf-8")
    except OSError as error:
        raise HarError(f"Cannot write the model card {path}: {error}") from error


def describe(content: Mapping[str, Any]) -> str:
    """Return what was exported and how close it is, a few lines."""
    model, parity = content["model"], content["parity"]
    ports = {way: _ports(model[way]) for way in ("inputs", "outputs")}
    lines = [
        f"{content['name']}: {model['backbone']}, {model['precision']}, ONNX opset "
        f"{model['opset']}, {len(content['labels'])} labels",
        f"in: {ports['inputs']}; out: {ports['outputs']}",
        f"parity of the {parity['precision']} graph on {parity['clips']} {_compared(content)}: "
        f"largest difference {parity['max_difference']:.1e} "
        f"(limit {parity['limits']['max_difference']:g}), "
        f"same top class {percent(parity['top1_agreement'])}",
    ]
    if "against_clip_model" in content:
        lines.append(_clip_model_line(content))
    if "quantisation" in content:
        lines.append(_quantisation_line(content["quantisation"]))
    return "\n".join(lines)


def _clip_model_line(content: Mapping[str, Any]) -> str:
    found, window = content["against_clip_model"], content["window"]
    what = "itself" if found["exact"] else "with means over whole clips"
    return (
        f"steps of {window['frames_per_step']} frames, first features after "
        f"{window['warm_up_frames']}; against the clip model {what} at {found['clips']} moments: "
        f"largest difference {found['max_difference']:.1e}, same top class "
        f"{percent(found['top1_agreement'])}"
    )


def _quantisation_line(found: Mapping[str, Any]) -> str:
    before, after = found["top1_before"], found["top1_after"]
    accuracy = "accuracy unknown"
    if before is not None:
        accuracy = f"top-1 {percent(before)} before, {percent(after)} after"
    warning = ": OVER ONE POINT LOST" if found["flagged"] and before is not None else ""
    return (
        f"int8: {found['operators']} operators, ranges of {found['calibration_clips']} training "
        f"clips; {accuracy}, same top class {percent(found['top1_agreement'])}{warning}"
    )


def _compared(content: Mapping[str, Any]) -> str:
    is_step = content["model"]["kind"] == "step"
    return "steps through test clips" if is_step else "views of test clips"


def _ports(ports: Sequence[Mapping[str, Any]]) -> str:
    """Return names and shapes of inputs or outputs; states are counted only."""
    shown = [port for port in ports if not port["name"].startswith((STATE, NEXT))]
    texts = [f"{p['name']} ({', '.join(map(str, p['shape']))})" for p in shown]
    states = len(ports) - len(shown)
    return ", ".join(texts) + (f" and {states} states" if states else "")
