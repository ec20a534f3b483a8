"""Posterior collapse: noticed early, answered by a fresh start, then by annealing the KL divergence, then by an error.

In the first steps a variational autoencoder may find it cheapest to ignore the image: q(z|x) becomes the prior, the KL
divergence falls to zero, and one mean image comes out for all. Weights rarely find their way back from there. The
DivNoising paper starts again by hand; Bowman et al., CoNLL 2016, raise the weight of the KL divergence from zero.
"""

import math
from typing import Any

from quietscope.errors import TrainingError

CHECK_AFTER = 300
"""Steps after a start at which the posterior is judged; the KL divergence is then a hundred times a collapsed one's."""

NUM_CHECKS = 3
"""Times that a posterior must pass: one whose decoder has just died falls to the prior over the next hundred steps."""

AVERAGED_STEPS = 50
COLLAPSED_KL = 1e-3
"""Nats per pixel. On fluorescence images with a peak signal-to-noise ratio of 20 to 30 dB it is 0.02 to 0.3."""

MAX_RESTARTS = 2
ANNEALED_SHARE = 0.3
"""Share of what is left of the budget over which the weight of the KL divergence rises from 0 to 1."""


class CollapseGuard:
    """Decides, step by step, whether training must start again, and what the KL divergence weighs.

    Everything is a function of the steps seen and of `state`, so a resumed run decides as an uninterrupted one.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self.started_at = 0
        self._judged_from = 0
        self._annealed_from: float | None = None
        self._recent: list[float] = []
        self._passed = 0

    def kl_weight(self, progress: float) -> float:
        """Return the weight of the KL divergence: 1, but in an annealed run ``(p - p0) / (0.3 (1 - p0))`` up to 1.

        Args:
            progress: Share p of the budget used up, 0 to 1.
        """
        if self._annealed_from is None:
            return 1.0
        return min(1.0, (progress - self._annealed_from) / (ANNEALED_SHARE * (1.0 - self._annealed_from)))

    def must_restart(self, step: int, progress: float, kl: float) -> bool:
        """Take note of the KL divergence after a step, and tell whether to start again with fresh weights.

        Args:
            step: Steps so far.
            progress: Share of the budget used up, 0 to 1.
            kl: KL divergence of this step, nats per pixel.

        Raises:
            TrainingError: If the posterior has collapsed in spite of restarts and annealing.
        """
        # While the divergence weighs little, it says nothing; neither does a broken step.
        if self.kl_weight(progress) < 1.0:
            self._judged_from = step
        is_early = step - self._judged_from <= CHECK_AFTER - AVERAGED_STEPS
        if self._passed >= NUM_CHECKS or is_early or not math.isfinite(kl):
            return False
        self._recent.append(kl)
        if len(self._recent) < AVERAGED_STEPS:
            return False
        mean = sum(self._recent) / len(self._recent)
        self._recent = []
        if mean >= COLLAPSED_KL:
            self._passed += 1
            self._judged_from = step
            return False
        return self._answer(step, progress, mean)

    def _answer(self, step: int, progress: float, kl: float) -> bool:
        if self._annealed_from is not None:
            raise TrainingError(
                "a posterior that depends on the image",
                f"a collapsed one (KL {kl:.1e} nats per pixel) after {self.restarts - 1} restarts and one with the KL "
                "divergence annealed",
                "check that the noise model is not too wide with `quietscope noise show`, or use `--method hdn`",
            )
        self.restarts += 1
        self.started_at = self._judged_from = step
        self._passed = 0
        if self.restarts > MAX_RESTARTS:
            self._annealed_from = progress
        return True

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {
            "restarts": self.restarts,
            "started_at": self.started_at,
            "judged_from": self._judged_from,
            "annealed_from": self._annealed_from,
            "recent": self._recent,
            "passed": self._passed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state of an earlier run."""
        self.restarts, self.started_at = int(state["restarts"]), int(state["started_at"])
        self._judged_from, self._annealed_from = int(state["judged_from"]), state["annealed_from"]
        self._recent, self._passed = list(state["recent"]), int(state["passed"])
