"""Choice of a noise model: the simplest one that predicts unseen pixels about as well as the best."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from quietscope.errors import NoiseError
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.fitting import clip_levels_of_pairs, fit_noise
from quietscope.noise.gaussian import Gaussian
from quietscope.noise.gaussian_mixture import GaussianMixture
from quietscope.noise.noise_model import NoiseModel, Samples
from quietscope.noise.pairs import FloatArray, flatten_pairs
from quietscope.noise.poisson_gaussian import PoissonGaussian

MOST_PAIRS = 2_000_000
"""Half of these determine a mean log-likelihood to a thousandth of a nat per pixel."""

FEW_PAIRS = 100_000
"""As many are enough to tell kinds of model apart whose difference matters."""

NUM_ERRORS = 2.0
NEGLIGIBLE = 0.002
"""A difference in nats per pixel that is too small to make a visible difference in a denoised image."""
MATERIAL = 0.01
"""A difference in nats per pixel for which it is worth to fit another model."""

TRIAL_ITERATIONS = 400
"""Steps of a mixture's fit while candidates are compared; the chosen model is fitted again with all steps."""


class _Kind(NamedTuple):
    name: str
    kind: str
    num_components: int | None


CANDIDATES = (
    _Kind("Gaussian", Gaussian.kind, None),
    _Kind("Poisson-Gaussian", PoissonGaussian.kind, None),
    _Kind("Gaussian mixture of 1", GaussianMixture.kind, 1),
    _Kind("Gaussian mixture of 2", GaussianMixture.kind, 2),
    _Kind("Gaussian mixture of 3", GaussianMixture.kind, 3),
    _Kind("Gaussian mixture of 4", GaussianMixture.kind, 4),
)
"""The models that are compared, from the simplest on."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The score of one candidate.

    Attributes:
        name: Name of the model for a person.
        log_likelihood: Mean log-likelihood of the held-out pixels, nats per pixel.
        standard_error: Standard error of that mean, nats per pixel.
    """

    name: str
    log_likelihood: float
    standard_error: float


@dataclass(frozen=True, kw_only=True)
class NoiseChoice:
    """The model that was chosen, and why.

    Attributes:
        model: The chosen model, fitted to all pairs.
        reason: One line for a person, with the log-likelihoods.
        table: The scores of all candidates, from the simplest on.
    """

    model: NoiseModel
    reason: str
    table: tuple[Candidate, ...]


def choose_model(
    signal: Samples,
    observation: Samples,
    *,
    seed: int = 0,
    clip: ClipLevels | None = None,
    percentiles: tuple[float, float] | None = None,
) -> NoiseChoice:
    """Choose between Gaussian, Poisson-Gaussian and mixtures of 1 to 4 components by held-out likelihood.

    Every candidate is fitted to one random half of the pairs and scored on the other. The simplest candidate whose
    score is less than two standard errors, or less than 0.002 nat per pixel, below the best one is chosen and fitted to
    all pairs. The standard error is that of the difference of two candidates, pixel by pixel; it is small because the
    same pixels are hard to predict for all of them.

    Args:
        signal: Clean signal, or its estimate by a first denoiser, any shape.
        observation: Noisy observation, the same shape.
        seed: Seed of the random halves, and of the choice of pairs if there are more than two million.
        clip: Clipping levels, or None to find them.
        percentiles: Range of the signal that the shapes of mixtures are fitted on, in percent; None for all of it.
            All pairs count in lines and scores.

    Returns:
        The model, the reason and the scores.

    Raises:
        NoiseError: If the shapes differ, there are too few pairs, signal and observation are equal, or every pixel is
            clipped.
    """
    s, x = drawn_pairs(signal, observation, MOST_PAIRS, seed)
    clip = clip_levels_of_pairs(s, x) if clip is None else clip
    half = s.size // 2
    scores = [_held_out(candidate, s, x, half, clip, percentiles) for candidate in CANDIDATES]
    table = tuple(
        Candidate(name=candidate.name, log_likelihood=float(score.mean()), standard_error=_standard_error(score))
        for candidate, score in zip(CANDIDATES, scores, strict=True)
    )
    winner = _simplest(scores)
    won = CANDIDATES[winner]
    model = fit_noise(won.kind, s, x, num_components=won.num_components, percentiles=percentiles, clip=clip)
    return NoiseChoice(model=model, reason=_reason(table, winner), table=table)


def better_kind(
    model: NoiseModel, signal: Samples, observation: Samples, *, seed: int = 0, clip: ClipLevels | None = None
) -> tuple[str, float] | None:
    """Look for a kind of model that predicts pixels clearly better than a fitted one does.

    A Gaussian, a Poisson-Gaussian and a mixture of 3 are fitted to one random half of at most `FEW_PAIRS` pairs, and
    scored on the other, as the model is. It has seen that half too, which favours it a little. What cannot be fitted to
    half of the pairs, such as anything to fewer than 64, is not offered.

    Args:
        model: A model that was fitted to these pairs.
        signal: Clean signal, any shape.
        observation: Noisy observation, the same shape.
        seed: Seed of the choice of pairs and of the halves.
        clip: Clipping levels, or None to find them.

    Returns:
        The kind of the simplest model that predicts about as well as the best, and what it gains in nats per pixel;
        None if none gains two standard errors and 0.01.

    Raises:
        NoiseError: If the shapes differ, or there are fewer than 64 pairs.
    """
    s, x = drawn_pairs(signal, observation, FEW_PAIRS, seed)
    clip = clip_levels_of_pairs(s, x) if clip is None else clip
    half = s.size // 2
    own = _log_likelihood(model, s[half:], x[half:])
    known, scores, kinds = model.to_record().kinds, [], []
    for candidate in CANDIDATES:
        if candidate.num_components in (None, 3) and candidate.kind not in known:
            with suppress(NoiseError):
                scores.append(_held_out(candidate, s, x, half, clip))
                kinds.append(candidate.kind)
    if not scores:
        return None
    winner = _simplest(scores)
    gain = scores[winner] - own
    if float(gain.mean()) <= max(NUM_ERRORS * _standard_error(gain), MATERIAL):
        return None
    return kinds[winner], float(gain.mean())


def drawn_pairs(signal: Samples, observation: Samples, most: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return pairs in random order, flat (N,), and no more than so many.

    Raises:
        NoiseError: If the shapes differ, there are too few pairs, or a value is not finite.
    """
    s, x = flatten_pairs(signal, observation)
    chosen = np.random.default_rng(seed).permutation(s.size)[:most]
    return s[chosen], x[chosen]


def _held_out(
    candidate: _Kind,
    s: FloatArray,
    x: FloatArray,
    half: int,
    clip: ClipLevels,
    percentiles: tuple[float, float] | None = None,
) -> FloatArray:
    """Log-likelihood of every pixel of the second half, by the candidate fitted to the first half; shape (N,)."""
    iterations = TRIAL_ITERATIONS if candidate.num_components is not None else None
    model = fit_noise(
        candidate.kind,
        s[:half],
        x[:half],
        num_components=candidate.num_components,
        num_iterations=iterations,
        percentiles=percentiles,
        clip=clip,
    )
    return _log_likelihood(model, s[half:], x[half:])


def _log_likelihood(model: NoiseModel, s: FloatArray, x: FloatArray) -> FloatArray:
    with torch.no_grad():
        value = model.log_prob(torch.from_numpy(x), torch.from_numpy(s))
    return value.double().numpy()


def _simplest(scores: Sequence[FloatArray]) -> int:
    """Return the index of the simplest candidate whose distance from the best is within chance, or negligible."""
    best = max(scores, key=lambda score: float(score.mean()))
    for index, score in enumerate(scores):
        loss = best - score
        if float(loss.mean()) <= max(NUM_ERRORS * _standard_error(loss), NEGLIGIBLE):
            return index
    raise AssertionError("the best candidate is as good as itself")


def _standard_error(values: FloatArray) -> float:
    return float(values.std()) / float(np.sqrt(values.size))


def _reason(table: Sequence[Candidate], winner: int) -> str:
    """Name the chosen model, its score and that of the next simpler model, and what the best model would gain."""
    chosen = table[winner]
    words = [f"{chosen.name}: held-out log-likelihood {chosen.log_likelihood:.4f} nats per pixel"]
    if winner > 0:
        words.append(f"{table[winner - 1].name} {table[winner - 1].log_likelihood:.4f}")
    best = max(table, key=lambda candidate: candidate.log_likelihood)
    if best is not chosen:
        words.append(f"{best.name} gains {best.log_likelihood - chosen.log_likelihood:.4f}")
    return "; ".join(words)
