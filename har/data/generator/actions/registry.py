"""The classes of the dataset, in label order, and how each is performed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from har.data.generator.actions import everyday, falls, floor, locomotion, transitions
from har.data.generator.anthropometry import Body
from har.data.generator.pose import Pose
from har.data.generator.randomness import Draws

Programme = Callable[[Body, Draws, np.ndarray], Pose]


@dataclass(frozen=True, slots=True)
class Action:
    """One class.

    Attributes:
        name: label name.
        perform: takes n bodies, their draws and the frame times (T,) in seconds; returns a track.
        by_hand: it is done with the preferred hand; otherwise left and right are equally likely.
        on_chair: the person is on a chair for a while, whose back may hide them.
    """

    name: str
    perform: Programme
    by_hand: bool = False
    on_chair: bool = False


ACTIONS = (
    Action("walk", locomotion.walk),
    Action("sit_down", transitions.sit_down, on_chair=True),
    Action("sitting", everyday.sitting, on_chair=True),
    Action("stand_up", transitions.stand_up, on_chair=True),
    Action("lie_down", transitions.lie_down),
    Action("lying", everyday.lying),
    Action("get_up", transitions.get_up),
    Action("fall_forward", falls.fall_forward),
    Action("fall_backward", falls.fall_backward),
    Action("fall_sideways", falls.fall_sideways),
    Action("fall_from_chair", falls.fall_from_chair, on_chair=True),
    Action("fallen", floor.fallen),
    Action("pick_up", everyday.pick_up, by_hand=True),
    Action("drink", everyday.drink, by_hand=True),
    Action("eat", everyday.eat, by_hand=True),
    Action("reach_overhead", everyday.reach_overhead, by_hand=True),
    Action("wave", everyday.wave, by_hand=True),
    Action("call_for_help", floor.call_for_help, by_hand=True),
    Action("stagger", locomotion.stagger),
    Action("crawl", locomotion.crawl),
)
CLASSES = tuple(action.name for action in ACTIONS)
