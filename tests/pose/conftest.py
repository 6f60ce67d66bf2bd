"""An estimator that needs no network, known by the name ``squares``."""

import pytest

from har.pose.estimators import ESTIMATORS, EstimatorKind


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of the estimator that sees bright squares as people."""
    kind = EstimatorKind("pose_helper", "SquarePose", "bright squares")
    monkeypatch.setitem(ESTIMATORS, "squares", kind)
    return "squares"
