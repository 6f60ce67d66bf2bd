from dataclasses import replace

import pytest
import torch
from training_helper import random_batch

from har.models.fusion.early import EarlyFusion
from har.models.pretraining.masked_motion import MaskedMotionPrediction
from har.models.skeleton.mamp import MAMP
from har.skeleton.layout import load_layout
from har.training.optimisation import parameter_groups
from har.training.pretraining import PretrainingModule

LAYOUT = load_layout("ntu25")


@pytest.fixture
def module() -> PretrainingModule:
    torch.manual_seed(0)
    encoder = MAMP(LAYOUT, frames=8, segment=4, width=16, layers=1, heads=2)
    task = MaskedMotionPrediction(encoder, 3, width=16, layers=1, heads=2)
    return PretrainingModule(task, EarlyFusion({"joint": 3}), ["joint"], LAYOUT, torch.optim.AdamW)


def test_labels_are_not_read(module):
    batch = random_batch()
    nothing_known = replace(batch, labels=torch.full_like(batch.labels, -1))
    assert torch.equal(module(batch, 5).error, module(nothing_known, 5).error)


def test_people_who_are_absent_are_left_out(module):
    batch = random_batch(clips=6, people=2)
    assert len(module(batch, 0).error) == int(batch.person_mask.sum()) == 9


def test_losses_are_means_over_the_tokens_of_all_batches(module):
    batches = [random_batch(clips=n, seed=n) for n in (2, 5)]
    for number, batch in enumerate(batches):
        module.validation_step(batch, number)
    module.all_gather = lambda tensor: tensor
    with torch.no_grad():
        parts = [module(batch, number) for number, batch in enumerate(batches)]
    errors = torch.cat([part.error[part.known] for part in parts])
    found = module.collect_losses()
    assert found["tokens"] == len(errors)
    assert found["loss"] == pytest.approx(float(errors.mean()), rel=1e-5)
    assert module._sums == []


def test_the_encoder_is_named_as_in_a_classifier(module):
    names = module.as_classifier().state_dict()
    assert {name.rpartition("backbone.")[0] for name in names} == {"classifier."}
    own = module.task.encoder.state_dict()
    assert torch.equal(names["classifier.backbone.embed.weight"], own["embed.weight"])


def test_biases_and_norms_are_kept_from_weight_decay(module):
    decayed, kept = parameter_groups(module, decay_all=False)
    assert kept["weight_decay"] == 0
    assert all(p.ndim > 1 for p in decayed["params"])
    everything = parameter_groups(module, decay_all=True)
    assert len(everything[0]["params"]) == len(decayed["params"]) + len(kept["params"])
