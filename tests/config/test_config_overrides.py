import pytest

from har.config.overrides import explain_overrides
from har.errors import ConfigError


def explain(tree, *argv):
    explain_overrides(argv, tree, "main")


def told(tree, *argv):
    with pytest.raises(ConfigError) as caught:
        explain(tree, *argv)
    return str(caught.value).split("\n  - ")[1:]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["data.batch_size=8", "seed=1"],
        ["data=large", "model/engine=electric", "model.engine.battery=3"],
        ["experiment=nwucla_car"],
        ["+model/engine@model.spare=electric", "model.spare.battery=3"],
        ["+data.new=3", "data.new=4"],
        ["++data.new=3"],
        ["~model/engine"],
        ["~data.workers"],
        ["extra=radio", "extra.volume=4"],
        ["-m", "data=small,large", "seed=1,2,3"],
        ["--multirun", "data=glob(*)", "+data.new=1,2"],
        ["seed=range(1,4)", "-m"],
        ["hydra.run.dir=/nowhere", "hydra/launcher=not_installed", "hydra.sweep.dir=x"],
        ["--cfg", "job", "seed=1"],
        ["--config-name", "main", "seed=1"],
        ["data={batch_size: 3}", "+data={new: 3}", "data.new=4"],
    ],
)
def test_right_overrides_pass(tree, argv):
    explain(tree, *argv)


@pytest.mark.parametrize(
    "argv",
    [
        ["--help", "nonsense=3"],
        ["--config-dir", "elsewhere", "nonsense=3"],
        ["hydra.searchpath=[elsewhere]", "data=theirs"],
    ],
)
def test_what_only_hydra_can_judge_is_left_to_it(tree, argv):
    explain(tree, *argv)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "data.bach_size=3",
            "data.bach_size: no such key. Did you mean 'data.batch_size'? "
            "(data has: batch_size, workers)",
        ),
        (
            "modle.engine.powr=3",
            "modle.engine.powr: no such key. Did you mean 'model.engine.power'? "
            "(the configuration has: data, model, seed)",
        ),
        (
            "modle/engine=petrol",
            "modle/engine: no such config group. Did you mean 'model/engine'? "
            "(there are: data, experiment, extra, model, model/engine)",
        ),
        (
            "experiment=nucla_car",
            "experiment=nucla_car: not found. Did you mean 'nwucla_car'? "
            "There are: nwucla_car, nwucla_van",
        ),
        ("batch_size=3", "Did you mean 'data.batch_size'?"),
        ("experimnt=nwucla_car", "Did you mean 'experiment'?"),
        ("~data.worker", "Did you mean 'data.workers'?"),
        ("seed.x=3", "seed.x: no such key, because seed is 0"),
        ("model.engine.battery=3", "model.engine.battery: no such key."),
        ("model.engine=electric", "choose an option with model/engine=electric"),
        ("data=[small,larg]", "data=larg: not found. Did you mean 'large'?"),
    ],
)
def test_a_mistake_is_told_with_the_closest_match(tree, override, message):
    (line,) = told(tree, override)
    assert message in line


def test_a_key_of_an_option_that_is_null(tree, tmp_path):
    text = (tree / "main.yaml").read_text()
    for path in tree.rglob("*.yaml"):
        copy = tmp_path / path.relative_to(tree)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    (tmp_path / "main.yaml").write_text(text + "\nextra: null\n")
    (line,) = told(tmp_path, "extra.volume=3")
    assert line.endswith("because extra is null; choose one with extra=<option>")


def test_all_mistakes_are_told_at_once(tree):
    lines = told(
        tree, "data.bach_size=3", "modle/engine=x", "experiment=nwucla", "seeed=1", "seed=1"
    )
    assert [line.split(":")[0] for line in lines] == [
        "modle/engine",
        "experiment=nwucla",
        "data.bach_size",
        "seeed",
    ]


def test_keys_that_a_lost_option_may_have_are_not_blamed(tree):
    (line,) = told(tree, "model/engine=electrc", "model.engine.battery=3")
    assert line.startswith("model/engine=electrc: not found. Did you mean 'electric'?")


def test_every_option_of_a_sweep_is_looked_at(tree):
    (line,) = told(tree, "-m", "data=small,huge")
    assert line.startswith("data=huge: not found")
    (line,) = told(tree, "-m", "model/engine=electric,petrol", "model.engine.battery=1,2")
    assert line.startswith("model.engine.battery: no such key")


def test_what_hydra_cannot_compose_is_a_config_error(tree):
    with pytest.raises(ConfigError, match=r"Could not override 'model/engine@model\.other'"):
        explain(tree, "model/engine@model.other=petrol")
    with pytest.raises(ConfigError, match=r"'seed=\[1' is not an override"):
        explain(tree, "seed=[1")
    with pytest.raises(ConfigError, match="Cannot find primary config 'other'"):
        explain(tree, "--config-name", "other")


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"no folder of configurations .*HAR_HOME"):
        explain(tmp_path / "none", "seed=1")
