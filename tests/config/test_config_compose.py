import copy

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError

from har.config.compose import compose, compose_unchecked, from_plain, to_plain, validate
from har.config.defaults import defaults
from har.config.schema import REQUIRED, RootConfig
from har.errors import ConfigError


@pytest.fixture(scope="module")
def composed():
    return compose()


@pytest.fixture
def plain(composed):
    return copy.deepcopy(to_plain(composed))


def test_overrides_reach_the_composed_configuration():
    config = compose(["seed=7", "stream=bone", "trainer.max_epochs=3"])
    assert (config.seed, config.trainer.max_epochs) == (7, 3)
    assert config.stream.names == ["bone"]


def test_defaults_of_the_schema_complete_it(plain):
    del plain["trainer"]["accumulate"]
    assert (
        validate(plain).trainer.accumulate
        == RootConfig.__dataclass_fields__["trainer"].default_factory().accumulate
    )


def test_unknown_keys_cannot_be_read_or_set(composed):
    with pytest.raises(ConfigAttributeError):
        composed.trainer.epochs  # noqa: B018
    with pytest.raises(ConfigAttributeError):
        composed.trainer.epochs = 3


def test_mistakes_in_files_and_values_are_all_told(tmp_path):
    (tmp_path / "main.yaml").write_text(
        "defaults: [root_schema, _self_]\nseeed: 3\ntrainer: {max_epoch: 3, precision: fp16}\n"
    )
    with pytest.raises(ConfigError) as caught:
        compose(["seed=x"], folder=tmp_path, config_name="main")
    for part in (
        "seeed: no such key. Did you mean 'seed'?",
        "trainer.max_epoch: no such key. Did you mean 'trainer.max_epochs'?",
        "trainer.precision: 'fp16' is not allowed",
        "seed: expected int, got 'x' (str)",
        "model: required, but nothing is chosen",
    ):
        assert part in str(caught.value)


def test_a_section_that_is_no_mapping(plain):
    with pytest.raises(ConfigError, match="trainer: expected a mapping of keys to values, got 5"):
        validate({**plain, "trainer": 5})


def test_interpolations_that_lead_nowhere_are_all_told(plain, monkeypatch):
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    plain["paths"]["runs"] = "${oc.env:NO_SUCH_VARIABLE}"
    plain["transform"]["augment"] = ["${nothing.here}"]
    with pytest.raises(ConfigError) as caught:
        validate(plain)
    assert "paths.runs: " in str(caught.value)
    assert "transform.augment[0]: Interpolation key 'nothing.here' not found" in str(caught.value)


def test_what_hydra_cannot_compose_is_a_config_error():
    with pytest.raises(ConfigError, match="Could not override 'nothing'"):
        compose_unchecked(["nothing=3"])
    with pytest.raises(ConfigError, match="Did you mean 'nwucla'"):
        compose_unchecked(["data=nuclaa"])


def test_a_stored_configuration_comes_back_the_same(composed, plain):
    again = from_plain(plain)
    assert again == composed
    assert to_plain(again) == plain
    assert not any("${" in line for line in OmegaConf.to_yaml(again).splitlines())


def test_a_stored_configuration_is_checked_anew(plain):
    plain["model"]["head"]["widht"] = 3
    with pytest.raises(ConfigError, match=r"model\.head\.widht: .* has no parameter 'widht'"):
        from_plain(plain)


def test_a_stored_configuration_cannot_allow_itself_other_code(plain):
    plain["extra_targets"] = ["os."]
    plain["loss"] = {"_target_": "os.system", "command": "true"}
    with pytest.raises(ConfigError, match="builds classes outside har: os"):
        from_plain(plain)


def test_a_stored_configuration_may_use_classes_that_the_caller_trusts(plain, toys):
    plain["extra_targets"] = [f"{toys}."]
    plain["mixing"] = {"_target_": f"{toys}.Engine", "power": 1}
    assert from_plain(plain, trusted_targets=[f"{toys}."]).mixing.power == 1


def test_composing_leaves_hydra_as_it_was():
    compose_unchecked()
    assert not GlobalHydra.instance().is_initialized()


def test_required_keys_have_no_default():
    assert defaults()["name"] == REQUIRED
    assert defaults()["seed"] == RootConfig.__dataclass_fields__["seed"].default
