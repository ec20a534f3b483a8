"""The end of training where nothing more is gained: the learning rate stays up until then, and falls at last.

Where the rate falls over the whole budget, training cannot be stopped early: most of the gain comes while it falls, and
it falls on a date. Here it stays up after its warm-up; at intervals that grow with the steps somebody tells how good
the method is; and once the last third of the steps has gained next to nothing, or the budget is nearly used, the rate
falls along a cosine over a quarter of the steps that were made, and training ends.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from quietscope.methods.base import LearningMethod
from quietscope.training.average import RecentWeights

INTERVAL, LEAST_INTERVAL = 0.1, 25
"""Share of the steps so far after which is measured again, and steps in between at least."""

LONG_AGO, RECENT = 4 / 9, 2 / 3
"""What is compared: measurements of the last third of the steps with those of a third before."""

FEWEST = 3
"""Measurements in each of them."""

FALL = 0.25
"""Steps over which the rate falls, as a share of those before."""

LATEST = 1.0 / (1.0 + FALL)
"""Share of the budget at which it falls in any case."""

GAIN_DB, GAIN_LOSS = 0.05, (0.0005, 0.001)
"""Gains of a third of the steps, with their standard error, that are none: of a PSNR in dB; of a loss in nats per pixel
and as a share of it, whichever is less, 0.1 % of the variance of the noise, which is 1 % of the error of a result 10 dB
above the noise. Without the standard error chance ended two of four runs too early, which cost 0.14 and 0.16 dB. A PSNR
is read with scale and offset fitted: without, readings of one method scattered by 0.6 to 0.8 dB on W2S, with 0.2
(`benchmarks/settling.py`)."""


@dataclass(frozen=True)
class Judge:
    """What tells, without a clean image, how good a method is that is still learning.

    Attributes:
        psnr: Gives the PSNR of a method, in dB; for the same weights always the same.
        name: What it goes by, in words that follow "estimated by".
    """

    psnr: Callable[[LearningMethod], float]
    name: str


@dataclass
class Course:
    """How far it is, which is all that a resume file has to hold.

    Attributes:
        readings: Steps since the start, and how good the method was then; more is better.
        due: Step of the next reading.
        fell_at: Step at which the rate began to fall; None before.
        fell_from: Share of the budget used up by then.
        after: Steps after which training ends, counted from `fell_at`.
        gain: What was gained before, where that is why it fell; None where it was the budget.
    """

    readings: list[tuple[int, float]] = field(default_factory=list)
    due: int = field(default_factory=lambda: LEAST_INTERVAL)
    fell_at: int | None = None
    fell_from: float = 0.0
    after: int = 0
    gain: float | None = None


class Settling:
    """Decides when the rate falls, and how far it has fallen; nothing of it is done where nobody asked for it.

    Args:
        method: The method in training.
        measure: Tells how good the method is as it is: its PSNR in dB, or its validation loss with the sign turned.
        judged_by: What estimates the PSNR, in words that follow "estimated by"; None for the validation loss.
        least_steps: Steps from a start before which nothing is said to have settled.
        is_wanted: Whether training ends where nothing more is gained.
    """

    def __init__(
        self,
        method: LearningMethod,
        measure: Callable[[], float],
        judged_by: str | None,
        *,
        least_steps: int,
        is_wanted: bool,
    ) -> None:
        self._measure, self._judged_by = measure, judged_by
        self._least_steps, self._is_wanted = least_steps, is_wanted
        self._recent = RecentWeights(method)
        self._course = Course()

    @property
    def has_settled(self) -> bool:
        """Whether the rate falls, or has fallen, because nothing more was gained."""
        return self._course.gain is not None

    @property
    def fell_at(self) -> int | None:
        """The step at which the rate began to fall; None where it has not, or falls over the whole budget."""
        return self._course.fell_at

    def is_over(self, step: int) -> bool:
        """Whether the rate has fallen to its end."""
        course = self._course
        return course.fell_at is not None and course.gain is not None and step >= course.fell_at + course.after

    def fallen(self, progress: float, step: int) -> float:
        """Return how far the rate has fallen along its cosine, 0 to 1.

        Args:
            progress: Share of the budget used up, 0 to 1.
            step: Steps so far.
        """
        course = self._course
        if not self._is_wanted:
            return progress
        if course.fell_at is None:
            return 0.0
        of_budget = (progress - course.fell_from) / (1.0 - course.fell_from) if course.fell_from < 1.0 else 1.0
        return min(1.0, max((step - course.fell_at) / course.after, of_budget))

    def observe(self, step: int, since: int, progress: float, *, is_final: bool) -> dict[str, float]:
        """Look at the method after a step, where it is time to.

        Args:
            step: Steps so far.
            since: Steps since the last start.
            progress: Share of the budget used up, 0 to 1.
            is_final: Whether the loss is the method's final one by now.

        Returns:
            What was measured, by name, for the log; mostly nothing.
        """
        course = self._course
        if not self._is_wanted or course.fell_at is not None:
            return {}
        self._recent.add()
        if progress >= LATEST:
            self._fall(step, since, progress, None)
            return {}
        if since < course.due:
            return {}
        course.due = since + max(LEAST_INTERVAL, math.ceil(INTERVAL * since))
        with self._recent.in_place():
            value = self._measure()
        if not is_final or not math.isfinite(value):
            return {}
        course.readings.append((since, value))
        found = gain_of(course.readings)
        if found is not None and since >= self._least_steps and sum(found) < self._no_gain(value):
            self._fall(step, since, progress, found[0])
        return {"averaged/validation_loss": -value} if self._judged_by is None else {"estimated/psnr": value}

    def forget(self) -> None:
        """Begin anew, because training starts again with fresh weights."""
        self._course = Course()
        self._recent.forget()

    def words(self, step: int, progress: float) -> str:
        """Say at the end of a run that has settled, and is over, why it ended.

        Args:
            step: Steps so far.
            progress: Share of the budget used up, 0 to 1.
        """
        course = self._course
        assert course.gain is not None
        at = course.readings[-1][0]
        last = at - math.floor(RECENT * at)
        gained = f"{max(course.gain, 0.0):.2f} dB (estimated by {self._judged_by})"
        if self._judged_by is None:
            gained = f"{max(course.gain, 0.0):.1g} of the validation loss (there is no estimate of the PSNR)"
        return (
            f"Training has settled, and ended after {step:,} of {'' if progress >= 1.0 else 'about '}"
            f"{step / progress:,.0f} steps: before the learning rate fell, {last:,} steps had gained {gained}."
        )

    def state(self) -> dict[str, Any]:
        """Return the state for the resume file."""
        return {**asdict(self._course), "recent": self._recent.state()} if self._is_wanted else {}

    def restore(self, state: dict[str, Any], progress: float) -> None:
        """Restore the state of an earlier run; where its budget was raised, a rate that fell for that rises again.

        Args:
            state: What `state` returned.
            progress: Share of the budget used up, 0 to 1.
        """
        if not self._is_wanted or not state:  # a run that began without is judged from now on
            return
        self._recent.restore(state["recent"])
        found = {**state, "readings": [(int(step), float(value)) for step, value in state["readings"]]}
        course = Course(**{name: found[name] for name in asdict(self._course)})
        is_raised = course.fell_at is not None and course.gain is None and progress < LATEST
        self._course = replace(course, fell_at=None, fell_from=0.0, after=0) if is_raised else course

    def _no_gain(self, value: float) -> float:
        nats, share = GAIN_LOSS
        return min(nats, share * abs(value)) if self._judged_by is None else GAIN_DB

    def _fall(self, step: int, since: int, progress: float, gain: float | None) -> None:
        course = self._course
        course.fell_at, course.fell_from, course.gain = step, progress, gain
        course.after = max(1, math.ceil(FALL * since))


def gain_of(readings: Sequence[tuple[int, float]]) -> tuple[float, float] | None:
    """Return what was gained by the last third of the steps, and how far chance may be behind it.

    It is the mean of the readings there less the mean of those between 4/9 and 2/3 of the steps; where an error falls
    as 1 / steps, all that is still to come is about twice that. The scatter of readings is that of each about the line
    through its two neighbours, so that a steady rise is none.

    Args:
        readings: Steps, and how good the method was then.

    Returns:
        The gain and its standard error; None where there are fewer than three readings in one of them.
    """
    at = readings[-1][0]
    late = [value for step, value in readings if step > RECENT * at]
    early = [value for step, value in readings if LONG_AGO * at < step <= RECENT * at]
    if min(len(late), len(early)) < FEWEST:
        return None
    values = early + late
    bends = [b - (a + c) / 2 for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    variance = sum(bend**2 for bend in bends) / (1.5 * len(bends))
    gain = sum(late) / len(late) - sum(early) / len(early)
    return gain, math.sqrt(variance * (1 / len(late) + 1 / len(early)))
