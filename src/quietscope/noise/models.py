"""The list of noise models of a detector without limits; ``Censored`` adds limits to any of them.

A new model is one file and one line in ``_OWN``; another package declares its own in the entry-point group
"quietscope.noise_models", under the model's ``kind``.
"""

from collections.abc import Mapping

from quietscope.errors import NoiseError, PluginError
from quietscope.noise.gaussian import Gaussian
from quietscope.noise.gaussian_mixture import GaussianMixture
from quietscope.noise.histogram import Histogram
from quietscope.noise.noise_model import NoiseModel, NoiseRecord
from quietscope.noise.poisson_gaussian import PoissonGaussian
from quietscope.registry import Registry, subclass

_OWN: tuple[type[NoiseModel], ...] = (Gaussian, PoissonGaussian, GaussianMixture, Histogram)


def registered(*more: type[NoiseModel]) -> Registry[type[NoiseModel]]:
    """Return our noise models, those of other packages, and `more` of our own, by kind."""
    own = {model.kind: model for model in (*_OWN, *more)}
    return Registry("quietscope.noise_models", own, subclass(NoiseModel, "kind"))


BASE_MODELS = registered()
"""Every noise model of a detector without limits, by its kind."""


def base_model_from_record(record: NoiseRecord) -> NoiseModel:
    """Rebuild a model of ``BASE_MODELS`` from its record.

    Args:
        record: Record returned by ``to_record``.

    Returns:
        The model.

    Raises:
        NoiseError: If no model has that kind, or the record lacks one of its parts.
        PluginError: If the package that has the kind cannot be imported.
    """
    return rebuild(record, BASE_MODELS)


def rebuild(record: NoiseRecord, models: Mapping[str, type[NoiseModel]]) -> NoiseModel:
    """Rebuild a noise model of a kind in `models`; raises the errors of ``base_model_from_record``."""
    if record.kind not in models:
        raise NoiseError(f"one of {', '.join(models)}", f"a noise model of kind {record.kind!r}", "fit it again")
    try:
        return models[record.kind].from_record(record)
    except (NoiseError, PluginError):
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError, AssertionError) as error:
        got = f"one that cannot be rebuilt ({type(error).__name__}: {error})"
        raise NoiseError(f"a complete {record.kind} model", got, "fit it again") from error
