"""Which frames are trained on and which are watched."""

import numpy as np

VALIDATION_SHARE = 0.05
FEWEST_FRAMES_TO_SPLIT = 10


def split_frames(num_frames: int, seed: int) -> tuple[list[int], list[int]]:
    """Choose training and validation frames.

    Below 10 frames all of them serve both: the method learns from the very images it will denoise, and taking a
    quarter of a four-field stack away from it costs more than an independent validation loss is worth.

    Args:
        num_frames: Number of frames.
        seed: Seed of the choice.

    Returns:
        Sorted indices of training and of validation frames; 1 in 20 frames, and at least one, is held out.
    """
    everything = list(range(num_frames))
    if num_frames < FEWEST_FRAMES_TO_SPLIT:
        return everything, everything
    held_out = max(1, round(num_frames * VALIDATION_SHARE))
    order = np.random.default_rng(seed).permutation(num_frames)
    validation = sorted(int(n) for n in order[:held_out])
    return [n for n in everything if n not in set(validation)], validation
