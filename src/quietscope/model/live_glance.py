"""What a method that is still learning makes of an image by now."""

from typing import TYPE_CHECKING

import numpy as np

from quietscope.data.by_itself import for_model
from quietscope.data.measured import as_measured, for_network, restoring
from quietscope.io import ImageSource, as_image
from quietscope.model.trained import Pixels, checked_pixels
from quietscope.prediction import predict_image
from quietscope.tiling.request import Request
from quietscope.training.watch import TrainingState

if TYPE_CHECKING:
    from quietscope.presets import Configuration

SAMPLES = 4
"""Samples of a method that draws them, in antithetic pairs: so few that a look costs little of the training."""


def glance(
    state: TrainingState, image: ImageSource, configuration: "Configuration", *, axes: str | None = None
) -> Pixels:
    """Denoise a small image with a method that is still learning, which goes on afterwards as if nobody had looked.

    Args:
        state: What a watcher or listener is told after a step.
        image: The noisy image.
        configuration: That of the training, settled.
        axes: Axes of the image where it does not name them.

    Returns:
        The mean by now, float32, shape of the image, intensity units.

    Raises:
        QuietScopeError: If the image does not fit the method.
    """
    assert state.method is not None, "states of a training have their method"
    method = state.method
    seen = for_model(as_measured(as_image(image, axes)), configuration.normalize, configuration.context)
    mean = np.empty(seen.shape, np.float32)
    predict_image(
        method,
        seen.layout(method.spatial_dims),
        checked_pixels(for_network(seen)),
        sinks=restoring(seen, {"mean": mean}),
        request=Request(num_samples=SAMPLES, pairs=SAMPLES // 2, precision=configuration.training_settings().precision),
    )
    return mean
