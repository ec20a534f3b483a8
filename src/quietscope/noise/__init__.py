"""Noise models p(x|s): how an observed intensity scatters around the clean signal.

A new model is one file and one line in ``models``; the command line, the file reader and the contract tests
follow from that list.
"""

from quietscope.noise.censored import Censored, censor
from quietscope.noise.clipping import ClipLevels
from quietscope.noise.estimate import NoiseEstimate, estimate_noise, measure_noise
from quietscope.noise.fitting import fit_noise
from quietscope.noise.gaussian import Gaussian
from quietscope.noise.gaussian_mixture import GaussianMixture
from quietscope.noise.histogram import Histogram
from quietscope.noise.models import BASE_MODELS, rebuild, registered
from quietscope.noise.noise_model import NoiseModel, NoiseRecord
from quietscope.noise.poisson_gaussian import PoissonGaussian
from quietscope.noise.selection import NoiseChoice, choose_model

NOISE_MODELS = registered(Censored)
"""Every noise model by its kind: those of a detector, and the one that wraps them."""


def noise_model_from_record(record: NoiseRecord) -> NoiseModel:
    """Rebuild any noise model from its record.

    Args:
        record: What ``to_record`` returned, here or on another machine.

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
    "measure_noise",
    "noise_model_from_record",
]
