"""Whether a network that comes trained knows what the images at hand show."""

import torch
from torch import Tensor

from quietscope.data.preparation import Notify
from quietscope.methods.base import LearningMethod
from quietscope.methods.pretrained import PretrainedMethod
from quietscope.nn.seeding import seeded
from quietscope.wording import typed

_SURE = 2.0
"""Standard errors by which the network has to be ahead."""


def tell_if_unlike(method: LearningMethod, patches: Tensor, notify: Notify) -> None:
    """Tell where a method that comes trained predicts hidden pixels no better than the mean of their neighbours.

    Where a network is of use, its prediction of a pixel that it does not see is closer to the noisy pixel than that of
    its neighbours. No clean image is needed to see that: the noise of the hidden pixel is the same for both.

    Args:
        method: The method, at the end of its training; nothing is done for one that does not come trained.
        patches: Noisy patches of the images, (B, C, *S), intensity units.
        notify: Called with one line.
    """
    if not isinstance(method, PretrainedMethod):
        return
    with torch.no_grad(), seeded(0, patches.device):
        errors = method.hidden_errors(patches)
    if errors is None:
        return
    own, neighbours = errors
    ahead = neighbours - own
    error = float(ahead.std(correction=0)) / max(len(ahead) - 1, 1) ** 0.5
    if float(ahead.mean()) < _SURE * error:
        notify(
            "These images, or their noise, are unlike those that the network comes trained for: it predicts hidden "
            f"pixels no better than the mean of their neighbours (squared error {float(own.mean()):.2f} times the "
            f"noise's, the neighbours' {float(neighbours.mean()):.2f}). Train on them: `{typed(method='noise2void')}`."
        )
