"""What a few planes of an image hold, in words."""

import numpy as np

from quietscope.data.pieces import PIECE, pieces_of
from quietscope.io import Image

MENTIONED = 0.005
"""Share of the pixels at an end of the range from which it is told."""


def glance(image: Image, most: int = 4, most_channels: int = 16) -> tuple[str, ...]:
    """Say in words what a few planes of each channel hold: their range, and how much lies at its ends or is NaN.

    Whether that was measured, `find_gaps` tells, which takes longer.

    Args:
        image: The image.
        most: Planes of each channel to read, or parts of planes that are larger than `PIECE` pixels.
        most_channels: Channels to read; images of spectra have hundreds.

    Returns:
        One line for each channel.

    Raises:
        QuietScopeError: If the pixels cannot be read.
    """
    lines = []
    for pieces in pieces_of(image, most)[:most_channels]:
        pixels = np.concatenate([np.ravel(pieces[number]) for number in range(len(pieces))])
        known = pixels[np.isfinite(pixels)]
        name = "parts of planes" if max(image.layout().spatial_shape) > PIECE else "planes"
        where = f"in {len(pieces)} of {pieces.total} {name}" if pieces.total > len(pieces) else "in all planes"
        ends = [known.min(), known.max()] if known.size else []
        words = [f"{ends[0]:.6g} to {ends[1]:.6g} {where}" if ends else f"nothing measured {where}"]
        shares = {f"exactly {end:.6g}": np.count_nonzero(known == end) / pixels.size for end in ends}
        shares["NaN or infinite"] = (pixels.size - known.size) / pixels.size
        words += [
            f"{share:.2%} are {what}"
            for what, share in shares.items()
            if share >= MENTIONED or (what[0] == "N" and share)
        ]
        lines.append("; ".join(words))
    return tuple(lines)
