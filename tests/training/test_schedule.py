"""The learning rate over a run, and when it is time to give up."""

from hypothesis import given
from hypothesis import strategies as st

from quietscope.testing.method_contract import toy_settings
from quietscope.training.schedule import LearningRate


def test_plateau_cuts_the_rate_and_early_stop_is_due() -> None:
    rate = LearningRate(toy_settings(schedule="plateau", plateau_patience=2, early_stop=5, learning_rate=1.0))
    assert rate.observe(3.0)
    for _ in range(3):
        assert not rate.observe(3.0)
    assert rate.value(0.5, 100) == 0.5
    assert not rate.has_stalled
    rate.observe(3.0)
    rate.observe(3.0)
    assert rate.has_stalled
    assert rate.observe(-1.0)
    assert not rate.has_stalled


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 200))
def test_cosine_falls_and_stays_positive(a: float, b: float, step: int) -> None:
    rate = LearningRate(toy_settings(warmup_steps=100))
    low, high = rate.value(max(a, b), step), rate.value(min(a, b), step)
    assert 0 < low <= high <= rate.settings.learning_rate
