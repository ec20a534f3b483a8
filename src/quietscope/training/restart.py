"""A fresh start after the posterior has collapsed: new weights from the seed, nothing remembered of the old ones."""

import torch

from quietscope.methods.base import AnnealedMethod
from quietscope.nn.narrow import narrow


def draw_weights(method: AnnealedMethod, seed: int) -> None:
    """Draw the weights of a method anew, in place; a pruned method stays as narrow as it is.

    Args:
        method: The method.
        seed: Seed of the weights; no global number is drawn.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        fresh = method.build(method.settings, method.statistics, method.channel_noise)
    narrow(fresh, method.state_dict())
    method.load_state_dict(fresh.state_dict())
