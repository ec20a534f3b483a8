"""The curves and histograms that the picture of a noise model shows, computed from the model and from data."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quietscope.noise import NoiseModel, PoissonGaussian, measure_noise
from quietscope.noise.censored import Censored
from quietscope.noise.fitting import clip_levels_of_pairs
from quietscope.noise.pairs import FloatArray, flatten_pairs
from quietscope.noise.photon_transfer import MAX_CLIPPED, VarianceBins, bins_from_pairs
from quietscope.report.noise_figure import Histogram, MeasuredVariance, NoiseFigure, Slice

Plane: TypeAlias = npt.NDArray[Any]

NUM_SLICES = 5
SLICE_POINTS, CURVE_POINTS = 400, 200
SIGMAS_SHOWN = 4.5
"""Half the width of a panel that shows a density, in standard deviations."""

NARROW = 0.15
"""Largest distance of a pixel's signal from that of a slice, in standard deviations; it widens the histogram by half a
percent."""

FEWEST, MOST = 200, 50_000
"""Fewest and most pixels of a slice. If there are fewer at its signal, the 200 with the nearest signals are used."""

CENTRES = 64
"""Number of signals within a slice that the model's density is averaged over; the pixels' signals differ as well."""

NUM_BINS, HISTOGRAM_BINS, SLICE_BINS = 60, 200, 45
PHOTONS_SHOWN = 100.0
SPAN = (0.001, 0.999)
BATCH = 1 << 20


def without_limits(model: NoiseModel) -> NoiseModel:
    """Return the model of the noise before clipping."""
    return model.base if isinstance(model, Censored) else model


def log_likelihood(model: NoiseModel, signal: Plane, observation: Plane) -> float:
    """Return the mean of log p(x|s) in nats per pixel.

    Args:
        model: The noise model.
        signal: s, any shape, intensity units.
        observation: x, the same shape.

    Returns:
        The mean over all pairs.
    """
    s, x = flatten_pairs(signal, observation)
    total = 0.0
    for start in range(0, s.size, BATCH):
        part = slice(start, start + BATCH)
        total += float(model.log_prob(_tensor(x[part]), _tensor(s[part])).double().sum())
    return total / s.size


def noise_figure(
    model: NoiseModel,
    *,
    file: str,
    data: Sequence[Plane] = (),
    signal: Sequence[Plane] = (),
    source: str = "",
) -> NoiseFigure:
    """Compute everything that the picture of a noise model shows.

    Args:
        model: The noise model.
        file: Name of its file.
        data: Noisy planes of one channel, (Y, X) each, if there are any; NaN stands for pixels that were never
            measured.
        signal: Clean references of the planes, one each, if there are any; of measured pixels alone, as the planes are
            then.
        source: Name of the data.

    Returns:
        The contents of the picture. For data without references, the points of the variance curve are those of the
        blind estimate, and the densities are shown without histograms: with signals estimated from noisy neighbours,
        histograms would be wider than the noise.

    Raises:
        NoiseError: If pairs do not match, or data alone are too small or constant.
    """
    inner = without_limits(model)
    limits = [model.limits.low, model.limits.high] if isinstance(model, Censored) else []
    values: dict[str, Any] = {}
    span = _own_span(inner)
    signals = span[0] + (span[1] - span[0]) * np.linspace(0.0, 1.0, NUM_SLICES) ** 2
    slices = [_slice(inner, np.array([each])) for each in signals]
    if signal:
        s, x = flatten_pairs(np.stack(signal), np.stack(data))
        likelihood = log_likelihood(model, s, x)
        values["evidence"] = f"{source}: log-likelihood {likelihood:.4f} nats per pixel, over {s.size:,} pairs"
        bins = bins_from_pairs(s, x, NUM_BINS, clip_levels_of_pairs(s, x))
        values["measured"] = _points(bins, "measured on pairs")
        slices = _measured_slices(inner, s, x)
        span = _span_of(bins)
    elif data:
        estimate = measure_noise(list(data), has_gaps=any(np.isnan(plane).any() for plane in data))
        values["measured"] = _points(estimate.bins, "measured blind")
        values["evidence"] = f"{source}: blind estimate {estimate.model.describe()}"
        span = _span_of(estimate.bins)
        signals = span[0] + (span[1] - span[0]) * np.linspace(0.0, 1.0, NUM_SLICES) ** 2
        slices = [_slice(inner, np.array([each])) for each in signals]
    if data:
        pixels = np.concatenate([np.ravel(plane) for plane in data])
        values["intensities"] = _histogram(pixels[~np.isnan(pixels)], HISTOGRAM_BINS)
    curve = np.linspace(*span, CURVE_POINTS)
    fitted = model.signal_range
    return NoiseFigure(
        file=file,
        model=model.describe(),
        slices=slices,
        signal=curve,
        variance=inner.variance(_tensor(curve)).double().numpy(),
        fitted=fitted if np.isfinite(fitted).all() else None,
        limits=tuple(limit for limit in limits if np.isfinite(limit)),
        **values,
    )


def _own_span(model: NoiseModel) -> tuple[float, float]:
    """Return the range of signals to show without data: that of the fit, a hundred photons, or ten sigma."""
    low, high = model.signal_range
    if np.isfinite([low, high]).all():
        return low, high
    if isinstance(model, PoissonGaussian) and model.gain > 0.0:
        return model.offset, model.offset + PHOTONS_SHOWN * model.gain
    return 0.0, 10.0 * float(model.variance(torch.zeros(1)).sqrt())


def _span_of(bins: VarianceBins) -> tuple[float, float]:
    low, high = float(bins.signal.min()), float(bins.signal.max())
    return low - 0.02 * (high - low), high + 0.02 * (high - low) + 1e-6


def _points(bins: VarianceBins, source: str) -> MeasuredVariance:
    return MeasuredVariance(
        signal=bins.signal,
        variance=bins.variance,
        error=bins.variance * bins.relative_error,
        clipped=(bins.clipped_low > MAX_CLIPPED) | (bins.clipped_high > MAX_CLIPPED),
        source=source,
    )


def _measured_slices(model: NoiseModel, s: FloatArray, x: FloatArray) -> list[Slice]:
    """Return slices at signals from dark to bright, closer in the dark, with the pixels that have these signals."""
    low, high = np.quantile(s, [0.01, 0.995])
    slices = {}
    for each in low + (high - low) * np.linspace(0.0, 1.0, NUM_SLICES) ** 2:
        distance = np.abs(s - each)
        sigma = float(model.variance(_tensor(np.array([each]))).sqrt())
        near = np.flatnonzero(distance <= max(NARROW * sigma, float(distance.min())))
        if near.size < FEWEST:
            near = np.argpartition(distance, min(FEWEST, s.size - 1))[:FEWEST]
        near = near[:: -(-near.size // MOST)]
        found = _slice(model, s[near], x[near])
        slices[found.signal] = found  # if there are few different signals, the same pixels can come twice
    return list(slices.values())


def _slice(model: NoiseModel, s: FloatArray, x: FloatArray | None = None) -> Slice:
    """Return the density at a signal; for pixels, its mean over their signals s, and a histogram of their values x."""
    centre = float(s.mean())
    reach = SIGMAS_SHOWN * float(model.variance(_tensor(s[:1])).sqrt())
    low, high = centre - reach, centre + reach
    if x is not None:  # for skewed noise, a symmetric range would leave half of the panel empty
        seen = np.quantile(x, SPAN)
        low, high = max(low, float(seen[0]) - 0.15 * reach), max(min(high, float(seen[1]) + 0.15 * reach), centre)
    points = np.linspace(low, high, SLICE_POINTS)
    centres = _tensor(np.quantile(s, np.linspace(0.0, 1.0, min(CENTRES, s.size))))[:, None]
    density = model.log_prob(_tensor(points), centres).exp().mean(dim=0).double().numpy()
    if x is None:
        return Slice(signal=centre, x=points, density=density)
    return Slice(
        signal=centre,
        x=points,
        density=density,
        measured=_histogram(x, SLICE_BINS, (low, high)),
        num_pairs=x.size,
    )


def _histogram(x: Plane, num_bins: int, span: tuple[float, float] | None = None) -> Histogram:
    """Histogram of intensities; for whole numbers bins are whole numbers wide, so that all hold equally many values."""
    x = np.asarray(x, np.float64)
    low, high = (float(x.min()), float(x.max())) if span is None else span
    width = max((high - low) / num_bins, 1e-12)
    if np.all(x == np.floor(x)):
        width, low = float(np.ceil(width)), np.floor(low) - 0.5
    edges = np.asarray(low + width * np.arange(max(1, int(np.ceil((high - low) / width))) + 1), np.float64)
    counts, _ = np.histogram(x, edges)
    return Histogram(edges=edges, density=counts / (x.size * width))


def _tensor(values: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
