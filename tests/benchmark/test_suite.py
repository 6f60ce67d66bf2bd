import json

import pytest

from har.benchmark.measures import MEASURES, Measures, recorded
from har.benchmark.suite import list_suites, load_suite
from har.config.compose import compose, to_plain
from har.errors import ConfigError


@pytest.mark.parametrize("name", list_suites())
@pytest.mark.slow
def test_every_suite_names_methods_that_compose(name):
    suite = load_suite(name)
    jobs = {job.method: job for job in suite.jobs()}
    assert jobs
    for job in jobs.values():
        compose(job.overrides)


def test_jobs_are_the_matrix_with_the_first_seeds_first(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(
        "title: Own\n"
        "tasks: {home: [experiment=smoke], other: {overrides: [experiment=demo], seeds: [0]}}\n"
        "methods: {gru: [model/backbone=gru], mlp: {overrides: [], streams: [bone], seeds: [3, 0]}}\n"  # noqa: E501
        "streams: {joint: [stream=joint], bone: [stream=bone]}\n"
        "seeds: [0, 1]\n"
    )
    jobs = load_suite(str(path)).jobs()
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)
    names = [job.name for job in jobs]
    assert len(set(names)) == len(names) == 2 * 2 + 2 + 2 + 1
    assert "other.gru.joint.seed1" not in names
    job = next(job for job in jobs if job.name == "home.gru.bone.seed1")
    assert job.overrides == ("experiment=smoke", "model/backbone=gru", "stream=bone", "seed=1")


def test_suites_that_include_others_have_their_cells():
    whole = load_suite("skeleton")
    parts = [job for name in ("nwucla", "utd_mhad") for job in load_suite(name).jobs()]
    assert whole.jobs() == tuple(parts)
    assert [suite.name for suite in whole.suites()] == ["nwucla", "utd_mhad"]


def test_all_mistakes_are_told_at_once(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "tasks: {home: {overides: []}}\n"
        "methods: {a.b: [], c: {streams: [joints]}}\n"
        "measure: [beauty]\n"
        "fusions: {two: {of: [joint], weights: [1, 2]}}\n"
        "sedes: [0]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_suite(str(path))
    text = str(caught.value)
    for told in (
        "sedes: no such key. Did you mean 'seeds'?",
        "title is missing",
        "tasks.home.overides: no such key. Did you mean 'overrides'?",
        "methods.a.b: a name holds letters, digits, space",
        "methods.c.streams: there is no stream 'joints'. Did you mean 'joint'?",
        "'beauty' is none of",
        "fusions.two.weights: give one number for each",
    ):
        assert told in text


SMALL = "title: T\ntasks: {home: [experiment=smoke]}\nmethods: {a: [], b: []}\n"
PART = "title: T\ninclude: [smoke]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: T\ntasks: [home]\nmethods: {a: []}\n", r"tasks=\['home'\]: give a mapping"),
        (SMALL + "common: seed=1\n", "common=seed=1: give a list of words"),
        (SMALL + "streams: {joint: stream=joint}\n", "streams.joint=stream=joint: give a list"),
        (SMALL + "streams: {a/b: []}\n", "streams.a/b: a name holds letters"),
        (SMALL.replace("a: []", "1: []"), r"methods\.1: a name .* in quotes if it is a number"),
        (SMALL.replace("b: []", "a: []"), "the key a is given twice"),
        (SMALL.replace("b: []", "home: []"), "tasks.home: a method has that name"),
        (SMALL.replace("b: []", "b: {label: 3}"), "methods.b.label=3: give a text"),
        (SMALL + "seeds: []\n", r"seeds=\[\]: give a list of whole numbers"),
        (SMALL + "seeds: 3\n", "seeds=3: give a list of whole numbers"),
        (SMALL + "measure: onnx\n", "measure=onnx: give a list of some of latency"),
        (SMALL + "fusions: {f: }\n", "fusions.f.of=None: give at least two streams"),
        (SMALL + "fusions: {joint: {of: [joint]}}\n", "fusions.joint: a stream has that name"),
        (SMALL + "fusions: {f: {weights: [1, -1]}}\n", "f.weights=.*: give numbers of at least 0"),
        (SMALL + "fusions: {f: {weights: best}}\n", "f.weights=best: give tuned, learned, or one"),
        (PART + "only: {seeds: [7]}\n", "only.seeds: none of the included suites has '7'"),
        (PART + "only: [mlp]\n", r"only=\['mlp'\]: give a mapping"),
        (PART + "baseline: grv\n", "baseline: none of .* has 'grv'. Did you mean 'gru'"),
        ("title: T\ninclude: [smok]\n", "include of .*bad.yaml: smok: no such suite"),
        ("title: [\n", "cannot read the suite .*bad.yaml: while parsing"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(tmp_path, text, told):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_suite(str(path))


def test_an_unknown_suite_and_a_circle_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'smoke'"):
        load_suite("smok")
    path = tmp_path / "circle.yaml"
    path.write_text(f"title: Circle\ninclude: ['{path}']\n")
    with pytest.raises(ConfigError, match="include each other"):
        load_suite(str(path))


def test_a_suite_takes_part_of_what_it_includes_and_measures_it_as_it_says():
    suite = load_suite("robustness")
    jobs = {job.name: job for job in suite.jobs()}
    whole = {job.name: job for job in load_suite("nwucla").jobs()}
    shared = jobs.keys() & whole.keys()
    assert "nwucla_cross_view.mlp.joint.seed0" in shared
    assert "nwucla_cross_view.mlp_corrupted.joint.seed0" in jobs.keys() - shared
    assert {job.seed for job in jobs.values()} == {0}
    assert {job.stream for job in jobs.values()} == {"joint"}
    for name in shared:
        assert jobs[name].overrides == whole[name].overrides
        assert jobs[name].measures.names == ("latency", "robustness")
    assert suite.suites()[1].baseline == "mlp"


def test_a_run_that_several_suites_ask_for_is_one_with_the_measures_of_all():
    jobs = load_suite("all").jobs()
    assert len({job.name for job in jobs}) == len(jobs)
    job = next(job for job in jobs if job.name == "nwucla_cross_view.mlp.joint.seed0")
    assert set(job.measures.names) == set(MEASURES)
    assert job.measures.robustness.clips is None
    assert job.measures.target == 0.8


def test_suites_that_call_different_runs_the_same_are_refused(tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text("title: Both\ninclude: [nwucla, nwucla_short]\n")
    with pytest.raises(ConfigError, match=r"nwucla_cross_view\.mlp\.joint\.seed0, with other"):
        load_suite(str(path)).jobs()


def test_a_method_that_no_included_suite_has_is_told(tmp_path):
    path = tmp_path / "part.yaml"
    path.write_text("title: Part\ninclude: [nwucla]\nonly: {methods: [stgcnp]}\n")
    with pytest.raises(ConfigError, match=r"has 'stgcnp'\. Did you mean 'stgcnpp'"):
        load_suite(str(path))


def test_mistakes_in_measures_and_peers_are_told_at_once(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "title: Bad\n"
        "tasks: {home: [experiment=smoke]}\n"
        "methods: {a: [], b: {peer: {package: mmaction, model: gcn, beside: c}}}\n"
        "baseline: d\n"
        "measure: [to_target, robustnes]\n"
        "robustness: {corruptions: [joint_jiter], severities: [9], clips: 0, seed: 1}\n"
        "onnx: {precisions: [fp8], hops: [half]}\n"
        "only: {tasks: []}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_suite(str(path))
    text = str(caught.value)
    for told in (
        "'robustnes' is none of latency, onnx, robustness, to_target. Did you mean 'robustness'?",
        "to_target needs the key target",
        "robustness.corruptions: 'joint_jiter' is none of",
        "robustness.severities: '9' is none of 1, 2, 3, 4, 5",
        "robustness.clips=0: give a whole number of at least 1",
        "robustness.seed: no such key",
        "onnx.precisions: 'fp8' is none of fp32, fp16, int8",
        "onnx.hops=half: give a whole number",
        "only.tasks: no such key",
        "only limits the suites that include names: there are none",
        "baseline=d is no method",
        "methods.b.peer.package=mmaction: give one of mmaction2",
        "methods.b.peer.model=gcn: give one of stgcn",
        "methods.b.peer.beside=c: give one of a, b",
    ):
        assert told in text


def test_a_peer_takes_the_place_of_backbone_and_head():
    jobs = {job.method: job for job in load_suite("peers_smoke").jobs()}
    theirs = to_plain(compose(jobs["mmaction2_stgcnpp"].overrides))
    ours = to_plain(compose(jobs["stgcnpp"].overrides))
    assert theirs["model"]["backbone"]["_target_"] == "har.benchmark.peers.PeerBackbone"
    assert theirs["model"]["head"]["_target_"] == "har.benchmark.peers.PeerHead"
    assert {k: v for k, v in theirs.items() if k != "model"} == {
        k: v for k, v in ours.items() if k != "model"
    }


def test_measures_survive_the_record_of_a_cell():
    measures = load_suite("edge").jobs()[0].measures
    assert recorded(json.loads(json.dumps(measures.record()))) == measures
    assert recorded({"measure": ["latency"]}) == Measures()
    with pytest.raises(ConfigError, match="'onx' is none of"):
        measures.only(["onx"])


def test_a_suite_gives_its_overrides_and_budget_to_those_that_it_includes():
    short = load_suite("nwucla_short")
    (part,) = short.suites()
    assert part.title == load_suite("nwucla").title
    assert part.budget == short.budget
    assert all("trainer.max_epochs=3" in job.overrides for job in short.jobs())
