"""The noise models of a detector by themselves: what a file may name, and what a censored model may wrap.

A new one is one file and one line in ``_OWN``; another package declares its own in the entry-point group
"quietscope.noise_models", under the model's ``kind``.
"""

from collections.abc import Mapping

from quietscope.errors import NoiseError
from quietscope.noise.gaussian import Gaussian
from quietscope.noise.gaussian_mixture import GaussianMixture
from quietscope.noise.histogram import Histogram
from quietscope.noise.noise_model import NoiseModel, NoiseRecord
from quietscope.noise.poisson_gaussian import PoissonGaussian
from quietscope.registry import Registry, subclass

_OWN: tuple[type[NoiseModel], ...] = (Gaussian, PoissonGaussian, GaussianMixture, Histogram)


def registered(*more: type[NoiseModel]) -> Registry[type[NoiseModel]]:
    """Return the noise models of a detector, those of other packages, and some more of our own, by kind."""
    own = {model.kind: model for model in (*_OWN, *more)}
    return Registry("quietscope.noise_models", own, subclass(NoiseModel, "kind"))


BASE_MODELS = registered()
"""Every noise model of a detector by its kind."""


def base_model_from_record(record: NoiseRecord) -> NoiseModel:
    """Rebuild a model of ``BASE_MODELS`` from its record.

    Args:
        record: What ``to_record`` returned.

    Returns:
        The model.

    Raises:
        NoiseError: If no model has that kind, or the record lacks one of its parts.
    """
    return rebuild(record, BASE_MODELS)


def rebuild(record: NoiseRecord, models: Mapping[str, type[NoiseModel]]) -> NoiseModel:
    """Rebuild a noise model that is one of ``models``; raises as ``base_model_from_record`` does."""
    if record.kind not in models:
        raise NoiseError(f"one of {', '.join(models)}", f"a noise model of kind {record.kind!r}", "fit it again")
    try:
        return models[record.kind].from_record(record)
    except NoiseError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoiseError(f"a complete {record.kind} model", f"a fault in {error}", "fit it again") from error
