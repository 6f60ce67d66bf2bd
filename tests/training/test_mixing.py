from dataclasses import fields, replace

import pytest
import torch
from training_helper import random_batch

from har.training.mixing import Mixup

CLASSES = 5


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def full_batch():
    """Return a batch of one person a clip, seen in every frame."""
    batch = random_batch(people=1)
    return replace(batch, confidence=torch.ones_like(batch.confidence))


def find_mix(batch, mixed) -> tuple[float, torch.Tensor]:
    """Return the share and the partner of each clip, from joints and targets alone."""
    for share in mixed.targets[(mixed.targets > 0) & (mixed.targets < 1)].unique():
        rest = (mixed.joints - batch.joints * share) / (1 - share)
        distance = (rest[:, None] - batch.joints[None]).flatten(2).abs().amax(2)
        if distance.amin(1).max() < 1e-3:
            return float(share), distance.argmin(1)
    pytest.fail("the joints are no mixture of two clips")


def test_joints_and_targets_are_mixed_with_one_share():
    batch = replace(full_batch(), labels=torch.tensor([0, 1, 2, 3, 4, 0]))
    mixed = Mixup(alpha=1.0)(batch, CLASSES, rng(3))
    share, other = find_mix(batch, mixed)
    assert 0 < share < 1
    assert sorted(other.tolist()) == list(range(6))
    one_hot = torch.eye(CLASSES)[batch.labels]
    torch.testing.assert_close(mixed.targets, one_hot * share + one_hot[other] * (1 - share))


def test_targets_are_probabilities_and_the_batch_itself_is_untouched():
    batch = random_batch()
    before = {f.name: getattr(batch, f.name) for f in fields(batch)}
    copies = {k: v.clone() for k, v in before.items() if isinstance(v, torch.Tensor)}
    mixed = Mixup(alpha=0.2)(batch, CLASSES, rng())
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(6))
    assert mixed.targets.min() >= 0
    assert torch.equal(mixed.labels, batch.labels)
    assert batch.targets is None
    for name, copy in copies.items():
        assert torch.equal(getattr(batch, name), copy), name


def test_unseen_joints_take_no_part():
    batch = random_batch(clips=2, people=1)
    confidence = batch.confidence.clone()
    confidence[0, 0, :, 3] = 0  # unseen in the first clip
    confidence[:, 0, :, 5] = 0  # unseen in both
    batch = replace(batch, confidence=confidence, joints=batch.joints * (confidence > 0)[..., None])
    seeds = (s for s in range(20) if torch.equal(_partners(batch, s), torch.tensor([1, 0])))
    mixed = Mixup(alpha=1.0)(batch, CLASSES, rng(next(seeds)))
    torch.testing.assert_close(mixed.joints[0, 0, :, 3], batch.joints[1, 0, :, 3])
    torch.testing.assert_close(mixed.joints[1, 0, :, 3], batch.joints[1, 0, :, 3])
    assert (mixed.joints[:, 0, :, 5] == 0).all()
    assert (mixed.confidence[:, 0, :, 5] == 0).all()
    assert (mixed.confidence[0, 0, :, 3] > 0).all()


def _partners(batch, seed: int) -> torch.Tensor:
    """Return the partners for a seed, from the confidence of a marked joint."""
    marked = torch.tensor([0.25, 0.75])[:, None, None, None].expand_as(batch.confidence)
    mixed = Mixup(alpha=1.0)(replace(batch, confidence=marked), CLASSES, rng(seed))
    swapped = bool((mixed.confidence == 0.75).all())
    return torch.tensor([1, 0] if swapped else [0, 1])


def test_a_person_of_either_clip_is_in_the_mixture():
    batch = random_batch()
    mixed = Mixup(alpha=1.0)(batch, CLASSES, rng(1))
    seen = (mixed.confidence > 0).flatten(2).any(2)
    assert torch.equal(mixed.person_mask, seen)
    assert (mixed.person_mask >= batch.person_mask).all()


def test_the_same_generator_gives_the_same_mixture():
    batch = random_batch()
    first, second, other = (Mixup()(batch, CLASSES, rng(seed)) for seed in (4, 4, 5))
    assert torch.equal(first.joints, second.joints)
    assert not torch.equal(first.joints, other.joints)


def test_p_is_the_probability_of_mixing():
    batch = full_batch()
    never = Mixup(p=0.0)(batch, CLASSES, rng())
    assert torch.equal(never.joints, batch.joints)
    assert torch.equal(never.targets, torch.eye(CLASSES)[batch.labels])
    half = Mixup(alpha=1.0, p=0.5)
    mixed = [not torch.equal(half(batch, CLASSES, rng(s)).joints, batch.joints) for s in range(200)]
    assert 70 < sum(mixed) < 130


def test_shares_follow_the_beta_distribution():
    batch = replace(random_batch(clips=2), labels=torch.tensor([0, 1]))
    mixup = Mixup(alpha=0.5)
    tops = torch.stack([mixup(batch, 2, rng(s)).targets[0, 0] for s in range(400)])
    changed = tops[tops < 1]  # of those whose partner is the other clip
    assert changed.mean().item() == pytest.approx(0.5, abs=0.1)
    assert changed.var().item() == pytest.approx(0.125, abs=0.03)  # of Beta(0.5, 0.5)


def test_a_tiny_alpha_stays_finite():
    for seed in range(50):
        assert Mixup(alpha=1e-4)(random_batch(), CLASSES, rng(seed)).targets.isfinite().all()
