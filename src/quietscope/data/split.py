"""The split of frames into training and validation."""

import numpy as np

from quietscope.data.frames import Frames

VALIDATION_SHARE = 0.05
FEWEST_FRAMES_TO_SPLIT = 10


def split_frames(num_frames: int, seed: int) -> tuple[list[int], list[int]]:
    """Choose training and validation frames.

    If there are fewer than 10 frames, all of them are used for both. The images to train on are the images to denoise,
    and leaving out a quarter of a stack of four fields costs more quality than an independent validation loss is worth.
    Where more hangs on that loss than a line in a log, parts of the frames are held out: `training/held_out.py`.

    Args:
        num_frames: Number of frames.
        seed: Seed of the choice.

    Returns:
        Sorted indices of training frames and of validation frames; 1 in 20 frames, at least one, is for validation.
    """
    everything = list(range(num_frames))
    if num_frames < FEWEST_FRAMES_TO_SPLIT:
        return everything, everything
    held_out = max(1, round(num_frames * VALIDATION_SHARE))
    order = np.random.default_rng(seed).permutation(num_frames)
    validation = sorted(int(n) for n in order[:held_out])
    return [n for n in everything if n not in set(validation)], validation


def split_measured(frames: Frames, seed: int) -> tuple[list[int], list[int]]:
    """Choose training and validation frames among those of which some pixel was measured, see `split_frames`.

    Args:
        frames: The frames.
        seed: Seed of the choice.

    Returns:
        Sorted indices of training frames and of validation frames.
    """
    measured = frames.measured
    training, validation = split_frames(len(measured), seed)
    return [measured[n] for n in training], [measured[n] for n in validation]
