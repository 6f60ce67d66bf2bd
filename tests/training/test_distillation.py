"""A teacher of poses and video, and students of poses alone."""

import pytest
import torch
from torch import nn
from training_helper import random_batch

from har.errors import ConfigError
from har.models.classifier import SkeletonClassifier
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.skeleton.mlp import MLP
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import load_layout
from har.training.distillation import (
    FeatureDistillation,
    LogitDistillation,
    Teacher,
    similarities,
)

LAYOUT = load_layout("ntu25")


def classifier(seed, width=8):
    torch.manual_seed(seed)
    backbone = MLP(LAYOUT, 3, width=width)
    head = LinearHead(backbone.out_channels, 5, init_std=0.5)
    return SkeletonClassifier(
        EarlyFusion({"joint": 3}), backbone, GlobalAverage(backbone.out_channels), head
    )


@pytest.fixture
def teacher():
    return Teacher(classifier(1, width=16), ["joint"], LAYOUT)


def logits_of(student, batch):
    return student({"joint": batch.joints}, batch.person_mask)


def test_a_student_that_says_the_same_has_nothing_to_learn(teacher):
    batch = random_batch()
    loss = LogitDistillation(teacher, "teacher.ckpt", temperature=2.0)
    torch.testing.assert_close(
        loss(batch, teacher.logits(batch)), torch.tensor(0.0), atol=1e-6, rtol=0
    )
    other = teacher.logits(batch).flip(1)
    own, taught = (other / 2).log_softmax(1), (teacher.logits(batch) / 2).softmax(1)
    expected = 4 * (taught * (taught.log() - own)).sum(1).mean()
    torch.testing.assert_close(loss(batch, other), expected)


@pytest.mark.parametrize("kind", [LogitDistillation, FeatureDistillation])
def test_training_brings_the_student_nearer_and_leaves_the_teacher(teacher, kind):
    student, batch = classifier(2).train(), random_batch(clips=12)
    loss = kind(teacher, "teacher.ckpt", weight=1.0)
    loss.watch(student)
    before = [p.clone() for p in teacher.classifier.parameters()]
    optimizer = torch.optim.Adam(student.parameters(), 0.01)
    losses = []
    for _ in range(30):
        value = loss(batch, logits_of(student, batch))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < 0.5 * losses[0]
    for parameter, old in zip(teacher.classifier.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
        assert parameter.grad is None


def test_the_teacher_sees_all_that_is_there(teacher):
    class Both(nn.Module):
        def forward(self, streams, person_mask):
            return torch.zeros(len(person_mask), 5)

    batch = random_batch()
    batch.present = torch.zeros(len(batch), 2, dtype=torch.bool)
    assert torch.equal(Teacher(Both(), ["joint"], LAYOUT).logits(batch), torch.zeros(6, 5))
    assert torch.equal(teacher.logits(batch), teacher.logits(random_batch()))


def test_similarities_do_not_depend_on_width_or_scale():
    features = torch.randn(4, 6)
    wide = torch.cat([features, torch.zeros(4, 3)], dim=1) * 7
    torch.testing.assert_close(similarities(wide), similarities(features))
    torch.testing.assert_close(similarities(features).norm(dim=1), torch.ones(4))


def test_what_cannot_be_distilled_is_refused(teacher):
    with pytest.raises(ConfigError, match="weight=0 must be above 0"):
        LogitDistillation(teacher, "teacher.ckpt", weight=0)
    with pytest.raises(ConfigError, match="temperature=-1 must be above 0"):
        LogitDistillation(teacher, "teacher.ckpt", temperature=-1)
    with pytest.raises(ConfigError, match="a Sequential has no one head"):
        FeatureDistillation(teacher, "teacher.ckpt").watch(nn.Sequential())
    bare = Teacher(nn.Identity(), ["joint"], LAYOUT)
    with pytest.raises(ConfigError, match=r"a Identity has no features .*distillation=logits"):
        bare.features(random_batch())
