from dataclasses import dataclass, field

import pytest

from har.config.check import check_config
from har.config.schema import Node
from har.errors import ConfigError


@dataclass
class Speed:
    limit: int
    unit: str = "m/s"


@dataclass
class Root:
    car: Node
    speed: Speed
    spare: Node | None = None
    slow: Speed | None = None
    extras: list[Node] = field(default_factory=list)
    seed: int = 0
    extra_targets: list[str] = field(default_factory=list)


@pytest.fixture
def config(toys):
    engine = {"_target_": f"{toys}.Engine", "power": 3}
    car = {"_target_": f"{toys}.Car", "engine": engine, "gears": [1, 2]}
    return {"car": car, "speed": {"limit": 5}, "extra_targets": [f"{toys}."]}


def check(config, **provided):
    names = {path.replace("__", "."): frozenset(given) for path, given in provided.items()}
    check_config(config, names, schema=Root)


def problems(config, provided=None):
    with pytest.raises(ConfigError) as caught:
        check_config(config, provided or {}, schema=Root)
    count, *lines = str(caught.value).split("\n  - ")
    assert count.startswith(f"{len(lines)} problem")
    return lines


def test_a_right_configuration_passes(config):
    check(config)


def test_all_problems_are_told_in_one_message(config):
    config["sed"] = 3
    config["speed"] = {"limt": 5, "unit": 3}
    config["car"]["wheel"] = 5
    config["car"]["engine"]["power"] = "strong"
    config["car"]["engine"]["fuel"] = "disel"
    config["extras"] = [{"_target_": "har.errors.Nothing"}]
    told = "\n".join(problems(config))
    for part in (
        "sed: no such key. Did you mean 'seed'?",
        "speed.limt: no such key. Did you mean 'speed.limit'? (speed has: limit, unit)",
        "speed.limit: required, but missing",
        "speed.unit: expected str, got 3 (int)",
        "has no parameter 'wheel'. Did you mean 'wheels'? (it has: engine, wheels, gears, name)",
        "car.engine.power: expected float, got 'strong' (str)",
        "car.engine.fuel: 'disel' is not allowed. Did you mean 'diesel'?",
        "extras.0._target_: 'har.errors.Nothing': har.errors has no 'Nothing'",
    ):
        assert part in told
    assert len(told.splitlines()) == 8


def test_a_missing_parameter_is_told_with_its_type(config):
    del config["car"]["engine"]["power"]
    (line,) = problems(config)
    assert line.startswith("car.engine.power: missing;")
    assert "Engine requires it (float)" in line


def test_a_partial_node_may_miss_parameters(config):
    del config["car"]["engine"]["power"]
    config["car"]["engine"]["_partial_"] = True
    check(config)


def test_what_the_program_provides_need_not_be_given(config):
    del config["car"]["engine"]["power"]
    check(config, car__engine={"power"})


@pytest.mark.parametrize("pattern", ["extras.*", "extras.0", "*.0"])
def test_a_star_in_a_pattern_is_one_step(config, toys, pattern):
    config["extras"] = [{"_target_": f"{toys}.Engine"}]
    check_config(config, {pattern: frozenset({"power"})}, schema=Root)
    (line,) = problems(config, {"*": frozenset({"power"}), "extras.*.*": frozenset({"power"})})[-1:]
    assert line.startswith("extras.0.power: missing")


def test_what_the_program_provides_must_not_be_set_too(config):
    assert problems(config, {"car.engine": frozenset({"power"})}) == [
        "car.engine.power: the program sets it itself; remove it"
    ]


def test_a_node_that_the_program_builds_first_may_be_configured(config):
    check(config, car={"engine"})


def test_a_class_must_take_what_the_program_provides(config):
    (line,) = problems(config, {"car.engine": frozenset({"layout", "power"})})[1:]
    assert line.startswith("car.engine: ")
    assert line.endswith("must take the parameter 'layout', which the program sets here")


def test_open_signatures_take_any_name(config, toys):
    config["spare"] = {"_target_": f"{toys}.Garage", "cars": [config["car"]], "colour": "red"}
    check(config, spare={"layout"})


def test_positional_arguments_are_refused(config):
    config["car"]["engine"]["_args_"] = [3]
    assert problems(config) == ["car.engine._args_: not supported; give the parameters by name"]


def test_keys_of_hydra_are_no_parameters(config):
    config["car"] |= {"_recursive_": True, "_convert_": "all"}
    check(config)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("car", {"wheels": 3}, "car: expected a mapping with a _target_"),
        ("car", None, "car: expected a mapping with a _target_, got None"),
        ("car", "???", "car: required, but nothing is chosen"),
        ("speed", "fast", "speed: expected a mapping of keys to values, got 'fast'"),
        ("slow", {"limit": "x"}, "slow.limit: expected int, got 'x' (str)"),
        ("extras", [{"a": 1}], "extras.0: expected a mapping with a _target_"),
        ("extras", "x", "extras: expected list, got 'x' (str)"),
        ("seed", True, "seed: expected int, got True (bool)"),
    ],
)
def test_sections_are_compared_with_the_schema(config, key, value, message):
    config[key] = value
    assert message in problems(config)[0]


def test_required_values_within_nodes(config):
    config["car"]["wheels"] = "???"
    assert problems(config) == ["car.wheels: required, but nothing is chosen"]


def test_targets_are_refused_unless_the_configuration_allows_them(config):
    config["extra_targets"] = []
    lines = problems(config)
    assert len(lines) == 2
    assert all("If you trust it, allow it with extra_targets" in line for line in lines)


def test_without_a_schema_only_targets_are_checked(config):
    config["anything"] = 3
    check_config(config, {}, schema=None)
