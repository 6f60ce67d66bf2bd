"""What every strategy of joining poses and video has to keep to."""

from dataclasses import replace

import pytest
import torch
from fusion_helper import CLASSES, LAYOUT, STRATEGIES, make_classifier, make_inputs
from torch.nn import functional as F

from har.errors import ConfigError
from har.models.branches import PoseBranch
from har.models.fusion.base import resample
from har.models.fusion.late import LateFusion
from har.models.fusion.lateral import LateralFusion
from har.models.fusion.pivit import joints_in_patches
from har.models.fusion.vpn import PoseDrivenAttention
from har.models.multimodal import only_present
from har.models.skeleton.posec3d import PoseC3D

pytest.importorskip("timm", reason="needs har[video]")
pytest.importorskip("pytorchvideo", reason="needs har[video]")

NEEDS_NO_POSE = ("pivit",)
NEEDS_NO_TOKENS = ("late", "late_tuned", "late_learned", "lateral")
"""Where one is absent, the other counts alone."""


@pytest.fixture(scope="module", params=STRATEGIES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def classifier(name):
    return make_classifier(name).eval()


@torch.no_grad()
def test_gives_finite_logits_and_the_features_of_its_heads(classifier):
    inputs = make_inputs()
    logits = classifier(**inputs)
    assert logits.shape == (3, CLASSES)
    assert torch.isfinite(logits).all()
    assert classifier.features(**inputs).shape[0] == 3


@torch.no_grad()
def test_rows_do_not_influence_each_other(classifier):
    inputs = make_inputs()
    inputs["present"][1, 0] = inputs["present"][2, 1] = False
    together = classifier(**inputs)
    for row in range(3):
        one = slice(row, row + 1)
        alone = {
            key: {n: x[one] for n, x in value.items()} if key == "streams" else value[one]
            for key, value in inputs.items()
        }
        torch.testing.assert_close(classifier(**alone), together[one], rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("filling", ["zeros", "random", "nan"])
def test_an_absent_modality_has_no_influence(classifier, filling):
    fill = {
        "zeros": torch.zeros_like,
        "random": lambda x: torch.rand_like(x.float()).mul(200).to(x.dtype),
        "nan": lambda x: torch.full_like(x, 255 if x.dtype == torch.uint8 else float("nan")),
    }[filling]
    for column in (0, 1):
        inputs = make_inputs()
        inputs["present"][:2, column] = False
        expected = classifier(**inputs)
        if column == 0:
            inputs["streams"] = {"joint": _first_two(inputs["streams"]["joint"], fill)}
            inputs["points"] = _first_two(inputs["points"], fill)
            inputs["person_mask"][:2] = filling != "zeros"
            inputs["present"][:2, 0] = False
        else:
            inputs["frames"] = _first_two(inputs["frames"], fill)
        assert torch.equal(classifier(**inputs), expected)


@torch.no_grad()
def test_what_is_present_has_influence(classifier, name):
    inputs, other = make_inputs(), make_inputs(seed=1)
    before = classifier(**inputs)
    films = classifier(**{**inputs, "frames": other["frames"]})
    assert not torch.allclose(films, before, atol=1e-6)
    poses = classifier(**{**inputs, "streams": other["streams"], "points": other["points"]})
    assert torch.equal(poses, before) == (name in NEEDS_NO_POSE)


@torch.no_grad()
def test_nobody_and_no_video_still_gives_logits(classifier):
    inputs = make_inputs()
    inputs["person_mask"][0] = False
    inputs["present"][0, 1] = False
    assert torch.isfinite(classifier(**inputs)).all()


def test_gradients_reach_both_branches_and_the_tokens(name):
    model = make_classifier(name).train()
    inputs = make_inputs(clips=4)
    inputs["present"][1, 0] = inputs["present"][2, 1] = False
    inputs["streams"]["joint"][1] = float("nan")
    labels = torch.tensor([0, 1, 2, 3])
    logits = model(**inputs)
    loss = F.cross_entropy(logits, labels)
    own = model.auxiliary_loss(logits, labels, inputs["person_mask"])
    (loss if own is None else loss + own).backward()
    grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert all(torch.isfinite(grad).all() for grad in grads.values())
    for branch in ("pose.backbone", "video.backbone"):
        assert any(n.startswith(branch) and grad.abs().sum() > 0 for n, grad in grads.items())
    used = {n for n, grad in grads.items() if n.startswith("absent.") and grad.abs().sum() > 0}
    assert bool(used) == (name not in NEEDS_NO_TOKENS)
    assert model.auxiliary_loss(logits, labels, inputs["person_mask"]) is None


@torch.no_grad()
def test_state_returns_what_it_was(name, classifier):
    other = make_classifier(name)
    for parameter in other.parameters():
        parameter.add_(1)
    other.load_state_dict(classifier.state_dict())
    inputs = make_inputs()
    assert torch.equal(other.eval()(**inputs), classifier(**inputs))


def test_absent_clips_enter_no_batch_statistic():
    model = make_classifier("early").train()
    inputs = make_inputs()
    inputs["present"][1] = torch.tensor([False, False])
    twin = make_classifier("early").train()
    kept = torch.tensor([0, 2])
    model(**inputs)
    twin(
        **{k: {"joint": v["joint"][kept]} if k == "streams" else v[kept] for k, v in inputs.items()}
    )
    for (key, found), expected in zip(
        model.state_dict().items(), twin.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(found, expected, msg=key)


def test_late_weights_are_shared_by_what_is_present():
    fusion = LateFusion({"pose": 4, "video": 4}, weights=[3, 1])
    present = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    expected = torch.tensor([[0.75, 0.25], [1, 0], [0, 1], [0.75, 0.25]])
    torch.testing.assert_close(fusion.weights_of(present), expected)
    scores = {"pose": torch.tensor([[2.0, 0, 0]]), "video": torch.tensor([[0.0, 2, 0]])}
    mean = 0.75 * scores["pose"].softmax(1) + 0.25 * scores["video"].softmax(1)
    torch.testing.assert_close(fusion.combine(scores, present[:1]).exp(), mean)


def test_a_modality_of_no_weight_counts_where_it_is_alone():
    fusion = LateFusion({"pose": 4, "video": 4}, weights=[1, 0])
    torch.testing.assert_close(
        fusion.weights_of(torch.tensor([[False, True]])), torch.tensor([[0.0, 1.0]])
    )


@torch.no_grad()
def test_attention_of_poses_gives_places_in_0_1_and_frames_of_mean_1():
    fusion = PoseDrivenAttention({"pose": 6, "video": 4}, 8, grid=3, embedding_channels=4)
    places, frames = fusion.attention(torch.randn(2, 5, 7, 6), frames=4, places=25)
    assert places.shape == (2, 25)
    assert 0 < places.min() < places.max() < 1
    torch.testing.assert_close(frames.mean(1), torch.ones(2))
    with pytest.raises(ConfigError, match="square map of places, the video backbone gives 26"):
        fusion.attention(torch.randn(2, 5, 7, 6), frames=4, places=26)


def test_joints_are_found_in_the_patches_that_show_them():
    points = torch.zeros(1, 1, 4, 3, 2)
    points[0, 0, :, 0] = torch.tensor([0.9, 0.1])  # right, top
    points[0, 0, 2:, 1] = torch.tensor([0.1, 0.6])  # left, bottom, in the second half of the time
    points[0, 0, :, 2] = torch.tensor([1.2, 0.5])  # outside
    shown = joints_in_patches(points, torch.ones(1, 1, dtype=torch.bool), frames=2, patches=4)
    expected = torch.zeros(1, 2, 4, 3, dtype=torch.bool)
    expected[0, :, 1, 0] = True
    expected[0, 1, 2, 1] = True
    assert torch.equal(shown, expected)


@torch.no_grad()
def test_lateral_draws_joints_where_they_are_in_the_frames():
    pose = PoseC3D(LAYOUT, 3, size=16, sigma=0.6, base_channels=4, stage_blocks=(1, 1, 1))
    inputs = make_inputs(clips=1, people=2)
    inputs["points"][:] = 0
    inputs["points"][0, 1, :, 3] = torch.tensor([0.75, 0.25])
    fusion = make_classifier("lateral").fusion
    clips = only_present(**inputs)
    volume = fusion._heatmaps(pose, clips)[0, 0, :, :, 3]
    assert divmod(int(volume.argmax()), 16) in [(3, 11), (4, 11), (3, 12), (4, 12)]
    with pytest.raises(ConfigError, match="coordinates=camera or coordinates=image"):
        fusion._heatmaps(pose, replace(clips, points=None))


def test_strategies_refuse_backbones_they_cannot_join():
    with pytest.raises(ConfigError, match="has to be posec3d, not STGCNPP"):
        make_classifier("lateral", ("stgcnpp", "x3d_xs"))
    with pytest.raises(ConfigError, match=r"has to be one of slow_r50 \(as the authors\)"):
        make_classifier("lateral", ("posec3d", "conv"))
    with pytest.raises(ConfigError, match=r"TinyConv has none: choose a transformer"):
        make_classifier("pivit", ("stgcnpp", "conv"))
    model = make_classifier("lateral")
    parts = {"pose": model.pose.backbone, "video": model.video.backbone}
    with pytest.raises(ConfigError, match=r"\[\[9, 1\]\] must be rising pairs .*1 to 4.*1 to 3"):
        LateralFusion({"pose": 64, "video": 192}, parts, stages=[[9, 1]])
    with pytest.raises(ConfigError, match="person_slots=1"):
        PoseBranch(torch.nn.Identity(), PoseC3D(LAYOUT, person_slots=2))


def test_resampling_averages_what_a_new_cell_covers():
    x = torch.tensor([[1.0, 2, 3, 4]])
    torch.testing.assert_close(resample(x, 2, dim=1), torch.tensor([[1.5, 3.5]]))
    torch.testing.assert_close(resample(x, 8, dim=1)[0, :3], torch.tensor([1.0, 1, 2]))
    torch.testing.assert_close(resample(x, 3, dim=1), torch.tensor([[1.25, 2.5, 3.75]]))


def _first_two(x, fill):
    changed = x.clone()
    changed[:2] = fill(x[:2])
    return changed
