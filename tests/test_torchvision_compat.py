"""A stand-in for torchvision, with the import order of the real one and no compiled operators."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import har
from har._torchvision import _nms

EXTENSION = """
def _has_ops():
    return False

def _assert_has_ops():
    if not _has_ops():
        raise RuntimeError("no compiled operators")
"""

REGISTRATIONS = """
import torch
import torchvision.extension

@torch.library.register_fake("torchvision::nms")
def fake_nms(dets, scores, iou_threshold):
    return dets.new_empty(0, dtype=torch.long)

@torch.library.register_fake("torchvision::qnms")
def fake_qnms(dets, scores, iou_threshold):
    return dets.new_empty(0, dtype=torch.long)
"""

OPERATORS = """
import torch
from torchvision.extension import _assert_has_ops

def nms(boxes, scores, iou_threshold):
    _assert_has_ops()
    return torch.ops.torchvision.nms(boxes, scores, iou_threshold)
"""

COMPILED = """
import torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.impl("nms", lambda dets, scores, iou_threshold: torch.tensor([42]), "CPU")

def _has_ops():
    return True

def _assert_has_ops():
    pass
"""

CALL = """
import torch, torchvision
boxes = torch.tensor([[0., 0, 2, 2], [0, 0, 2, 2], [5, 5, 6, 6]])
print(torchvision.ops.nms(boxes, torch.tensor([.1, .9, .5]), .5).tolist())
"""


@pytest.fixture
def torchvision_folder(tmp_path: Path) -> Path:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "extension.py").write_text(EXTENSION)
    (package / "_meta_registrations.py").write_text(REGISTRATIONS)
    (package / "ops.py").write_text(OPERATORS)
    (package / "__init__.py").write_text(
        "from . import extension\nfrom torchvision import _meta_registrations, ops\n"
    )
    return tmp_path


def run(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    path = ":".join(map(str, [*folders, Path(har.__file__).parents[1]]))
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_import_fails_without_har(torchvision_folder):
    failed = run("import torchvision", torchvision_folder)
    assert "operator torchvision::nms does not exist" in failed.stderr


def test_the_import_and_nms_work_after_har(torchvision_folder):
    done = run("import har" + CALL, torchvision_folder)
    assert done.stdout.strip() == "[1, 2]", done.stderr


def test_operators_that_did_load_are_left_alone(torchvision_folder):
    (torchvision_folder / "torchvision" / "extension.py").write_text(COMPILED)
    done = run("import har" + CALL, torchvision_folder)
    assert done.stdout.strip() == "[42]", done.stderr


def test_importing_har_imports_neither_torch_nor_torchvision():
    done = run("import har, sys; print({'torch', 'torchvision'} & set(sys.modules))")
    assert done.stdout.strip() == "set()", done.stderr


def test_the_hook_is_installed_once():
    code = "import sys, har; from har._torchvision import install; install()\n"
    done = run(code + "print(sum('Operator' in type(f).__name__ for f in sys.meta_path))")
    assert done.stdout.strip() == "1", done.stderr


def slow_nms(boxes: list[list[float]], scores: list[float], threshold: float) -> list[int]:
    kept: list[int] = []
    for row in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(overlap(boxes[row], boxes[other]) <= threshold for other in kept):
            kept.append(row)
    return kept


def overlap(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


@pytest.mark.parametrize("count", [0, 1, 2, 40])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.9])
def test_nms_agrees_with_its_definition(count, threshold):
    rng = torch.Generator().manual_seed(count)
    low = torch.rand(count, 2, generator=rng)
    boxes = torch.cat([low, low + 0.05 + 0.4 * torch.rand(count, 2, generator=rng)], dim=1)
    scores = torch.rand(count, generator=rng)
    expected = slow_nms(boxes.double().tolist(), scores.tolist(), threshold)
    kept = _nms(boxes, scores, threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == expected
