"""The PSNR of a method that is still learning, by what another model says of the signal, see `judge_by`."""

import math

import numpy as np

from quietscope.data.by_itself import in_context
from quietscope.data.measured import as_measured, for_network
from quietscope.io import Image
from quietscope.methods.base import Method, PosteriorMethod
from quietscope.metrics.coverage import FloatPlane
from quietscope.metrics.psnr import range_of
from quietscope.metrics.second_opinion import squared_error
from quietscope.model.judge_by import Opinion
from quietscope.model.trained import TrainedModel, missing_pixels
from quietscope.prediction import predict_image
from quietscope.tiling.request import DEFAULT_REQUEST, Precision, Request

SAMPLES = 4
"""Samples of a method that draws them, in antithetic pairs; what more would gain is about the same at every step."""


def passes_of(method: type[Method]) -> int:
    """Return how often a method is applied to every pixel for one estimate."""
    return SAMPLES if issubclass(method, PosteriorMethod) else 1


class RunningPsnr:
    """Estimates the PSNR of a method on the same pixels again and again; the other model is asked once.

    ``10 log10(R^2 / mean((a m + b - s')^2 + w^2))``, see `quietscope.metrics.second_opinion`, with R the range of s',
    and a and b those of least squares: while the learning rate is high, scale and offset of what a network gives wander
    from step to step, by up to 1 dB of PSNR, and they come to rest when the rate falls, whenever that is. The estimate
    is as far off as s' and w are, in all alike, so that what is gained between two of them is known better than either;
    and since it holds given the noisy image, pixels that are learnt from are judged as well as any.

    Args:
        other: A trained model of planes whose deviation is that of its error.
        part: The noisy image that is judged, with the neighbours that the method sees.
        precision: What the networks of the method compute in.

    Raises:
        QuietScopeError: If the image does not fit the other model, or it gives no deviation.
    """

    def __init__(self, other: TrainedModel, part: Image, precision: Precision) -> None:
        self._image = as_measured(part)
        self._opinion = Opinion.of(other, in_context(self._image, other.history.context), DEFAULT_REQUEST)
        self._request = Request(num_samples=SAMPLES, pairs=SAMPLES // 2, precision=precision)

    def __call__(self, method: Method) -> float:
        """Return the PSNR of a method as it is, in dB, mean over channels; the method is left as it was.

        Args:
            method: A method for images like the part.

        Returns:
            The estimate; NaN where the method gives what is not finite.

        Raises:
            QuietScopeError: If the part does not fit the method.
        """
        image, dims = self._image, method.spatial_dims
        layout = image.layout(dims)
        mean = np.empty(image.shape, np.float32)
        predict_image(method, layout, for_network(image).data, sinks={"mean": mean}, request=self._request)
        found = []
        for channel in range(layout.num_channels):
            planes = [
                [layout.take(each, n)[channel].astype(np.float64) for n in range(layout.num_frames)]
                for each in (mean, self._opinion.mean, self._opinion.std)
            ]
            known = np.concatenate([~missing_pixels(image, n, channel, dims).ravel() for n in range(layout.num_frames)])
            own, signal, width = (np.concatenate([plane.ravel() for plane in each])[known] for each in planes)
            error = float(np.mean(squared_error(_fitted(own, signal), signal, width)))
            found.append(10.0 * math.log10(range_of(signal, None) ** 2 / error) if error > 0 else math.nan)
        return float(np.mean(found))


def _fitted(own: FloatPlane, signal: FloatPlane) -> FloatPlane:
    """Return a m + b with the scale and offset that bring m closest to s'; NaN where m is not finite."""
    middle, target = float(own.mean()), float(signal.mean())
    apart = own - middle
    power = float(np.mean(apart**2))
    scale = float(np.mean(apart * (signal - target))) / power if power > 0 else 1.0
    return target + scale * apart
