"""What the project wants to reach, beside what a record says: ``goal_rows``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from speed.models import FUSED, OPENVINO, OURS, PEER

Record = dict[str, Any]


@dataclass(frozen=True)
class ModelGoal:
    """How many times faster than the peer a pass of a model should be.

    Attributes:
        model, action, precision: of our side.
        wanted: peer's time through ours.
        single: one clip at a time, not a batch.
        against: precision of the peer.
        side: which of our ways.
    """

    model: str
    action: str
    precision: str
    wanted: float
    single: bool = False
    against: str | None = None
    side: str = OURS

    def describe(self) -> str:
        """Return what is compared."""
        size = ", one clip" if self.single else ""
        folded = WAYS.get(self.side, "")
        against = f", against {self.against}" if self.against else ""
        return f"{self.model} {self.action} {self.precision}{size}{folded}{against}"


WAYS = {FUSED: ", folded", OPENVINO: ", exported, OpenVINO"}
MODEL_GOALS = (
    ModelGoal("stgcnpp", "training", "float32", 1.8),
    ModelGoal("stgcnpp", "training", "bfloat16", 2.5),
    ModelGoal("stgcnpp", "inference", "float32", 2.8, single=True, side=FUSED),
    ModelGoal("stgcnpp", "inference", "float32", 2.8, single=True, side=OPENVINO),
    ModelGoal("stgcnpp", "inference", "bfloat16", 4.5, True, "float32", FUSED),
    ModelGoal("stgcnpp", "inference", "bfloat16", 4.5, True, "float32", OPENVINO),
    ModelGoal("stgcnpp", "inference", "float32", 1.7, side=FUSED),
    ModelGoal("stgcnpp", "inference", "float32", 1.7, side=OPENVINO),
    ModelGoal("stgcnpp", "inference", "bfloat16", 3.0, side=FUSED),
    ModelGoal("stgcnpp", "inference", "bfloat16", 3.0, side=OPENVINO),
    ModelGoal("ctrgcn", "training", "float32", 1.8),
    ModelGoal("posec3d", "training", "float32", 2.0),
    ModelGoal("posec3d", "training", "bfloat16", 4.0, against="float32"),
)
ABSENT_GOAL, MEMORY_GOAL, OPENING_GOAL, RESIDENT_GOAL_MB = 1.5, 0.5, 100.0, 50.0
DATA_GOALS = {"from raw": 30.0, "from the store": 300.0, "heatmaps": 15.0}


def goal_rows(record: Record) -> list[dict[str, Any]]:
    """Return a row a goal and allocator: what, goal, ratio by CPU time, ratio by the clock.

    Rows of models also have the ``most`` that the ratio could be: see ``speed.ceiling``.
    """
    rows = []
    fastest = record.get("operations_a_second", {})
    for allocator in record["settings"]["allocators"]:
        cases = [case for case in record["models"] if case["allocator"] == allocator]
        found = [*_model_rows(cases, fastest), *_absent_rows(cases)]
        found += _memory_rows(record, allocator)
        rows += [row | {"allocator": allocator} for row in found]
    return [*rows, *_data_rows(record["data"])]


def _model_rows(cases: list[Record], fastest: dict[str, float]) -> Iterator[Record]:
    for goal in MODEL_GOALS:
        ours = _case(cases, goal, goal.precision)
        theirs = _case(cases, goal, goal.against or goal.precision)
        if ours and theirs and PEER in theirs and goal.side in ours:
            row = _row(goal.describe(), goal.wanted, theirs[PEER], ours[goal.side])
            yield row | _most(theirs, ours, fastest.get(goal.precision))


def _most(theirs: Record, ours: Record, fastest: float | None) -> Record:
    """Return the ratio of a pass that takes no longer than its operations at the highest speed."""
    if fastest is None:
        return {}
    return {"most": theirs[PEER]["wall_s"]["median"] * fastest / ours["operations"]}


def _case(cases: list[Record], goal: ModelGoal, precision: str) -> Record | None:
    largest = max((c["clips"] for c in cases if c["model"] == goal.model), default=0)
    wanted = (goal.model, goal.action, precision, 1 if goal.single else largest)
    for case in cases:
        found = (case["model"], case["action"], case["precision"], case["clips"])
        if found == wanted and "second" not in case["people"]:
            return case
    return None


def _absent_rows(cases: list[Record]) -> Iterator[Record]:
    """Compare our own training on clips of two with that on the usual share of two."""
    for mixed in cases:
        if "second" not in mixed["people"]:
            continue
        same = (mixed["model"], "training", mixed["precision"])
        full = next(c for c in cases if (c["model"], c["action"], c["precision"]) == same)
        what = f"{mixed['model']} training, absent people skipped"
        yield _row(what, ABSENT_GOAL, full[OURS], mixed[OURS])


def _memory_rows(record: Record, allocator: str) -> Iterator[Record]:
    cases = [case for case in record["memory"] if case["allocator"] == allocator]
    for case in cases:
        wide = next((c for c in cases if c["model"] == case["model"]), case)
        peaks = case["peak_bytes"].get(OURS), wide["peak_bytes"].get(OURS)
        if case["precision"] == "bfloat16" and wide is not case and all(peaks):
            share = peaks[0] / peaks[1]
            what = f"{case['model']} peak memory of bfloat16 against float32 (less is better)"
            yield {"what": what, "goal": MEMORY_GOAL, "cpu": share, "wall": share}


def _data_rows(cases: list[Record]) -> Iterator[Record]:
    for case in cases:
        if PEER not in case:
            continue
        if "resident_bytes" in case[OURS]:
            yield _row(case["what"], OPENING_GOAL, case[PEER], case[OURS])
            megabytes = (case[OURS]["resident_bytes"] or 0) / 1e6
            what = "resident MB of the open dataset (less is better)"
            yield {"what": what, "goal": RESIDENT_GOAL_MB, "cpu": megabytes, "wall": megabytes}
            continue
        goal = next((goal for words, goal in DATA_GOALS.items() if words in case["what"]), None)
        yield _row(case["what"], goal, case[PEER], case[OURS])


def _row(what: str, goal: float | None, slow: Record, fast: Record) -> Record:
    ratios = {
        clock.removesuffix("_s"): slow[clock]["median"] / fast[clock]["median"]
        for clock in ("cpu_s", "wall_s")
    }
    return {"what": what, "goal": goal, **ratios}
