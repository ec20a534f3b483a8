"""Noise models p(x|s): how the recorded intensity x of a pixel scatters around its clean signal s.

The theory is stated here once; the files of this room refer to its equations.

**Density.** A noise model is a probability density over x for every signal s, the same for all pixels and independent
from pixel to pixel. x and s are in intensity units, as in the file; the density is per intensity unit. Every model of
this room has

    integral p(x|s) dx = 1,    E[x|s] = s,    Var[x|s] = v(s).                                                      (1)

Denoisers are trained to maximise ``sum over pixels log p(x|s)`` over the signals s that they predict.

**Quasi-likelihood.** A Poisson-Gaussian density is an approximation: mean s and variance v(s) are right, the Gaussian
shape is not. Training then maximises not log p but the function Q(x, s) with the gradient

    dQ/ds = (x - s) / v(s),                                                                                         (2)

the quasi-likelihood (Wedderburn, Biometrika 61 (1974)). At the true signal its expectation is zero because E[x|s] = s,
whatever the shape of the noise and even if v is not exact. The logarithm of a Gaussian density has one more term,
``((x - s)^2 / v(s) - 1) v'(s) / (2 v(s))``. Its expectation is zero only if v is exact, and it grows with the square of
the residual: a rare bright pixel, which noise of a few photons has often, pulls the predicted signal, and so its
variance, far upwards, and the network learns to reproduce the noise.

**Clipping.** A sensor records no value below ``low`` or above ``high``; a recorded limit says only that the intensity
was there or beyond. With X the intensity before clipping and d the step between neighbouring values (1 for integer
data, 0 for continuous data), the likelihood of a recorded x is a density between the limits and a probability at them:

    p(x|s)                     for low < x < high,
    P(X <= low + d/2 | s)      for x = low,
    P(X >= high - d/2 | s)     for x = high.                                                                        (3)

This is censoring (Tobin, Econometrica 26 (1958)). The tails begin half a step inside because values from there on are
rounded to the limit. Where training uses the quasi-likelihood, a pixel at a limit has the mean of (2) over the hidden
intensities,

    dQ/ds = (E[X | X beyond the limit, s] - s) / v(s),                                                              (4)

so that the expectation over hidden and visible pixels together is still zero.

**Rounding.** Rounding to steps of d adds about d^2 / 12 to the variance. No model has a term for it: a fit measures it
as part of the noise.

A new model is one file and one line in ``models``; the command line, the file reader and the contract tests follow from
that list.
"""

from quietscope.noise.censored import Censored, censor
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.estimate import NoiseEstimate, estimate_noise, measure_noise
from quietscope.noise.fitting import fit_noise
from quietscope.noise.gaussian import Gaussian
from quietscope.noise.gaussian_mixture import GaussianMixture
from quietscope.noise.goodness import Goodness, goodness_of_fit
from quietscope.noise.histogram import Histogram
from quietscope.noise.models import BASE_MODELS, rebuild, registered
from quietscope.noise.noise_model import NoiseModel, NoiseRecord
from quietscope.noise.poisson_gaussian import PoissonGaussian
from quietscope.noise.selection import NoiseChoice, choose_model

NOISE_MODELS = registered(Censored)
"""Every noise model by its kind: the models of a detector without limits, and ``Censored``, which adds the limits."""


def noise_model_from_record(record: NoiseRecord) -> NoiseModel:
    """Rebuild any noise model from its record.

    Args:
        record: Record returned by ``to_record``, on this or on another machine.

    Returns:
        The model.

    Raises:
        NoiseError: If no model has that kind, or the record lacks one of its parts.
    """
    return rebuild(record, NOISE_MODELS)


__all__ = [
    "BASE_MODELS",
    "NOISE_MODELS",
    "Censored",
    "ClipLevels",
    "Gaussian",
    "GaussianMixture",
    "Goodness",
    "Histogram",
    "NoiseChoice",
    "NoiseEstimate",
    "NoiseModel",
    "NoiseRecord",
    "PoissonGaussian",
    "censor",
    "choose_model",
    "estimate_noise",
    "fit_noise",
    "goodness_of_fit",
    "measure_noise",
    "noise_model_from_record",
]
