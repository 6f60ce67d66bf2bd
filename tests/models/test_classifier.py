import pytest
import torch
from models_helper import random_joints, small_stgcnpp, stgcnpp
from torch import Tensor

from har.models.classifier import SkeletonClassifier

CLOSE = {"atol": 1e-6, "rtol": 0}


def mask(*rows: str) -> Tensor:
    """Return a person mask from words such as "x-": somebody, nobody."""
    return torch.tensor([[letter == "x" for letter in row] for row in rows])


def clips(*rows: str, frames: int = 12, seed: int = 0) -> tuple[dict[str, Tensor], Tensor]:
    """Return the joint stream of some clips, zero where nobody is, and its person mask."""
    person_mask = mask(*rows)
    joints = random_joints(len(rows), person_mask.shape[1], frames, seed=seed)
    return {"joint": joints * person_mask[:, :, None, None, None]}, person_mask


@pytest.fixture
def classifier() -> SkeletonClassifier:
    torch.manual_seed(0)
    return small_stgcnpp()


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
def test_absent_people_change_nothing(classifier, training):
    streams, person_mask = clips("xx", "x-", "-x")
    padded = torch.cat([streams["joint"], torch.zeros_like(streams["joint"])], dim=1)
    wider = torch.cat([person_mask, torch.zeros_like(person_mask)], dim=1)
    state = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    expected = classifier.train(training)(streams, person_mask)
    learned = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    classifier.load_state_dict(state)
    torch.testing.assert_close(classifier({"joint": padded}, wider), expected, **CLOSE)
    for name, tensor in classifier.state_dict().items():
        torch.testing.assert_close(tensor, learned[name], **CLOSE)


@torch.no_grad()
def test_what_an_absent_persons_row_holds_is_not_looked_at(classifier):
    streams, person_mask = clips("x-", "xx")
    noisy = streams["joint"].clone()
    noisy[~person_mask] = 1e6
    expected = classifier.eval()(streams, person_mask)
    assert torch.equal(classifier({"joint": noisy}, person_mask), expected)


@torch.no_grad()
def test_the_order_of_the_people_does_not_matter(classifier):
    streams, person_mask = clips("xx", "x-")
    swapped = classifier.eval()({"joint": streams["joint"].flip(1)}, person_mask.flip(1))
    torch.testing.assert_close(swapped, classifier(streams, person_mask), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("skip", [True, False])
def test_rows_are_independent_in_evaluation(skip):
    classifier = small_stgcnpp(skip_absent_people=skip).eval()
    streams, person_mask = clips("xx", "x-", "--", "-x")
    together = classifier(streams, person_mask)
    for row in range(4):
        alone = classifier({"joint": streams["joint"][row : row + 1]}, person_mask[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], **CLOSE)


@pytest.mark.parametrize("streams", [("joint",), ("joint", "bone", "joint_motion", "bone_motion")])
def test_a_gradient_reaches_every_parameter(streams):
    classifier = small_stgcnpp(streams=streams)
    joints, person_mask = clips("xx", "x-")
    inputs = {name: joints["joint"] * (1 + n) for n, name in enumerate(streams)}
    logits = classifier(inputs, person_mask)
    torch.nn.functional.cross_entropy(logits, torch.tensor([1, 4])).backward()
    for name, parameter in classifier.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith("bias"):  # a bias before a batch norm has no effect
            assert parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_state_dict_round_trip(classifier, tmp_path):
    streams, person_mask = clips("xx", "x-")
    classifier.train()(streams, person_mask)
    expected = classifier.eval()(streams, person_mask)
    torch.save(classifier.state_dict(), tmp_path / "weights.pt")
    other = small_stgcnpp().eval()
    assert not torch.equal(other(streams, person_mask), expected)
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(other(streams, person_mask), expected)


@torch.no_grad()
def test_a_clip_with_nobody_gets_the_scores_of_zero_features(classifier):
    streams, person_mask = clips("xx", "--")
    logits = classifier.eval()(streams, person_mask)
    torch.testing.assert_close(logits[1], classifier.head.linear.bias)
    nobody = classifier({"joint": streams["joint"][1:]}, person_mask[1:])
    torch.testing.assert_close(nobody[0], logits[1])


def test_a_batch_with_nobody_can_be_trained_on(classifier):
    streams, person_mask = clips("--", "--")
    state = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    logits = classifier.train()(streams, person_mask)
    logits.sum().backward()
    assert logits.shape == (2, 5)
    for name, tensor in classifier.state_dict().items():
        assert torch.equal(tensor, state[name]), name


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 7, 50])
def test_any_number_of_frames(classifier, frames):
    logits = classifier.eval()(*clips("xx", "x-", frames=frames))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


@torch.no_grad()
def test_with_padding_kept_features_are_the_mean_over_all_people():
    classifier = small_stgcnpp(skip_absent_people=False).eval()
    streams, person_mask = clips("xx", "x-", "--")
    joints = streams["joint"]
    people = classifier.temporal(classifier.backbone(joints.flatten(0, 1)))
    expected = people.view(3, 2, -1).mean(dim=1)
    torch.testing.assert_close(classifier.features(streams, person_mask), expected, **CLOSE)
    torch.testing.assert_close(classifier(streams, person_mask), classifier.head(expected), **CLOSE)


@torch.no_grad()
def test_both_modes_agree_where_everybody_is_there():
    keeping = small_stgcnpp(skip_absent_people=False).eval()
    skipping = small_stgcnpp().eval()
    skipping.load_state_dict(keeping.state_dict())
    streams, person_mask = clips("xx", "xx")
    assert torch.equal(skipping(streams, person_mask), keeping(streams, person_mask))


def test_streams_enter_in_the_order_of_their_names():
    fusion = small_stgcnpp(streams=("joint", "bone")).fusion
    joint, bone = random_joints(2), random_joints(2, seed=1)
    joined = fusion({"bone": bone, "joint": joint})
    assert torch.equal(joined, torch.cat([joint, bone], dim=-1))
    assert fusion.out_channels == 6


@torch.no_grad()
def test_the_full_model_starts_with_even_scores():
    classifier = stgcnpp(blocks=4).eval()
    probabilities = classifier(*clips("xx")).softmax(1)
    assert probabilities.max() < 3 / 60
