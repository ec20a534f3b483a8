"""Fresh weights for a start after the posterior has collapsed, drawn from a seed and independent of the old weights."""

from quietscope.methods.base import AnnealedMethod
from quietscope.nn.narrow import narrow
from quietscope.nn.seeding import seeded


def draw_weights(method: AnnealedMethod, seed: int) -> None:
    """Draw new random weights for a method, in place; a pruned method keeps its narrower layers.

    Args:
        method: The method.
        seed: Seed of the weights; PyTorch's global random generator is not changed.
    """
    with seeded(seed):
        fresh = method.build(method.settings, method.statistics, method.channel_noise)
    narrow(fresh, method.state_dict())
    method.load_state_dict(fresh.state_dict())
