"""Whether a graph file gives what its model gives, on real clips; and its int8 copy."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from har.export.onnx_file import open_session, run_session
from har.export.parity import ACCURACY_LOSS_FLAGGED, LIMITS, check_parity, compare
from har.export.quantise import quantise
from har.run.exports.trained import Trained, batch_probabilities
from har.samples import Batch

CALIBRATION_CLIPS = 64
SILENT_SECONDS = 2.0
"""A proof that is over sooner shows no progress."""

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "int8": torch.float32}
"""Precisions, and what the graph is written in; int8 is made from fp32."""

Batches = Callable[[np.ndarray, int], Iterator[Batch]]
"""Batches of up to so many of the rows of a store, evenly spread, sampled as in a test."""

Inputs = Callable[[Batch], Mapping[str, np.ndarray]]
"""A batch, as it is before its transforms, as the inputs of a graph."""


@dataclass(frozen=True)
class _Answers:
    """What was said of test clips, and what is true.

    Attributes:
        probabilities: (N, K), of every view.
        classes: (clips,) what is true; -1 where it is not known.
    """

    probabilities: np.ndarray
    classes: np.ndarray

    @property
    def top1(self) -> float | None:
        """Top-1 accuracy of the mean over the views of each clip; None without true answers."""
        known = self.classes >= 0
        if not known.any():
            return None
        views = self.probabilities.reshape(len(self.classes), -1, self.probabilities.shape[1])
        return float((views.mean(1).argmax(1) == self.classes)[known].mean())


@dataclass(frozen=True)
class Proof:
    """Compares graph files with the model that they were written from.

    Attributes:
        trained: the model.
        batches: gives its clips.
        inputs: gives a graph its clips.
        clips: how many test clips are compared, with all their views.
    """

    trained: Trained
    batches: Batches
    inputs: Inputs
    clips: int

    def prove(self, path: Path, precision: str) -> dict[str, Any]:
        """Compare a graph with the model; where int8 is wanted, replace it by its int8 copy.

        Args:
            path: of the graph, in float32 for int8.
            precision: one of ``DTYPES``.

        Returns:
            ``parity``, and ``quantisation`` for int8, as ``bundle.json`` has them.

        Raises:
            ExportError: the graph is not the model, or has nothing that int8 could be used for.
        """
        written_as = "fp32" if precision == "int8" else precision
        model = self._answers(lambda batch: batch_probabilities(self.trained, batch), "model")
        parity = compare(model.probabilities, self._of_graph(path, "graph").probabilities)
        check_parity(parity, written_as)
        limits = asdict(LIMITS[written_as])
        found = {"parity": {**asdict(parity), "limits": limits, "precision": written_as}}
        if precision == "int8":
            found["quantisation"] = self._quantise(path, model)
        return found

    def _quantise(self, path: Path, model: _Answers) -> dict[str, Any]:
        """Replace a float graph by an int8 one; return what that costs on the tested clips."""
        source = path.with_name("float.onnx")
        path.rename(source)
        rows = self.trained.experiment.split.train
        calibration = self._shown(rows, CALIBRATION_CLIPS, "calibration")
        count = quantise(source, path, (self.inputs(batch) for batch in calibration))
        source.unlink()
        quantised = self._of_graph(path, "int8 graph")
        before, after = model.top1, quantised.top1
        lost = None if before is None or after is None else before - after
        change = compare(model.probabilities, quantised.probabilities)
        return {
            "operators": count,
            "calibration_clips": min(CALIBRATION_CLIPS, len(rows)),
            "top1_before": before,
            "top1_after": after,
            "top1_lost": lost,
            "flagged": lost is None or lost > ACCURACY_LOSS_FLAGGED,
            "top1_agreement": change.top1_agreement,
            "max_difference": change.max_difference,
        }

    def _of_graph(self, path: Path, name: str) -> _Answers:
        session = open_session(path)
        return self._answers(lambda batch: run_session(session, self.inputs(batch))[0], name)

    def _answers(self, answer: Callable[[Batch], np.ndarray], name: str) -> _Answers:
        probabilities, classes = [], []
        for batch in self._shown(self.trained.experiment.split.test, self.clips, name):
            probabilities.append(answer(batch))
            labels = batch.labels.numpy()[:: batch.views]
            classes.append(np.where(labels >= 0, self.trained.outputs.true[labels], -1))
        return _Answers(np.concatenate(probabilities), np.concatenate(classes))

    def _shown(self, rows: np.ndarray, count: int, name: str) -> Iterator[Batch]:
        """Yield the batches of up to ``count`` rows, with a progress bar where it takes long."""
        with tqdm(
            total=min(count, len(rows)), desc=name, unit="clip",
            delay=SILENT_SECONDS, leave=False, disable=None,
        ) as bar:  # fmt: skip
            for batch in self.batches(rows, count):
                yield batch
                bar.update(len(batch.labels) // batch.views)
