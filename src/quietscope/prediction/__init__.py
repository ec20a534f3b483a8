"""From a trained method and a noisy image to its clean image: mean, deviation, most probable image, quantiles."""

from quietscope.prediction.engine import choose_tile, ready_to_predict
from quietscope.prediction.mean_shift import MeanShift
from quietscope.prediction.moments import StreamingMoments
from quietscope.prediction.predict import SampleSink, predict_frame, predict_image
from quietscope.prediction.quantiles import StreamingQuantiles
from quietscope.tiling.estimators import Estimator, Site
from quietscope.tiling.walk import Progress

__all__ = [
    "Estimator",
    "MeanShift",
    "Progress",
    "SampleSink",
    "Site",
    "StreamingMoments",
    "StreamingQuantiles",
    "choose_tile",
    "predict_frame",
    "predict_image",
    "ready_to_predict",
]
