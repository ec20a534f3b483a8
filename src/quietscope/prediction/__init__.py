"""From a trained method and a noisy image to its clean image: mean, deviation, most probable image, quantiles."""

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
