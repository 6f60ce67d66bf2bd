import pytest

from har.benchmark.suite import list_suites, load_suite
from har.config.compose import compose
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
        "methods.a.b: a name may hold no dot",
        "methods.c.streams: there is no stream 'joints'. Did you mean 'joint'?",
        "'beauty' is none of",
        "fusions.two.weights: give one number for each",
    ):
        assert told in text


def test_an_unknown_suite_and_a_circle_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'smoke'"):
        load_suite("smok")
    path = tmp_path / "circle.yaml"
    path.write_text(f"title: Circle\ninclude: ['{path}']\n")
    with pytest.raises(ConfigError, match="include each other"):
        load_suite(str(path))


def test_a_suite_gives_its_overrides_and_budget_to_those_that_it_includes():
    short = load_suite("nwucla_short")
    (part,) = short.suites()
    assert part.title == load_suite("nwucla").title
    assert part.budget == short.budget
    assert all("trainer.max_epochs=3" in job.overrides for job in short.jobs())
