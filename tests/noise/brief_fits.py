"""Noise models that are fitted in a few steps, for tests of what is around the fit."""

import pytest

from quietscope.noise import GaussianMixture, selection

ITERATIONS = 60


def fit_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it so for the length of a test: where nobody says how many steps, a mixture gets 60."""
    defaults = GaussianMixture.fit.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "num_iterations", ITERATIONS)
    monkeypatch.setattr(selection, "TRIAL_ITERATIONS", ITERATIONS)
