import sys

import pytest
import torch

from har.config.targets import find_target
from har.errors import ConfigError


def test_a_class_comes_with_its_named_parameters(toys):
    target = find_target(f"{toys}.Car", [toys])
    assert list(target.parameters) == ["engine", "wheels", "gears", "name"]
    assert [name for name, p in target.parameters.items() if p.required] == ["engine"]
    assert target.parameters["gears"].annotation == tuple[int, ...]
    assert not target.takes_any


def test_functions_and_open_signatures(toys):
    assert find_target(f"{toys}.double", [toys]).call(4) == 8
    assert find_target(f"{toys}.Garage", [toys]).takes_any


@pytest.mark.parametrize(
    "name", ["torch.optim.SGD", "torch.optim.lr_scheduler.StepLR", "torch.nn.CrossEntropyLoss"]
)
def test_classes_of_torch_are_allowed(name):
    assert find_target(name).call.__name__ == name.rpartition(".")[2]


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "torch.load",
        "har.paths.os.system",
        "har.paths.Path",
        "har.record.subprocess.run",
        "torch.nn.modules.module.torch.load",
        "harmless.thing",
    ],
)
def test_code_outside_the_allowed_packages_is_refused(name):
    with pytest.raises(ConfigError, match="not among the classes a configuration may build"):
        find_target(name)


def test_a_refused_module_is_not_even_imported(toys):
    sys.modules.pop(toys, None)
    with pytest.raises(ConfigError, match=rf"allow it with extra_targets: \[{toys}\.\]"):
        find_target(f"{toys}.Car")
    assert toys not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("har.model.x.Y", r"no module har.model. Did you mean 'models'\?"),
        ("torch.optim.SDG", r"torch.optim has no 'SDG'. Did you mean 'SGD'\?"),
        ("har.errors.ConfigErorr", r"Did you mean 'ConfigError'\?"),
        ("har.paths.project_root.deeper", "har.paths.project_root has no 'deeper'"),
        ("har.errors", "module har|is a module"),
        ("SGD", "must be a dotted path"),
        (3, "must be a dotted path"),
    ],
)
def test_names_that_lead_nowhere(name, message):
    with pytest.raises(ConfigError, match=message):
        find_target(name)


def test_a_value_is_no_target(toys):
    with pytest.raises(ConfigError, match="is a int, not a class or function"):
        find_target(f"{toys}.LIMIT", [toys])


def test_a_missing_dependency_is_named(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="needs 'not_installed_anywhere', which is not installed"):
        find_target("needs_more.Thing", ["needs_more"])


def test_the_annotations_of_torch_are_read():
    assert torch.Tensor in find_target("torch.optim.SGD").parameters["lr"].annotation.__args__
