"""A compiled backbone computes what the plain one does, whoever is there."""

import copy
import os
import shutil

import pytest
import torch

from har.models.skeleton.stgcnpp import STGCNPP
from har.skeleton.layout import load_layout

compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler"
)


@compiler
@pytest.mark.slow
def test_features_and_gradients_of_a_compiled_backbone_are_the_same():
    torch.manual_seed(0)
    plain = STGCNPP(load_layout("coco17"), base_channels=12, blocks=2, stages=(2,)).double()
    compiled = copy.deepcopy(plain)
    compiled.compile()
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for people in (2, 3):
        joints = torch.randn(people, 8, 17, 3, dtype=torch.float64)
        features = {model: model(joints) for model in (plain, compiled)}
        torch.testing.assert_close(features[compiled], features[plain], atol=1e-9, rtol=1e-9)
        direction = torch.randn_like(features[plain])
        for output in features.values():
            (output * direction).sum().backward()
    for own, twin in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad, twin.grad, atol=1e-9, rtol=1e-9)
