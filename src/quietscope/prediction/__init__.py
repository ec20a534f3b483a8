"""From a trained method and a noisy image to its clean image: mean, deviation, most probable image, quantiles."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quietscope.prediction.estimator import Estimator, Site
    from quietscope.prediction.mean_shift import MeanShift
    from quietscope.prediction.panel import ESTIMATORS
    from quietscope.prediction.predict import Progress, SampleSink, choose_tile, predict_frame, predict_image
    from quietscope.prediction.quantiles import StreamingQuantiles
    from quietscope.prediction.request import (
        DEFAULT_BANDWIDTH,
        DEFAULT_PROBABILITIES,
        Estimates,
        Kind,
        Precision,
        Request,
        Sinks,
    )
    from quietscope.prediction.sampling import ready_to_predict
    from quietscope.prediction.streaming import StreamingMoments
    from quietscope.prediction.tiled import TileSpec, default_halo

# Imported when first asked for: cutting frames into tiles, which exported models do too, needs no PyTorch.
_HOMES = {
    "DEFAULT_BANDWIDTH": "request",
    "DEFAULT_PROBABILITIES": "request",
    "ESTIMATORS": "panel",
    "Estimates": "request",
    "Estimator": "estimator",
    "Kind": "request",
    "MeanShift": "mean_shift",
    "Precision": "request",
    "Progress": "predict",
    "Request": "request",
    "SampleSink": "predict",
    "Sinks": "request",
    "Site": "estimator",
    "StreamingMoments": "streaming",
    "StreamingQuantiles": "quantiles",
    "TileSpec": "tiled",
    "choose_tile": "predict",
    "default_halo": "tiled",
    "predict_frame": "predict",
    "predict_image": "predict",
    "ready_to_predict": "sampling",
}
__all__ = [
    "DEFAULT_BANDWIDTH",
    "DEFAULT_PROBABILITIES",
    "ESTIMATORS",
    "Estimates",
    "Estimator",
    "Kind",
    "MeanShift",
    "Precision",
    "Progress",
    "Request",
    "SampleSink",
    "Sinks",
    "Site",
    "StreamingMoments",
    "StreamingQuantiles",
    "TileSpec",
    "choose_tile",
    "default_halo",
    "predict_frame",
    "predict_image",
    "ready_to_predict",
]


def __getattr__(name: str) -> Any:
    """Import a name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
