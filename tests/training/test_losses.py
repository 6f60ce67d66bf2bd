import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from har.errors import ConfigError
from har.training.losses import CrossEntropy, FocalLoss, class_weights

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-2.0, 0.3, 4.0], [1.0, 1.0, 1.0]])
LABELS = torch.tensor([0, 2, 2, 1])
EVEN = torch.tensor([4, 4, 4])
UNEVEN = torch.tensor([100, 10, 2])


def probabilities() -> np.ndarray:
    exponents = np.exp(LOGITS.double().numpy())
    return exponents / exponents.sum(1, keepdims=True)


def of_the_label(values: np.ndarray) -> np.ndarray:
    return values[np.arange(4), LABELS.numpy()]


def test_cross_entropy_by_hand():
    expected = -np.log(of_the_label(probabilities())).mean()
    assert CrossEntropy(EVEN)(LOGITS, LABELS).item() == pytest.approx(expected, abs=1e-6)


def test_label_smoothing_spreads_evenly():
    log_probabilities = np.log(probabilities())
    expected = -(0.7 * of_the_label(log_probabilities) + 0.3 * log_probabilities.mean(1)).mean()
    loss = CrossEntropy(EVEN, label_smoothing=0.3)(LOGITS, LABELS)
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    assert loss.item() == pytest.approx(
        F.cross_entropy(LOGITS, LABELS, label_smoothing=0.3).item(), abs=1e-6
    )


def test_soft_targets_equal_hard_ones_where_they_are_one_hot():
    soft = F.one_hot(LABELS, 3).float()
    for loss in (CrossEntropy(UNEVEN, 0.1, "effective"), FocalLoss(UNEVEN, 2.0, "inverse")):
        torch.testing.assert_close(loss(LOGITS, soft), loss(LOGITS, LABELS))


def test_soft_targets_by_hand():
    soft = torch.tensor([[0.25, 0.75, 0.0]]).expand(4, 3)
    log_probabilities = np.log(probabilities())
    expected = -(0.25 * log_probabilities[:, 0] + 0.75 * log_probabilities[:, 1]).mean()
    assert CrossEntropy(EVEN)(LOGITS, soft).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("balance", ["inverse", "effective"])
def test_weights_average_1_over_the_training_clips(balance):
    weights = class_weights(UNEVEN, balance, beta=0.99).double()
    assert (weights * UNEVEN).sum() / UNEVEN.sum() == pytest.approx(1, abs=1e-6)
    assert weights[0] < weights[1] < weights[2]


def test_inverse_weights_by_hand():
    # 112 clips of 3 classes: each class weighs 112 / 3 in total.
    expected = [112 / 3 / count for count in (100, 10, 2)]
    torch.testing.assert_close(class_weights(UNEVEN, "inverse"), torch.tensor(expected))


def test_effective_weights_follow_the_formula_of_class_balanced_loss():
    beta = 0.99
    raw = np.array([(1 - beta) / (1 - beta**count) for count in (100, 10, 2)])
    expected = raw * 112 / (raw * np.array([100, 10, 2])).sum()
    assert class_weights(UNEVEN, "effective", beta).numpy() == pytest.approx(expected, rel=1e-6)


def test_effective_weights_lie_between_even_and_inverse():
    torch.testing.assert_close(class_weights(UNEVEN, "effective", 0.0), torch.ones(3))
    nearly_inverse = class_weights(UNEVEN, "effective", 1 - 1e-9)
    torch.testing.assert_close(nearly_inverse, class_weights(UNEVEN, "inverse"), rtol=1e-4, atol=0)


@pytest.mark.parametrize("balance", ["inverse", "effective"])
def test_a_class_without_training_clips_weighs_nothing(balance):
    counts = torch.tensor([5, 0, 3])
    weights = class_weights(counts, balance)
    assert weights[1] == 0
    assert weights.isfinite().all()
    loss = CrossEntropy(counts, balance=balance)(LOGITS, torch.tensor([1, 1, 1, 1]))
    assert loss.item() == 0


@pytest.mark.parametrize("balance", ["none", "inverse", "effective"])
def test_weights_of_no_clips_at_all_are_finite(balance):
    assert class_weights(torch.zeros(3, dtype=torch.int64), balance).isfinite().all()


def test_weighted_cross_entropy_by_hand():
    weights = class_weights(UNEVEN, "inverse").double().numpy()
    expected = -(weights[LABELS.numpy()] * np.log(of_the_label(probabilities()))).mean()
    loss = CrossEntropy(UNEVEN, balance="inverse")(LOGITS, LABELS)
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_focal_loss_by_hand():
    chosen = of_the_label(probabilities())
    expected = -((1 - chosen) ** 2 * np.log(chosen)).mean()
    assert FocalLoss(EVEN, gamma=2.0)(LOGITS, LABELS).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("balance", ["none", "inverse", "effective"])
def test_focal_loss_of_gamma_0_is_cross_entropy(balance):
    focal, plain = FocalLoss(UNEVEN, 0.0, balance), CrossEntropy(UNEVEN, balance=balance)
    torch.testing.assert_close(focal(LOGITS, LABELS), plain(LOGITS, LABELS))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_the_focal_loss_of_a_certain_clip_has_a_finite_gradient(gamma):
    logits = torch.tensor([[200.0, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    FocalLoss(EVEN, gamma)(logits, torch.tensor([0, 1])).backward()
    assert logits.grad.isfinite().all()


def test_losses_carry_no_state_into_checkpoints():
    assert not CrossEntropy(EVEN).state_dict()
    assert not FocalLoss(EVEN).state_dict()


@pytest.mark.parametrize("beta", [1.0, -0.1, math.nan])
def test_beta_outside_its_range_is_refused(beta):
    with pytest.raises(ConfigError, match=r"beta=.*at least 0 and under 1"):
        CrossEntropy(EVEN, balance="effective", beta=beta)


def test_other_values_outside_their_range_are_refused():
    with pytest.raises(ConfigError, match=r"label_smoothing=1\.5"):
        CrossEntropy(EVEN, label_smoothing=1.5)
    with pytest.raises(ConfigError, match="exponent of the focal loss"):
        FocalLoss(EVEN, gamma=-1.0)
