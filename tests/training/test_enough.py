"""A budget that is too small is told once: at the first step where it counts steps, else when steps are timed."""

import pytest

from quietscope.training.budget import Budget
from quietscope.training.enough import EnoughSteps
from quietscope.training.settings import TrainingSettings
from quietscope.training.watch import TrainingState

SETTINGS = TrainingSettings(learning_rate=1e-3)  # 0.3 / 0.001 = 300 steps


def state(step: int, seconds_of_a_step: float, budget: float) -> TrainingState:
    seconds = step * seconds_of_a_step
    return TrainingState(
        step=step, seconds=seconds, progress=seconds / budget, loss=1, terms={}, validation_loss=1, learning_rate=1
    )


@pytest.mark.parametrize(("steps", "said"), [(2, True), (89, True), (90, False), (5000, False)])
def test_steps(steps: int, said: bool) -> None:
    told: list[str] = []
    watch = EnoughSteps(SETTINGS.least_steps, Budget(steps=steps), None, told.append)
    assert not told  # what is refused before the first step is refused in one line
    watch(state(1, 0.1, 0.1 * steps))
    assert len(told) == said
    assert all("about 300" in line and "steps=450" in line for line in told)


@pytest.mark.parametrize(("seconds_of_a_step", "said"), [(2.0, True), (0.1, False)])
def test_time(seconds_of_a_step: float, said: bool) -> None:
    told: list[str] = []
    seen: list[int] = []
    watch = EnoughSteps(SETTINGS.least_steps, Budget(seconds=90.0), lambda each: seen.append(each.step), told.append)
    for step in range(1, 20):
        watch(state(step, seconds_of_a_step, 90.0))
    assert seen == list(range(1, 20))
    assert told == (
        [
            "This budget will be about 45 training steps here, too few for a usable result: these settings need about "
            '300 or more (`budget="15m"`).'
        ]
        if said
        else []
    )
