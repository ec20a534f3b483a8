"""Posterior collapse: detected early; training then starts again, taught blind first, later anneals, then gives up.

In the first steps of training, a variational autoencoder may minimise its loss by ignoring the image: q(z|x) becomes
the prior, the KL divergence falls to zero, and the output is the same mean image for every input. Further training
rarely leaves this state. The authors of DivNoising restart training by hand; Bowman et al., CoNLL 2016, raise the
weight of the KL divergence from zero. In a scene of few spots neither helps: it is `quietscope.methods.blind_first`
that does, in every start after the first.
"""

import math
from collections.abc import Callable
from typing import Any

from quietscope.errors import TrainingError
from quietscope.wording import typed

CHECK_AFTER = 300
"""Steps from a start to the first check; by then a healthy KL divergence is a hundred times that of a collapsed one."""

NUM_CHECKS = 3
"""Number of checks that a posterior must pass: if the decoder has just died, the posterior takes another hundred steps
to fall to the prior, and a single check could miss the collapse."""

JUDGED_SHARE = 0.5
"""Share of the budget since a start during which checks are repeated; the loss of DVLAE changes until 0.35."""

AVERAGED_STEPS = 50
COLLAPSED_KL = 1e-3
"""KL divergence in nats per pixel below which a posterior counts as collapsed. On fluorescence images with a peak
signal-to-noise ratio of 20 to 30 dB, the divergence of a healthy posterior is 0.02 to 0.3; that of two spots on a dark
frame of 512 x 512 pixels is 5e-4, so that a posterior below the limit is asked whether it follows the image."""

FOLLOWED = 0.25
"""Share of what neighbours tell of a pixel from which a posterior follows the image, see
`quietscope.training.following`."""

MAX_RESTARTS = 2
ANNEALED_SHARE = 0.3
"""Share of the remaining budget over which the weight of the KL divergence rises from 0 to 1."""

LEAST_LEFT = 0.05
"""Smallest share of the budget that must remain for a fresh start; with less, new weights would learn nothing."""


class CollapseGuard:
    """Decides after every step whether training must start again, and sets the weight of the KL divergence.

    Decisions depend only on the steps seen and on `state`, so a resumed run decides like an uninterrupted run.
    """

    def __init__(self) -> None:
        self.settled_share = 0.0
        """Share of training, from a start, before which a KL divergence tells nothing, see `ScheduledMethod`."""
        self.restarts = 0
        self.started_at = 0
        self._started_progress = self._furthest = 0.0
        self._judged_from = 0
        self._annealed_from: float | None = None
        self._weight = 1.0
        self._recent: list[float] = []
        self._passed = 0

    def kl_weight(self, progress: float) -> float:
        """Return the weight of the KL divergence: 1, or in an annealed run ``min(1, (p - p0) / (0.3 (1 - p0)))``.

        p0 is the progress at which annealing began. The weight never falls: if a run is resumed with a larger budget,
        its progress p is smaller than before, and the weight stays as it was.

        Args:
            progress: Share p of the budget used up, 0 to 1.
        """
        if self._annealed_from is None:
            return 1.0
        risen = (progress - self._annealed_from) / (ANNEALED_SHARE * (1.0 - self._annealed_from))
        self._weight = min(1.0, max(self._weight, risen))
        return self._weight

    def progress_since_start(self, progress: float) -> float:
        """Return the progress since the last start: the used share of the budget that remained then, 0 to 1.

        The progress never falls, also if a run is resumed with a larger budget.

        Args:
            progress: Share of the budget used up, 0 to 1.
        """
        share = max(0.0, progress - self._started_progress) / (1.0 - self._started_progress)
        self._furthest = max(self._furthest, share)
        return self._furthest

    def is_settled(self, progress: float) -> bool:
        """Tell whether the method's final loss decides by now.

        Args:
            progress: Share of the budget used up, 0 to 1.
        """
        return self.progress_since_start(progress) >= self.settled_share

    def has_collapsed(self, kl: float, followed: Callable[[], float]) -> bool:
        """Tell whether the posterior has collapsed: its KL divergence is small, and the output ignores the image.

        Args:
            kl: KL divergence in nats per pixel.
            followed: Measures how far the output follows the image; only asked where the KL divergence is small.
        """
        return kl < COLLAPSED_KL and followed() < FOLLOWED

    def can_tell(self, step: int, progress: float) -> bool:
        """Tell whether a small KL divergence means collapse at the end of a run.

        It does after enough steps since the last start, and where the budget of a run that has started again is used
        up: nothing more will come of it.

        Args:
            step: Steps so far.
            progress: Share of the budget used up, 0 to 1.
        """
        is_over = self.restarts > 0 and progress >= 1.0
        return step - self._judged_from >= CHECK_AFTER or self._passed > 0 or is_over

    def must_restart(self, step: int, progress: float, kl: float, followed: Callable[[], float]) -> bool:
        """Record the KL divergence after a step, and tell whether to start again with fresh weights.

        Args:
            step: Steps so far.
            progress: Share of the budget used up, 0 to 1.
            kl: KL divergence of this step, nats per pixel.
            followed: Measures how far the output follows the image, see `quietscope.training.following`; only asked
                where the KL divergence is small.

        Raises:
            TrainingError: If the posterior has collapsed in spite of restarts and annealing.
        """
        # While the KL divergence has a low weight, its value tells nothing about a collapse; nor does a value that is
        # not finite.
        if self.kl_weight(progress) < 1.0 or not self.is_settled(progress):
            self._judged_from = step
        is_early = step - self._judged_from <= CHECK_AFTER - AVERAGED_STEPS
        has_passed = self._passed >= NUM_CHECKS and self.progress_since_start(progress) >= JUDGED_SHARE
        if has_passed or is_early or not math.isfinite(kl):
            return False
        self._recent.append(kl)
        if len(self._recent) < AVERAGED_STEPS:
            return False
        mean = sum(self._recent) / len(self._recent)
        self._recent = []
        if not self.has_collapsed(mean, followed):
            self._passed += 1
            self._judged_from = step
            return False
        return self._answer(step, progress, mean)

    def _answer(self, step: int, progress: float, kl: float) -> bool:
        if self._annealed_from is not None or 1.0 - progress < LEAST_LEFT:
            raise self.error(kl)
        self.restarts += 1
        self.started_at = self._judged_from = step
        self._started_progress, self._furthest = progress, 0.0
        self._passed = 0
        if self.restarts > MAX_RESTARTS:
            self._annealed_from, self._weight = progress, 0.0
        return True

    def error(self, kl: float) -> TrainingError:
        """Return the error to raise when the posterior has collapsed for good.

        Args:
            kl: KL divergence in nats per pixel.
        """
        tried = f" after {self.restarts} fresh starts" if self.restarts else ""
        tried += ", the last with the KL divergence annealed" if self._annealed_from is not None else ""
        return TrainingError(
            "a posterior that depends on the image",
            f"a collapsed one (KL {kl:.1e} nats per pixel){tried}",
            f"raise `{typed('budget')}`, check with `quietscope noise show` that the noise is not too wide, or use "
            f"`{typed(method='hdn')}`",
        )

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file."""
        return {
            "restarts": self.restarts,
            "started_at": self.started_at,
            "started_progress": self._started_progress,
            "furthest": self._furthest,
            "judged_from": self._judged_from,
            "annealed_from": self._annealed_from,
            "weight": self._weight,
            "recent": self._recent,
            "passed": self._passed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        self.restarts, self.started_at = int(state["restarts"]), int(state["started_at"])
        self._started_progress = float(state.get("started_progress", 0.0))
        self._furthest = float(state.get("furthest", 0.0))
        self._judged_from, self._annealed_from = int(state["judged_from"]), state["annealed_from"]
        self._weight = float(state["weight"])
        self._recent, self._passed = list(state["recent"]), int(state["passed"])
