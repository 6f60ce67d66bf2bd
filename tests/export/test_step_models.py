import numpy as np
import pytest
import torch
from export_helper import classifier, clips, recipe

from har.data.transforms import AlignVertical, Center, Compose, ScaleBox
from har.export.onnx_file import ExportError
from har.export.stepwise.clock import Timing
from har.export.stepwise.model import StepClassifier
from har.export.stepwise.reference import clip_features, clip_means, clip_model_predictions
from har.models.classifier import SkeletonClassifier
from har.models.skeleton.aagcn import AAGCN
from har.models.skeleton.ctrgcn import CTRGCN
from har.models.skeleton.stgcn import STGCN
from har.models.skeleton.stgcnpp import STGCNPP
from har.models.skeleton.tcn import TCN
from har.models.temporal.max import MaxOverFrames

SMALL = {"base_channels": 16, "blocks": 4, "stages": (2, 4)}
FRAMES, WINDOW = 96, 24


def stream(frames=FRAMES):
    poses, confidence = clips(1, 1, frames)
    return poses[:, 0].double(), confidence[:, 0].double()


def step_through(model, given, states=None):
    """Return predictions (S, K) and the features that have a place in the clip model, by place."""
    seen, zeros = model.initial_states(1)
    kept = [(states or {}).get(n, z) for n, z in zip(model.state_shapes, zeros, strict=True)]
    predictions, features = [], {}
    for start in range(0, given[0].shape[1], model.hop):
        frames = [part[:, start : start + model.hop] for part in given]
        tape = model.tape(seen, kept)
        newest = model.features(tape, *frames)
        places = model.after.positions(seen)[0].tolist()
        for number, place in enumerate(places):
            if place >= 0 and place % model.after.rate == 0:
                features[place // model.after.rate] = newest[:, number]
        probabilities, seen, *kept = model(*frames, seen, *kept)
        predictions.append(probabilities[0].numpy())
    return np.stack(predictions), features


@pytest.mark.parametrize("hop", [1, 4])
@pytest.mark.parametrize("streams", [("joint",), ("joint", "bone_motion")])
@pytest.mark.parametrize("backbone", [STGCN, STGCNPP, CTRGCN, AAGCN])
@pytest.mark.slow
def test_steps_equal_the_clip_model_with_the_means_of_the_clip(backbone, streams, hop):
    exact, of = classifier(backbone, streams=streams, **SMALL).double(), recipe(streams)
    given = stream()
    model = StepClassifier(exact, of, 3, WINDOW, hop).double()
    model.freeze_means()
    predictions, features = step_through(model, given, clip_means(exact, of, *given))
    clip = clip_features(exact, of, *given)
    assert len(features) >= 8
    assert 0 in features
    for place, found in features.items():
        torch.testing.assert_close(found, clip[:, place], atol=1e-9, rtol=1e-9)
    truth, found = clip_model_predictions(exact, of, given, model, predictions)
    np.testing.assert_allclose(found, truth, atol=1e-10)


def test_only_models_without_means_over_time_are_exact():
    exact = {
        kind: StepClassifier(classifier(kind, **SMALL), recipe(), 3, WINDOW).is_exact
        for kind in (STGCN, STGCNPP, CTRGCN, AAGCN)
    }
    assert exact == {STGCN: True, STGCNPP: True, CTRGCN: False, AAGCN: False}


def test_running_means_end_as_the_means_of_the_stream():
    exact, of = classifier(CTRGCN, base_channels=16, blocks=1, stages=()).double(), recipe()
    given = stream(20)
    model = StepClassifier(exact, of, 3, 64).double()
    seen, kept = model.initial_states(1)
    for start in range(20):
        _, seen, *kept = model(*(part[:, start : start + 1] for part in given), seen, *kept)
    states = dict(zip(model.state_shapes, kept, strict=True))
    truth = clip_means(exact, of, *given)
    torch.testing.assert_close(states["blocks.0.spatial.mean"], truth["blocks.0.spatial.mean"])


def test_graphs_are_made_anew_in_each_step_at_first_and_then_seldom():
    exact, of = classifier(CTRGCN, base_channels=16, blocks=1, stages=()).double(), recipe()
    given = stream(24)
    each, seldom = (StepClassifier(exact, of, 3, WINDOW, 1, every).double() for every in (1, 8))
    found = [step_through(model, given)[0] for model in (each, seldom)]
    np.testing.assert_allclose(found[1][:9], found[0][:9], atol=1e-12)
    assert np.abs(found[1][9:] - found[0][9:]).max() > 1e-8


@pytest.mark.parametrize("hop", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_kept_graphs_of_given_means_are_those_of_the_clip(hop):
    exact = classifier(CTRGCN, base_channels=16, blocks=3, stages=(2, 3)).double()
    of, given = recipe(), stream(40)
    model = StepClassifier(exact, of, 3, WINDOW, hop, graph_every=8).double()
    model.freeze_means()
    predictions, _ = step_through(model, given, clip_means(exact, of, *given))
    truth, found = clip_model_predictions(exact, of, given, model, predictions)
    np.testing.assert_allclose(found, truth, atol=1e-10)


@pytest.mark.parametrize("backbone", [STGCNPP, pytest.param(CTRGCN, marks=pytest.mark.slow)])
def test_rows_may_start_at_different_times(backbone):
    parts = classifier(backbone, base_channels=16, blocks=3, stages=(2, 3)).double()
    model = StepClassifier(parts, recipe(), 3, WINDOW, graph_every=4).double()
    given = stream(40)
    alone, _ = step_through(model, given)
    seen, kept = model.initial_states(2)
    for start in range(40):
        late = max(0, start - 10)
        frames = [
            torch.cat([part[:, start : start + 1], part[:, late : late + 1]]) for part in given
        ]
        if start == 10:
            seen[1] = 0
            for state in kept:
                state[1] = 0
        probabilities, seen, *kept = model(*frames, seen, *kept)
        np.testing.assert_allclose(probabilities[0], alone[start], atol=1e-12)
        if start >= 10:
            np.testing.assert_allclose(probabilities[1], alone[late], atol=1e-12)


def test_centring_every_frame_follows_the_last_frame_that_shows_the_point():
    of = recipe(normalise=Compose((Center("spine_mid", every_frame=True), AlignVertical())))
    exact = classifier(STGCNPP, **SMALL).double()
    given = stream()
    given[1][:, 5:8] = 0
    model = StepClassifier(exact, of, 3, WINDOW).double()
    _, features = step_through(model, given)
    clip = clip_features(exact, of, *given)
    for place, found in features.items():
        torch.testing.assert_close(found, clip[:, place], atol=1e-9, rtol=1e-9)


def test_before_the_first_feature_the_answer_is_that_of_nobody():
    exact = classifier(STGCNPP, **SMALL)
    model = StepClassifier(exact, recipe(), 3, WINDOW)
    seen, kept = model.initial_states(1)
    given = [part[:, :1].float() for part in stream()]
    nobody = exact.head(torch.zeros(1, exact.backbone.out_channels)).softmax(1)
    torch.testing.assert_close(model(*given, seen, *kept)[0], nobody)
    assert model.warm_up_frames == model.after.delay + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": TCN}, "model.backbone TCN has no step-wise form"),
        ({"temporal": MaxOverFrames}, "model.temporal MaxOverFrames has no step-wise form"),
        ({"normalise": ScaleBox()}, "ScaleBox looks at all frames of a clip"),
        ({"hop": 3}, "hop=3: give 1, or a multiple of 4"),
    ],
)
def test_what_has_no_step_form_is_told(change, message):
    options = {} if "backbone" in change else SMALL
    parts = classifier(change.get("backbone", STGCNPP), **options)
    if "temporal" in change:
        pooling = change["temporal"](parts.backbone.out_channels)
        parts = SkeletonClassifier(parts.fusion, parts.backbone, pooling, parts.head)
    of = recipe(**{k: v for k, v in change.items() if k == "normalise"})
    with pytest.raises(ExportError, match=message):
        StepClassifier(parts, of, 3, WINDOW, change.get("hop", 1))


def test_timing_waits_for_the_stride():
    behind = Timing(hop=4).later(3)
    after, wait = behind.reduced(2)
    assert (after.rate, after.delay, wait) == (2, 4, 1)
    dense, wait = Timing(hop=1).later(3).reduced(2)
    assert (dense.rate, dense.delay, dense.spacing, wait) == (2, 3, 2, 0)
