"""What a run is worth, judged without a clean reference: usable, too short, or failed; figures first, words last."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, Self, TypeAlias

from annotated_types import Ge, Le

from quietscope.metrics.residual import ResidualFigures
from quietscope.wording import typed

Level: TypeAlias = Literal["usable", "too short", "failed"]
LEVELS_OF_VERDICT: tuple[Level, ...] = ("usable", "too short", "failed")

TRAIN = "quietscope train IMAGES -o FOLDER"

LOST = (0.05, 0.5)
"""Shares of lost structure above which a run was too short, and above which it has failed."""

TEXTURE = (0.8, 1.5)
"""The same of texture that the noisy image does not have. Noise2Void on correlated noise makes up to 0.6 of it."""

CORRELATED = 0.15
LEFT = 0.005
"""A run was too short where the residual is correlated by so much in every direction and this share of the structure is
lost. Correlation alone says nothing: that of the noise may be as strong."""

SURE = 3.0
"""Standard errors by which the share of lost structure must lie above its limit."""

OFF, BIASED_BEYOND_NOISE, BIASED = 1.3, 2.0, (3.0, 6.5)
"""A result has failed where its local means are off by so many times the deviation that those of the noisy image have,
and by so many standard errors of noise that is correlated as the residual is. A flat image is off by 1; of an image
that shows nothing it is the right result, and its errors are those of the noise. The second limit lies within the last
two, in standard errors of independent noise: beyond 6.5 two thirds of the residual are in its local means."""

FLAT, BIASED_IF_FLAT = 0.1, 4.0
"""A small image has failed where local means of the result follow those of the noisy image by less than this, and are
off by so many standard errors of independent noise, unless the noise alone may do that. It was said of 4 of 7,200 empty
fields of 32 x 32 to 96 x 96 pixels, all of noise that was blurred by 1.5 or 2 pixels. Of flat results of blurred spots
it finds half at 96 x 96 pixels, a third at 64 x 64, nearly all where spots are weak and noise is independent."""

INVERTED = -0.2
"""How local means of the result follow those of the noisy image where dark and bright are inverted."""

FEWEST_SQUARES = 200
"""Squares of 8 x 8 pixels, about 115 x 115 pixels in all: of fewer a run is at worst called too short because a part of
the structure is missing; what is flat, inverted, shifted or made up has failed however small the image is."""

FEW_STEPS = 0.3
"""Share of the steps that are needed below which a run is too short, whatever the residual says."""

FALLING = 0.1
"""A run was too short where its validation loss has fallen by this share of all that it fell by in the last fifth of
the run: an exponential fall would still have had an eighth of its way to go. In six runs of Noise2Void of 60 to 400
steps, see `benchmarks/verdicts.py`, it never was: not even at 150 steps, 0.8 dB behind 400."""

LONGER, LONGER_FOR_A_FALL = 1.5, 2.0
"""A run is advised to take this much more than the steps that are needed, so that the next one is not short again; and
this much more than it took where its loss was still falling."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long a model was trained.

    Attributes:
        steps: Training steps.
        needed: Steps that its settings need at least.
        seconds: Training time.
        falling: Share, 0 to 1, of all that the validation loss has fallen by that it fell by in the last fifth of the
            run; 0 where that is not known.
        ended_at: Share of its budget, 0 to 1, at which somebody ended the training; 1 where nobody did.
    """

    steps: Annotated[int, Ge(0), Le(10**12)]
    needed: Annotated[int, Ge(0), Le(10**12)]
    seconds: Annotated[float, Ge(0), Le(1e12)]
    falling: Annotated[float, Ge(0), Le(1)] = 0.0
    ended_at: Annotated[float, Ge(0), Le(1)] = 1.0

    @property
    def is_short(self) -> bool:
        """Whether there were far fewer steps than are needed."""
        return self.steps < FEW_STEPS * self.needed

    @property
    def is_falling(self) -> bool:
        """Whether the validation loss was still falling when training ended."""
        return self.falling > FALLING

    @property
    def words(self) -> str:
        """How long that was, after what could not be judged; steps are counted where they are fewer than are needed."""
        if self.steps >= self.needed:
            return ", but trained long enough"
        return f"; {num_steps(self.steps)} of the about {self.needed:,} that these settings need"

    @property
    def early_end(self) -> str:
        """That training was ended early, in words; empty where it was not."""
        if self.ended_at == 1.0:
            return ""
        return f"ended early, after {num_steps(self.steps)}: {self.ended_at:.1%} of its budget"

    @property
    def longer(self) -> str:
        """What to type to make a run long enough, such as ``budget="6m"``, or ``--budget 6m`` on the command line."""
        steps = max(LONGER * max(self.needed, self.steps), LONGER_FOR_A_FALL * self.steps * self.is_falling)
        minutes = self.seconds / max(self.steps, 1) * steps / 60.0
        return typed(budget=f"{math.ceil(minutes)}m") if minutes > 0.1 else typed(steps=math.ceil(steps / 50) * 50)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a result is worth, as far as that can be known without a clean reference.

    Attributes:
        level: "usable", "too short" or "failed".
        reasons: Why, one line each; none for a usable result.
        advice: What to do about it; empty for a usable result.
        figures: What was measured, of every channel: see `quietscope.metrics.residual.ResidualFigures`.
        effort: How long the model was trained, where that is known.
    """

    level: Level = "usable"
    reasons: tuple[str, ...] = ()
    advice: str = ""
    figures: tuple[ResidualFigures, ...] = field(default=(), repr=False)
    effort: Effort | None = field(default=None, repr=False)

    @property
    def has_failed(self) -> bool:
        """Whether the result is of no use."""
        return self.level == "failed"

    @property
    def words(self) -> str:
        """The verdict in one line: ``too short: give budget="6m" (only 41 steps of about 300)``."""
        if self.level == "usable" and not self.figures:
            return f"not judged, for want of a denoised mean{self.effort.words if self.effort else ''}"
        if self.level == "usable":
            return self.level
        return f"{self.level}: {self.advice} ({'; '.join(self.reasons)})"

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Self:
        """Return the verdict whose `values` these are."""
        figures = [
            ResidualFigures(**{name: math.nan if value is None else value for name, value in channel.items()})
            for channel in values["figures"]
        ]
        effort = values["effort"]
        return cls(
            level=values["level"],
            reasons=tuple(values["reasons"]),
            advice=values["advice"],
            figures=tuple(figures),
            effort=None if effort is None else Effort(**effort),
        )

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has: what could not be measured is None."""
        return {
            "level": self.level,
            "reasons": list(self.reasons),
            "advice": self.advice,
            "figures": [_finite(asdict(channel)) for channel in self.figures],
            "effort": None if self.effort is None else asdict(self.effort),
        }


USABLE = Verdict()


def judge(
    figures: Sequence[ResidualFigures], effort: Effort | None = None, *, is_own: bool = True, squares: int | None = None
) -> Verdict:
    """Judge a result.

    Args:
        figures: What the residual of every channel says; none where no image was denoised yet.
        effort: How long the model was trained; None where that is not known.
        is_own: Whether the image is one of those that the model learnt from.
        squares: Squares of 8 x 8 pixels that the figures were measured on; None for enough.

    Returns:
        The verdict.
    """
    is_small = squares is not None and squares < FEWEST_SQUARES
    channels = (each for n, channel in enumerate(figures) for each in _of_channel(channel, n, is_small=is_small))
    found = [*_of_effort(effort), *channels]
    if len(figures) == 1:
        found = [(level, reason.removeprefix("channel 1: ")) for level, reason in found]
    worst = max((LEVELS_OF_VERDICT.index(level) for level, _ in found), default=0)
    level = LEVELS_OF_VERDICT[worst]
    return Verdict(
        level=level,
        reasons=tuple(reason for _, reason in found),
        advice="" if level == "usable" else _advice(effort, is_own=is_own),
        figures=tuple(figures),
        effort=effort,
    )


def num_steps(number: int) -> str:
    """Return a number of steps in words: ``1 step``, ``2,400 steps``."""
    return f"{number:,} step{'s' * (number != 1)}"


def worst_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of several verdicts, the first of equally bad ones; a usable one where there are none."""
    return max(verdicts, key=lambda verdict: LEVELS_OF_VERDICT.index(verdict.level), default=USABLE)


def _of_effort(effort: Effort | None) -> Iterator[tuple[Level, str]]:
    if effort is None:
        return
    if effort.is_short:
        why = ", for training was ended early" if effort.early_end else ""
        yield "too short", f"only {num_steps(effort.steps)} of about {effort.needed:,} that these settings need{why}"
    if effort.is_falling:
        share = f"by {effort.falling:.0%} of all its fall in the last fifth of the training"
        yield "too short", f"the validation loss was still falling, {share}"


def _of_channel(figures: ResidualFigures, number: int, *, is_small: bool) -> Iterator[tuple[Level, str]]:
    name, is_off, is_flat = f"channel {number + 1}: ", _is_off(figures), is_small and _is_flat(figures)
    certain = figures.lost - SURE * figures.lost_error
    level = _level(certain, LOST)
    inverted = ", with dark and bright inverted" if figures.slope < 0.0 and figures.lost > 1.2 else ""
    if level != "usable":
        has_failed = inverted or not is_small
        missing = f"{min(figures.lost, 1.0):.0%} of the image's structure is missing"
        yield "failed" if is_off or is_flat else level if has_failed else "too short", f"{name}{missing}{inverted}"
    elif is_off:
        inverted = ", with dark and bright inverted" if figures.slope < INVERTED else ""
        yield "failed", f"{name}local means are off by {figures.shift:.2g} times their contrast{inverted}"
    elif is_flat:
        yield "failed", f"{name}the result is flat, and the noisy image is not"
    elif certain > LEFT and min(figures.neighbours_x, figures.neighbours_y, figures.neighbours_diagonal) > CORRELATED:
        yield "too short", f"{name}what was removed still shows the image"
    level = _level(figures.texture, TEXTURE)
    if level != "usable":
        yield level, f"{name}texture that is not in the noisy image ({figures.texture:.0%} of its contrast)"


def _is_off(figures: ResidualFigures) -> bool:
    """Whether local means have nothing to do with those of the noisy image, as far as noise cannot explain that."""
    limit = min(max(BIASED_BEYOND_NOISE * _bias_of_noise(figures), BIASED[0]), BIASED[1])
    if figures.slope < INVERTED:
        limit = BIASED[0]
    return figures.shift > OFF and figures.bias > limit


def _is_flat(figures: ResidualFigures) -> bool:
    """Whether the result has hardly any local contrast where the noisy image has some."""
    beyond_noise = math.isfinite(figures.lost) or figures.bias > BIASED_BEYOND_NOISE * _bias_of_noise(figures)
    return abs(figures.slope) < FLAT and figures.bias > BIASED_IF_FLAT and beyond_noise


def _bias_of_noise(figures: ResidualFigures) -> float:
    """Return the bias, see `ResidualFigures`, of noise whose neighbours are correlated as those of the residual are.

    White noise after a Gaussian of width w has neighbours of ``r = exp(-1 / 4 w^2)``, and squares of twice w root pi
    times the variance per axis; the residual's structure, where it has any, makes this too large.
    """
    factor = 1.0
    for neighbours in (figures.neighbours_x, figures.neighbours_y):
        width = 0.5 / math.sqrt(-math.log(min(max(neighbours, 1e-9), 0.99)))
        factor *= max(1.0, 2.0 * width * math.sqrt(math.pi))
    return math.sqrt(factor)


def _level(value: float, limits: tuple[float, float]) -> Level:
    """Return the level of a figure; NaN, which could not be measured, counts as usable."""
    return LEVELS_OF_VERDICT[sum(value > limit for limit in limits)]


def _advice(effort: Effort | None, *, is_own: bool) -> str:
    """Return what to type: `predict`, which did not train the model, has no budget to give."""
    if effort is not None and (effort.is_falling or effort.steps < 2 * effort.needed):
        return f"give {effort.longer}" if is_own else f"train again {_with(effort.longer)}"
    if not is_own:
        return f"train on this image, `{TRAIN}`: it is unlike those that the model learnt from"
    if effort is not None:
        return f"give {effort.longer}, or ask `quietscope diagnose` which method suits"
    return "train the model for longer"


def _with(words: str) -> str:
    """Return how to train with what is to be typed: in a command, or in Python."""
    return f"by `{TRAIN} {words}`" if words.startswith("--") else f"with `{words}`"


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
