import pytest
import torch

from har.cli.models import Setting, _macs, _parts, build_backbone
from har.models.classifier import SkeletonClassifier
from har.models.cost import count_macs, parameter_count, without_numbers
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.temporal.average import GlobalAverage

ON = Setting(frames=32)


@pytest.mark.parametrize("name", ["stgcnpp_small", "transformer", "mamp_small", "gru"])
def test_a_model_without_numbers_costs_what_a_real_one_does(name):
    backbone = build_backbone(name, ON.layout, ON.channels, ON.frames)
    pooling, head = GlobalAverage(backbone.out_channels), LinearHead(backbone.out_channels, 60)
    classifier = SkeletonClassifier(EarlyFusion({"joint": 3}), backbone, pooling, head)
    streams = {"joint": torch.ones(1, 2, 32, 25, 3)}
    real = count_macs(classifier, streams, torch.ones(1, 2, dtype=torch.bool))
    parts = _parts(name, ON)
    assert _macs(*parts, ON) == real
    assert sum(map(parameter_count, parts)) == parameter_count(classifier)


def test_modules_are_built_without_drawing_a_number():
    before = torch.get_rng_state()
    with without_numbers():
        layer = torch.nn.Linear(3, 4)
    assert layer.weight.is_meta
    assert torch.equal(torch.get_rng_state(), before)
