"""Whether two parts of an image, split by its noise model, share noise, which is then learnt as if it were signal."""

import torch
from torch import Tensor

from quietscope.data.preparation import Notify
from quietscope.methods.base import LearningMethod
from quietscope.methods.splitting import SplittingMethod
from quietscope.nn.seeding import seeded
from quietscope.wording import typed

_FLAT = 0.25
"""Share of the patches, the flattest, that are measured: what surroundings cannot predict looks like shared noise."""

_MOST = 0.2
"""Correlation of the parts, of either sign, from which the noise model is called wrong: variances off by a half."""

_SURE = 3.0
"""Standard errors by which it has to be surpassed."""


def tell_if_leaking(method: LearningMethod, patches: Tensor, notify: Notify) -> None:
    """Tell where the parts that a method learns from are correlated, since the noise is not what the noise model says.

    With noise of q times the variance that the noise model has, halves of an image have a correlation of
    ``(q - 1) / (q + 1)``, and a network that is ever so good leaves a share of the noise in its results; where
    q is below 1, with its sign turned. Noise that is correlated between neighbours looks like less of it.

    Args:
        method: The method, at the end of its training; nothing is done for one that splits no images.
        patches: Noisy patches of the images, (B, C, *S), intensity units.
        notify: Called with one line.
    """
    if not isinstance(method, SplittingMethod):
        return
    with torch.no_grad(), seeded(0, patches.device):
        shared = method.shared_noise(patches)
    measured = ~torch.isnan(shared.product)
    product, square, contrast = (each[measured].double() for each in shared)
    if not len(product):
        return
    flattest = contrast.argsort()[: max(1, round(_FLAT * len(contrast)))]
    product, square = product[flattest], square[flattest]
    correlation = float(product.sum() / square.sum())
    spread = float((product - correlation * square).std(correction=0) / square.mean())
    error = spread / max(len(product) - 1, 1) ** 0.5
    if abs(correlation) < _MOST + _SURE * error:
        return
    ratio = (1.0 + correlation) / (1.0 - correlation)
    kind = "stronger than" if correlation > 0 else "weaker, or more correlated between pixels, than"
    notify(
        f"The noise is {kind} that of the noise model: its variance at hidden pixels is about {ratio:.2g} times as "
        f"large. The two halves of an image that are learnt from have a correlation of {correlation:.2f} for that, "
        "which is learnt as if it were signal. Let the noise be measured, "
        f"`{typed(noise='auto')}`, or see `quietscope diagnose`."
    )
