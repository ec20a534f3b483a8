"""From a trained method and a noisy image to the posterior: mean, standard deviation, samples."""

from quietscope.prediction.posterior import predict_frame, predict_image
from quietscope.prediction.sampling import Posterior, Precision, Progress, SampleSink
from quietscope.prediction.streaming import StreamingMoments
from quietscope.prediction.tiled import TileSpec, default_halo

__all__ = [
    "Posterior",
    "Precision",
    "Progress",
    "SampleSink",
    "StreamingMoments",
    "TileSpec",
    "default_halo",
    "predict_frame",
    "predict_image",
]
