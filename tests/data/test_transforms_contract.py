"""What all transforms promise, and the shipped transform configs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from transforms_helper import (
    COCO,
    KINECT,
    apply,
    assert_close,
    assert_equal,
    full_batch,
    random_batch,
    tensors,
)

import har.data.transforms as transforms
from har.data.transforms import (
    AlignShoulders,
    AlignSpine,
    AlignVertical,
    Center,
    Compose,
    ConvertLayout,
    FrameDropout,
    Jitter,
    JointDropout,
    PersonDropout,
    RandomFlip,
    RandomRotation,
    RandomScale,
    RandomShear,
    ScaleBody,
    ScaleBox,
    ScaleImage,
    SelectPeople,
    TemporalReverse,
    TemporalShift,
)
from har.data.transforms.geometry import apply_matrices

CONFIGS = [
    path
    for path in sorted((Path(__file__).parents[2] / "configs" / "transform").glob("*.yaml"))
    if path.stem not in ("video", "fusion")  # test_video_store.py, test_paired.py
]
RANDOM = [
    FrameDropout(rate=0.4),
    FrameDropout(rate=0.4, fill="hold"),
    JointDropout(rate=0.4),
    JointDropout(rate=0.4, every_frame=True),
    Jitter(p=0.5),
    PersonDropout(),
    RandomFlip(),
    RandomRotation(p=0.5),
    RandomScale(p=0.5),
    RandomShear(p=0.5),
    TemporalReverse(),
    TemporalShift(),
]
FIXED = [
    AlignShoulders(),
    AlignSpine(),
    AlignVertical(),
    Center(),
    Center(every_frame=True),
    Compose([Center(), ConvertLayout("coco17"), RandomFlip()]),
    ConvertLayout("ntu25"),
    ScaleBody(),
    ScaleBox(),
    ScaleBox(keep_shape=False),
    SelectPeople(1),
    SelectPeople(3, by="presence"),
]
IN_PLANE = [ScaleImage(640, 480)]


def case(transform):
    return pytest.param(transform, id=repr(transform))


@pytest.fixture(params=[case(t) for t in RANDOM + FIXED + IN_PLANE])
def transform(request):
    return request.param


@pytest.fixture
def batch(transform):
    return random_batch(axes=2 if transform in IN_PLANE else 3)


def test_every_transform_is_tested_here():
    tested = {type(t).__name__ for t in RANDOM + FIXED + IN_PLANE}
    assert tested == set(transforms.__all__) - {"Transform"}


def test_the_batch_given_is_not_changed(transform, batch):
    before = {name: value.clone() for name, value in tensors(batch).items()}
    apply(transform, batch)
    for name, value in tensors(batch).items():
        assert torch.equal(value, before[name]), name


def test_unseen_joints_are_zero_and_masks_agree(transform, batch):
    result = apply(transform, batch)
    visible = result.confidence > 0
    assert (result.joints[~visible] == 0).all()
    assert torch.equal(result.person_mask, visible.flatten(2).any(2))
    assert result.person_mask.any(1).all()
    assert result.joints.isfinite().all()
    assert result.joints.shape[:4] == result.confidence.shape
    assert result.joints.dtype == result.confidence.dtype == torch.float32


def test_equal_seeds_give_equal_batches(transform, batch):
    assert_equal(apply(transform, batch, seed=5), apply(transform, batch, seed=5))


def test_a_clip_without_anybody_stays_empty(transform, batch):
    for value in (batch.joints, batch.confidence, batch.person_mask):
        value[0] = 0
    result = apply(transform, batch)
    assert (result.joints[0] == 0).all()
    assert not result.person_mask[0].any()


@pytest.mark.parametrize("transform", [case(t) for t in RANDOM])
def test_p_is_the_share_of_changed_clips(transform):
    batch = random_batch(clips=300)
    assert_equal(apply(type(transform)(p=0.0), batch), batch)
    result = apply(transform, batch)
    unchanged = (result.joints == batch.joints).flatten(1).all(1)
    assert 0.4 < unchanged.float().mean() < 0.75


@pytest.mark.parametrize("transform", [case(t) for t in RANDOM])
def test_seeds_matter(transform):
    batch = random_batch(clips=50)
    assert not torch.equal(
        apply(transform, batch, seed=1).joints, apply(transform, batch, seed=2).joints
    )


@pytest.mark.parametrize("transform", [case(t) for t in FIXED[:5] + FIXED[6:]])
def test_normalisation_draws_nothing(transform):
    rng = torch.Generator().manual_seed(0)
    before = rng.get_state()
    transform(random_batch(), KINECT, rng)
    assert torch.equal(rng.get_state(), before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_gives_the_result_of_the_cpu(transform, batch):
    expected = apply(transform, batch)
    result = apply(transform, batch.to("cuda"))
    assert result.joints.is_cuda
    for name, value in tensors(result.to("cpu")).items():
        torch.testing.assert_close(value, tensors(expected)[name], rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_what_a_trace_computes_is_what_is_computed_at_once():
    chain = Compose([Center(), AlignSpine(), AlignShoulders()])
    shown, other = random_batch(), full_batch()

    def normalise(joints: torch.Tensor, confidence: torch.Tensor) -> torch.Tensor:
        mask = (confidence > 0).flatten(2).any(2)
        return apply(
            chain, replace(shown, joints=joints, confidence=confidence, person_mask=mask)
        ).joints

    traced = torch.jit.trace(normalise, (shown.joints, shown.confidence), check_trace=False)
    for batch in (shown, other):
        assert_close(traced(batch.joints, batch.confidence), apply(chain, batch).joints)


@pytest.mark.parametrize(
    "chain",
    [
        (Center(), AlignSpine(), AlignShoulders()),
        (Center(every_frame=True), ScaleBody(), AlignVertical(), RandomRotation(p=0.5)),
        (RandomShear(), RandomScale(p=0.5), Center("root"), ScaleBody(), AlignSpine()),
        (RandomRotation(), JointDropout(0.3), RandomScale(per_axis=False), AlignShoulders()),
    ],
    ids=lambda chain: "-".join(type(step).__name__ for step in chain),
)
def test_a_chain_moves_joints_once_to_where_its_steps_move_them(chain):
    for batch in (random_batch(), full_batch()):
        stepwise, rng = batch, torch.Generator().manual_seed(0)
        for step in chain:
            stepwise = step(stepwise, KINECT, rng)
        result = apply(Compose(chain), batch)
        torch.testing.assert_close(result.joints, stepwise.joints, rtol=1e-5, atol=2e-6)
        assert torch.equal(result.confidence, stepwise.confidence)
        assert not result.joints[result.confidence == 0].any()


def test_what_is_computed_in_numpy_is_what_is_computed_in_pytorch(transform, batch):
    in_numpy = apply(transform, batch)
    batch.joints.requires_grad_()
    in_pytorch = apply(transform, batch)
    torch.testing.assert_close(in_numpy.joints, in_pytorch.joints.detach(), rtol=1e-5, atol=2e-6)
    assert torch.equal(in_numpy.confidence, in_pytorch.confidence)
    assert torch.equal(in_numpy.person_mask, in_pytorch.person_mask)


def test_matrices_of_joints_in_other_types():
    joints = full_batch().joints
    matrices = torch.linalg.qr(torch.randn(len(joints), 3, 3, dtype=torch.float64))[0]
    expected = torch.einsum("nij,nmtvj->nmtvi", matrices, joints.double())
    for dtype, error in ((torch.float64, 1e-12), (torch.float32, 1e-6), (torch.bfloat16, 0.1)):
        result = apply_matrices(joints.to(dtype), matrices)
        assert result.dtype == dtype
        torch.testing.assert_close(result.double(), expected, rtol=0, atol=error)


def test_compose_passes_the_layout_on():
    chain = Compose([ConvertLayout("coco17"), RandomFlip(p=1.0)])
    assert chain.output_layout(KINECT) == COCO
    assert apply(chain, random_batch()).joints.shape[3] == COCO.num_joints
    batch = random_batch()
    assert apply(Compose(), batch) is batch


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_build_and_run(path):
    config = OmegaConf.load(path)
    assert set(config) == {"normalise", "augment"}
    steps = [instantiate(step) for part in (config.normalise, config.augment) for step in part]
    layout, axes = (COCO, 2) if path.stem == "pose2d" else (KINECT, 3)
    batch = random_batch(layout, axes=axes)
    result = apply(Compose(steps), batch, layout)
    assert result.joints.shape == batch.joints.shape
    assert result.joints.isfinite().all()


def test_the_usual_configs_are_there():
    assert {path.stem for path in CONFIGS} >= {"none", "kinect3d", "kinect3d_strong", "pose2d"}
