"""From a trained method and a noisy image to its clean image: mean, deviation, most probable image, quantiles."""

from quietscope.prediction.estimator import Estimator, Site
from quietscope.prediction.mean_shift import MeanShift
from quietscope.prediction.moments import StreamingMoments
from quietscope.prediction.predict import Progress, SampleSink, choose_tile, predict_frame, predict_image
from quietscope.prediction.quantiles import StreamingQuantiles
from quietscope.prediction.sampling import ready_to_predict

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
