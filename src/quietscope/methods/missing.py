"""Pixels that were never measured, in training: NaN in a patch. They are filled for the network and weigh nothing."""

import torch
from torch import Tensor


def split_gaps(x: Tensor, fill: Tensor | float) -> tuple[Tensor, Tensor | None]:
    """Split patches into what a network can read, and what was measured.

    Args:
        x: Patches (B, W C, *S), NaN where nothing was measured.
        fill: What stands there instead: a number, or one per channel, (C,).

    Returns:
        The patches without NaN, and a mask (B, W C, *S) that is true where pixels were measured; the very same patches
        and None where all were.
    """
    missing = torch.isnan(x)
    if not bool(missing.any()):
        return x, None
    if isinstance(fill, Tensor):
        fill = fill.to(x.dtype).repeat(x.shape[1] // len(fill)).reshape(1, -1, *[1] * (x.ndim - 2))
    return torch.where(missing, fill, x), ~missing


def mean_of_known(values: Tensor, known: Tensor | None) -> Tensor:
    """Return the mean over all pixels of values (B, C, *S) that count as 0 where nothing was measured, a scalar.

    The sum is divided by the number of ALL pixels, as the other terms of a loss are: a patch of which half was measured
    says half as much.
    """
    return values.mean() if known is None else torch.where(known, values, 0.0).mean()
