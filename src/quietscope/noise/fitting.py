"""Fit a noise model of any kind to pairs of signal and observation, clipped pixels included."""

from dataclasses import replace
from typing import Any

import numpy as np

from quietscope.errors import NoiseError
from quietscope.noise.censored import censor
from quietscope.noise.clipping import ClipLevels, find_clip_levels
from quietscope.noise.gaussian_mixture import GaussianMixture
from quietscope.noise.models import BASE_MODELS
from quietscope.noise.noise_model import NoiseModel, Samples
from quietscope.noise.pairs import flatten_pairs
from quietscope.noise.photon_transfer import bins_from_pairs, loses_dark_noise

NUM_BINS = 100


def fit_noise(
    kind: str,
    signal: Samples,
    observation: Samples,
    *,
    num_components: int | None = None,
    num_iterations: int | None = None,
    percentiles: tuple[float, float] | None = None,
    clip: ClipLevels | None = None,
) -> NoiseModel:
    """Fit a noise model to pairs, and add the clipping levels to it if pixels are clipped.

    Args:
        kind: One of ``BASE_MODELS``.
        signal: Clean signal, any shape.
        observation: Noisy observation, the same shape.
        num_components: Number of Gaussians of a mixture, or None for its default.
        num_iterations: Steps of a mixture's fit, or None for its default.
        percentiles: Range of the signal that a mixture's shape is fitted on, in percent, or None for its default.
        clip: Clipping levels, or None to find them.

    Returns:
        The fitted model; a ``Censored`` one if pixels are clipped.

    Raises:
        NoiseError: If there is no such kind, the shapes differ, there are too few pairs, signal and observation are
            equal, or every pixel is clipped.
    """
    if kind not in BASE_MODELS:
        raise NoiseError(f"one of {', '.join(BASE_MODELS)}", repr(kind), "try gaussian-mixture")
    clip = clip_levels_of_pairs(signal, observation) if clip is None else clip
    options: dict[str, Any] = {}
    if kind == GaussianMixture.kind:
        given = {"num_components": num_components, "num_iterations": num_iterations, "percentiles": percentiles}
        options = {name: value for name, value in given.items() if value is not None}
    return censor(BASE_MODELS[kind].fit(signal, observation, clip=clip, **options), clip)


def clip_levels_of_pairs(signal: Samples, observation: Samples) -> ClipLevels:
    """Find the clipping levels of an observation.

    Pixels piled up at the lowest value count as clipped only if dark pixels have lost variance. Otherwise they caught
    no photon, and their value is a measurement like any other.

    Args:
        signal: Clean signal, any shape.
        observation: Noisy observation, the same shape.

    Returns:
        The clipping levels; infinite where nothing is clipped.

    Raises:
        NoiseError: If the shapes differ, or there are too few pairs.
    """
    s, x = flatten_pairs(signal, observation)
    clip = find_clip_levels(x)
    if np.isfinite(clip.low) and not loses_dark_noise(bins_from_pairs(s, x, NUM_BINS, clip), clip.low):
        return replace(clip, low=-np.inf)
    return clip
