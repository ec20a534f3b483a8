"""Frames that a method sees at once: a frame between its neighbours in time or depth, one after the other in channels.

Of what goes into a network, (B, (2 k + 1) C, *S), the middle C channels are the frame that is denoised. Loss,
likelihood, noise model and blind spots concern this frame alone; what is learnt is p(s_0 | x_-k, ..., x_k). The noise
of the others is independent of its own, so that they may be seen whole where its own pixels are hidden.
"""

import torch
from torch import Tensor


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
