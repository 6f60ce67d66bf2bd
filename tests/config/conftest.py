"""Small classes to configure, and a small tree of configurations."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

TOYS = """
    from typing import Literal

    from har.errors import LayoutError


    class Engine:
        def __init__(self, power: float, fuel: Literal["petrol", "diesel"] = "petrol"):
            self.power, self.fuel = power, fuel


    class Car:
        def __init__(
            self,
            engine: Engine,
            wheels: int = 4,
            gears: tuple[int, ...] = (),
            name: str | None = None,
        ):
            self.engine, self.wheels, self.gears, self.name = engine, wheels, gears, name


    class Broken:
        def __init__(self, error: str = "layout"):
            if error == "bug":
                raise AttributeError("a mistake in the program")
            if error == "value":
                raise ValueError("this number is too small")
            raise LayoutError("no joint 'elbow'")


    class Garage:
        def __init__(self, cars: list[Car], **anything: object):
            self.cars, self.anything = cars, anything


    def double(value: int) -> int:
        return 2 * value


    LIMIT = 3
"""

TREE = {
    "main.yaml": """
        defaults:
          - data: small
          - model: car
          - model/engine: petrol
          - optional extra: null
          - _self_
          - experiment: null
        seed: 0
        """,
    "data/small.yaml": "{batch_size: 4, workers: 0}",
    "data/large.yaml": "{batch_size: 64, workers: 2}",
    "model/car.yaml": "{wheels: 4}",
    "model/engine/petrol.yaml": "{power: 3}",
    "model/engine/electric.yaml": "{power: 9, battery: 2}",
    "extra/radio.yaml": "{volume: 3}",
    "experiment/nwucla_car.yaml": "# @package _global_\nseed: 3",
    "experiment/nwucla_van.yaml": "# @package _global_\nseed: 4",
}


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the name of an importable module with a few classes."""
    folder = tmp_path_factory.mktemp("toys")
    (folder / "har_test_toys.py").write_text(textwrap.dedent(TOYS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield "har_test_toys"


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of configurations whose primary config is ``main``."""
    folder = tmp_path_factory.mktemp("configs")
    for name, text in TREE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder
