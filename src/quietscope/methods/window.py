"""Frames that a method sees at once: a frame between its neighbours in time or depth, one after the other in channels.

Of what goes into a network, (B, (2 k + 1) C, *S), the middle C channels are the frame that is denoised. Loss,
likelihood, noise model and blind spots concern this frame alone; what is learnt is p(s_0 | x_-k, ..., x_k). The noise
of the others is independent of its own, so that they may be seen whole where its own pixels are hidden.
"""

import torch
from torch import Tensor

LEAST_SIDE = 0.25
"""Smallest side of a box of other neighbours, as a share of the patch's."""


def middle(x: Tensor, num_channels: int) -> Tensor:
    """Return the frame in the middle of x (B, W C, *S), (B, C, *S); x itself where it is the only one.

    Args:
        x: Frames, W of them, an odd number.
        num_channels: Number of channels C of one frame.
    """
    before = (x.shape[1] - num_channels) // 2
    return x if before == 0 else x[:, before : before + num_channels]


def middle_known(known: Tensor | None, num_channels: int) -> Tensor | None:
    """Return which pixels of the frame in the middle were measured, see `split_gaps`; None where all frames were."""
    return None if known is None else middle(known, num_channels)


def with_middle(x: Tensor, frame: Tensor) -> Tensor:
    """Return x (B, W C, *S) with another frame (B, C, *S) in the middle."""
    num_channels = frame.shape[1]
    before = (x.shape[1] - num_channels) // 2
    return frame if before == 0 else torch.cat((x[:, :before], frame, x[:, before + num_channels :]), dim=1)


def mismatched(x: Tensor, num_channels: int, share: float) -> Tensor:
    """Put a box of other neighbours into some patches, so that a network learns to look whether neighbours fit.

    Where a series hardly changes, a neighbour is the best guess of a hidden pixel, and a network that has never seen
    one that is wrong carries it over to where something has changed. What is put in comes from the next patch, or, in a
    batch of one, from its own mirror image. Random numbers come from PyTorch's global generator.

    Args:
        x: Patches (B, W C, *S).
        num_channels: Number of channels C of one frame.
        share: Share of the patches that get a box, 0 to 1.

    Returns:
        The patches; their middle frames are as they were.
    """
    other = x.roll(1, 0) if len(x) > 1 else x.flip(-1)
    ones = [1] * (x.ndim - 2)
    inside = (torch.rand(len(x), device=x.device) < share).reshape(-1, 1, *ones)
    for axis, size in enumerate(x.shape[2:]):
        length = size * (LEAST_SIDE + (1.0 - LEAST_SIDE) * torch.rand(len(x), 1, device=x.device))
        start = (size - length) * torch.rand(len(x), 1, device=x.device)
        at = torch.arange(size, device=x.device)
        line = (at >= start) & (at < start + length)
        inside = inside & line.reshape(len(x), 1, *[size if each == axis else 1 for each in range(x.ndim - 2)])
    return with_middle(torch.where(inside, other, x), middle(x, num_channels))
