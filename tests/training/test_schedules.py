import math

import pytest

from har.training.schedules import Constant, Cosine, Step

PER_EPOCH, EPOCHS = 10, 20
TOTAL = PER_EPOCH * EPOCHS


def factors(schedule) -> list[float]:
    return [schedule.factor(step, PER_EPOCH, EPOCHS) for step in range(TOTAL)]


def test_constant():
    assert set(factors(Constant())) == {1.0}


@pytest.mark.parametrize(
    "schedule",
    [Constant(2), Cosine(2), Step((15,), warmup_epochs=2)],
    ids=["constant", "cos", "step"],
)
def test_warm_up_is_linear_and_ends_at_the_base_rate(schedule):
    values = factors(schedule)
    assert values[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert values[20] == 1.0


def test_warm_up_of_part_of_an_epoch():
    assert factors(Constant(0.25))[:4] == pytest.approx([0.4, 0.8, 1.0, 1.0])


def test_cosine_starts_at_1_passes_the_middle_and_ends_at_0():
    values = factors(Cosine())
    assert values[0] == 1.0
    assert values[TOTAL // 2] == pytest.approx(0.5)
    assert values[-1] == pytest.approx(0.5 * (1 - math.cos(math.pi / TOTAL)))
    assert Cosine().factor(TOTAL, PER_EPOCH, EPOCHS) == pytest.approx(0.0, abs=1e-12)
    assert values == sorted(values, reverse=True)


def test_cosine_with_warm_up_and_floor():
    schedule = Cosine(warmup_epochs=4, final=0.1)
    values = factors(schedule)
    assert values[39] == values[40] == 1.0
    assert values[40 + 80] == pytest.approx(0.55)
    assert schedule.factor(TOTAL, PER_EPOCH, EPOCHS) == pytest.approx(0.1)
    assert min(values[40:]) > 0.1


def test_cosine_stays_at_its_end_when_training_goes_on():
    assert Cosine(final=0.2).factor(3 * TOTAL, PER_EPOCH, EPOCHS) == pytest.approx(0.2)


def test_step_falls_at_the_first_step_of_each_milestone():
    values = factors(Step(milestones=(5, 12), gamma=0.1))
    assert values[49] == 1.0
    assert values[50] == values[119] == pytest.approx(0.1)
    assert values[120] == values[-1] == pytest.approx(0.01)


def test_step_multiplies_warm_up_and_milestones():
    schedule = Step(milestones=(1,), gamma=0.5, warmup_epochs=2)
    assert schedule.factor(9, PER_EPOCH, EPOCHS) == pytest.approx(0.5)
    assert schedule.factor(10, PER_EPOCH, EPOCHS) == pytest.approx(0.275)


def test_a_warm_up_as_long_as_the_training():
    assert factors(Cosine(warmup_epochs=EPOCHS))[-1] == 1.0
