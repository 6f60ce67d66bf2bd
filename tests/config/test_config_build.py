from dataclasses import dataclass

import pytest
import torch
from omegaconf import OmegaConf

from har.config.build import build
from har.errors import ConfigError, LayoutError


@dataclass(frozen=True)
class Fuel:
    litres: int


@pytest.fixture
def car(toys):
    engine = {"_target_": f"{toys}.Engine", "power": 3}
    return {"_target_": f"{toys}.Car", "engine": engine, "gears": [1, 2]}


def test_nested_nodes_are_built_with_plain_containers(car):
    built = build(OmegaConf.create(car))
    assert built.engine.power == 3
    assert type(built.gears) is list


def test_plain_dicts_and_lists_of_nodes_are_built(car):
    assert [item.wheels for item in build([car, car], wheels=3)] == [3, 3]
    assert [item.wheels for item in build(OmegaConf.create([car]))] == [4]


def test_none_stays_none():
    assert build(None) is None


def test_provided_objects_are_handed_over_as_they_are(car):
    fuel = Fuel(3)
    weights = [torch.nn.Parameter(torch.zeros(1))]
    built = build(car, name=fuel, gears=weights)
    assert built.name is fuel
    assert built.gears is weights


def test_a_provided_object_takes_the_place_of_the_nodes_own(car):
    car["engine"]["_target_"] = "nowhere.at.all"
    assert build(car, engine="mine").engine == "mine"


def test_the_node_is_not_changed(car):
    config = OmegaConf.create(car)
    build(config, wheels=3)
    assert config == car


def test_interpolations_are_resolved(car):
    config = OmegaConf.create({"size": 5, "car": {**car, "wheels": "${size}"}})
    assert build(config.car).wheels == 5


def test_partial_nodes_build_later(car):
    later = build({**car, "_partial_": True}, wheels=3)
    assert later(name="x").wheels == 3


def test_an_optimiser_gets_the_parameters_themselves():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimiser = build({"_target_": "torch.optim.SGD", "lr": 0.1}, params=iter([weight]))
    assert optimiser.param_groups[0]["params"][0] is weight


def test_errors_of_the_project_come_through(toys):
    broken = {"_target_": f"{toys}.Broken"}
    with pytest.raises(LayoutError, match=r"^no joint 'elbow'$"):
        build(broken)
    with pytest.raises(LayoutError, match=r"^no joint 'elbow'$"):
        build({"_target_": f"{toys}.Car", "engine": broken})


def test_wrong_values_are_told_with_the_path(toys):
    config = OmegaConf.create({"a": {"b": {"_target_": f"{toys}.Broken", "error": "value"}}})
    message = rf"a\.b \({toys}\.Broken\) cannot be built: this number is too small"
    with pytest.raises(ConfigError, match=message):
        build(config.a.b)
    outer = OmegaConf.create({"a": {"_target_": f"{toys}.Car", "engine": config.a.b}})
    with pytest.raises(ConfigError, match=rf"a \({toys}\.Car\).*this number is too small"):
        build(outer.a)


@pytest.mark.parametrize("nested", [False, True])
def test_bugs_are_not_dressed_up_as_user_errors(toys, nested):
    broken = {"_target_": f"{toys}.Broken", "error": "bug"}
    with pytest.raises(AttributeError, match="a mistake in the program"):
        build({"_target_": f"{toys}.Car", "engine": broken} if nested else broken)


@pytest.mark.parametrize("node", [{"a": 1}, 3, "x"])
def test_what_names_no_target_cannot_be_built(node):
    with pytest.raises(ConfigError, match="it has no _target_"):
        build(node)


def test_a_target_that_does_not_exist():
    with pytest.raises(ConfigError, match=r"node \(har\.nothing\.Here\) cannot be built"):
        build({"_target_": "har.nothing.Here"})
