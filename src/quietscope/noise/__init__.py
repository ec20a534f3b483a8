"""Noise models p(x|s): how an observed intensity scatters around the clean signal.

A new model is one file and one line in ``NOISE_MODELS``; the command line, the file reader and the contract tests
follow from that list.
"""

from quietscope.errors import NoiseError
from quietscope.noise.base import NoiseModel, NoiseRecord
from quietscope.noise.estimate import NoiseEstimate, estimate_noise, measure_noise
from quietscope.noise.gaussian import Gaussian
from quietscope.noise.gaussian_mixture import GaussianMixture
from quietscope.noise.poisson_gaussian import PoissonGaussian

NOISE_MODELS: dict[str, type[NoiseModel]] = {
    Gaussian.kind: Gaussian,
    PoissonGaussian.kind: PoissonGaussian,
    GaussianMixture.kind: GaussianMixture,
}


def noise_model_from_record(record: NoiseRecord) -> NoiseModel:
    """Rebuild any noise model from its record.

    Args:
        record: What ``to_record`` returned, here or on another machine.

    Returns:
        The model.

    Raises:
        NoiseError: If no model has that kind, or the record lacks one of its parts.
    """
    if record.kind not in NOISE_MODELS:
        raise NoiseError(f"one of {', '.join(NOISE_MODELS)}", f"a noise model of kind {record.kind!r}", "fit it again")
    try:
        return NOISE_MODELS[record.kind].from_record(record)
    except NoiseError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise NoiseError(f"a complete {record.kind} model", f"a fault in {error}", "fit it again") from error


__all__ = [
    "NOISE_MODELS",
    "Gaussian",
    "GaussianMixture",
    "NoiseEstimate",
    "NoiseModel",
    "NoiseRecord",
    "PoissonGaussian",
    "estimate_noise",
    "measure_noise",
    "noise_model_from_record",
]
