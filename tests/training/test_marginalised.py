"""Labels as sets of outputs: the loss, and the way back to labels."""

import pytest
import torch
from torch.nn import functional as F

from har.errors import ConfigError
from har.training.losses import CrossEntropy, MarginalisedCrossEntropy
from har.training.readout import LabelReadout

# 3 labels of dataset 0, 1 of dataset 1, over 4 outputs; label 0 is coarse, label 2 untaught
ADMISSIBLE = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1]]).bool()
EVERY = torch.ones_like(ADMISSIBLE)
COUNTS = torch.tensor([4, 4, 4, 4])


def loss(**options: object) -> MarginalisedCrossEntropy:
    return MarginalisedCrossEntropy(
        **{"class_counts": COUNTS, "admissible": ADMISSIBLE, "competing": EVERY, **options}
    )


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


def test_the_probabilities_of_a_label_s_outputs_add_up(logits):
    labels = torch.tensor([0, 1, 3, 0, 1])
    probabilities = logits.softmax(1)
    together = (probabilities * ADMISSIBLE[labels]).sum(1)
    torch.testing.assert_close(loss()(logits, labels), -together.log().mean())


@pytest.mark.parametrize("options", [{"label_smoothing": 0.1}, {"balance": "inverse"}])
def test_with_one_output_a_label_it_is_cross_entropy(logits, options):
    labels = torch.tensor([0, 1, 3, 2, 1])
    counts = torch.tensor([3, 9, 1, 7])
    ours = loss(class_counts=counts, admissible=torch.eye(4).bool(), **options)
    torch.testing.assert_close(
        ours(logits, labels), CrossEntropy(counts, **options)(logits, labels)
    )


def test_a_label_without_outputs_teaches_nothing(logits):
    logits.requires_grad_()
    loss()(logits, torch.full((5,), 2)).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(5, 4))


def test_heads_compete_only_within_their_dataset(logits):
    competing = torch.tensor([[1, 1, 1, 0]] * 3 + [[0, 0, 0, 1]]).bool()
    labels = torch.tensor([1, 1, 1, 1, 1])
    expected = F.cross_entropy(logits[:, :3], torch.full((5,), 2))
    torch.testing.assert_close(loss(competing=competing)(logits, labels), expected)
    only_one = loss(competing=competing)(logits, torch.full((5,), 3))
    torch.testing.assert_close(only_one, torch.zeros(()))


def test_soft_targets_equal_hard_ones_where_they_are_one_hot(logits):
    labels = torch.tensor([0, 1, 3, 0, 1])
    ours = loss(label_smoothing=0.2, balance="effective")
    soft = F.one_hot(labels, 4).float()
    torch.testing.assert_close(ours(logits, soft), ours(logits, labels))


def test_the_gradient_of_extreme_scores_is_finite():
    logits = torch.tensor([[1e4, -1e4, 0.0, 0.0]], requires_grad=True)
    soft = torch.tensor([[0.5, 0.0, 0.0, 0.5]])
    loss(label_smoothing=0.1)(logits, soft).backward()
    assert logits.grad.isfinite().all()


def test_smoothing_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="label_smoothing=1"):
        loss(label_smoothing=1.0)


@pytest.fixture
def readout() -> LabelReadout:
    shares = torch.tensor([[1, 0, 0, 0], [1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 0, 1]])
    return LabelReadout(shares, torch.tensor([0, 0, 0, 1]))


def test_a_clip_is_given_labels_of_its_own_dataset_only(readout):
    outputs = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]])
    labels = readout(outputs, torch.tensor([1, 3]))
    torch.testing.assert_close(labels, torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0, 1.0]]))


def test_without_mass_the_labels_of_the_dataset_share_evenly(readout):
    outputs = torch.tensor([[0.0, 0, 0, 1]])
    expected = torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0]])
    torch.testing.assert_close(readout(outputs, torch.tensor([0])), expected)
