"""The noise of one channel, from its noisy images alone: correlation, strength, defective pixels, kind, and advice.

Flat places show how the noise is correlated (``correlation``), a blind photon-transfer curve shows how strong it is
(``noise.estimate``), and single pixels far brighter than all their neighbours are hot (``hot_pixels``). If structure
of the sample could produce the same measurement, the verdict is "not sure".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.diagnosis.advice import Advice, advise
from quietscope.diagnosis.blocks import join_blocks, measure_blocks
from quietscope.diagnosis.correlation import AxisCorrelation, choose_flat, correlate_plane, fraction_of
from quietscope.diagnosis.defects import Defects, count_defects
from quietscope.diagnosis.hot_pixels import find_hot_pixels, without
from quietscope.diagnosis.kind import Kind, kind_of, noise_to_signal
from quietscope.diagnosis.reach import with_reach
from quietscope.diagnosis.successive import measure_successive
from quietscope.diagnosis.tiles import Plane, sample_tiles
from quietscope.diagnosis.traces import Trace, find_trace
from quietscope.errors import NoiseError
from quietscope.noise.clipping import find_clip_levels
from quietscope.noise.estimate import NoiseEstimate, measure_noise
from quietscope.noise.pairs import FloatArray


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found out about the noise of one channel.

    Attributes:
        kind: The kind of noise.
        x: Autocorrelation along x.
        y: Autocorrelation along y.
        z: Correlation from slice to slice; None if there is only one slice.
        t: Correlation from frame to frame; None if there is only one frame.
        repeated: Whether the frames show one unchanged scene, so that x and y were measured on their differences.
        estimate: Noise variance against signal; None if it could not be measured.
        noise_to_signal: Standard deviation of the noise over that of the signal.
        defects: Saturated, clipped and hot pixels.
        trace: What filtering, enlarging or compression has left, see `quietscope.diagnosis.traces`; None for nothing.
        advice: Which method to use.
    """

    kind: Kind
    x: AxisCorrelation
    y: AxisCorrelation
    z: AxisCorrelation | None
    t: AxisCorrelation | None
    repeated: bool
    estimate: NoiseEstimate | None
    noise_to_signal: float
    defects: Defects
    trace: Trace | None
    advice: Advice

    @property
    def is_clean(self) -> bool:
        """Whether there is too little noise for denoising to gain anything."""
        return self.kind == "none"

    @property
    def correlation_length(self) -> int:
        """Number of pixels in the plane over which the noise is correlated; 1 for independent noise."""
        return max((part.length for part in (self.x, self.y) if part.verdict == "correlated"), default=1)


def diagnose(
    frames: Sequence[Plane] | npt.NDArray[Any],
    *,
    successive: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    seed: int = 0,
    has_gaps: bool = False,
    name: str = "",
    fix: str = "check which file or axes hold the image",
) -> Diagnosis:
    """Diagnose the noise of single-channel planes from these planes alone.

    At most four million pixels are read, whatever the size and number of the planes.

    Args:
        frames: Planes (Y, X) of any sizes, or one array (..., Y, X); raw, in intensity units.
        successive: For "z" and "t": pairs of indices into `frames` of planes that follow each other along that axis.
        seed: Seed of the choice of places that are read.
        has_gaps: Whether NaN stands for pixels that were never measured; otherwise it is refused.
        name: What the planes are, as "channel 1", for an error.
        fix: What to do where they are constant.

    Returns:
        The diagnosis.

    Raises:
        NoiseError: If the planes are too small, constant, or hold NaN or infinity.
    """
    planes = _planes(frames)
    tiles = sample_tiles(planes, seed, has_gaps=has_gaps)
    pixels = np.concatenate([tile.pixels.ravel() for tile in tiles])
    if pixels.min() == pixels.max():
        raise NoiseError(f"pixels that differ{name and f' in {name}'}", f"{pixels[0]:g} everywhere", fix)
    clip = find_clip_levels(pixels)
    hot = [find_hot_pixels(tile.pixels) for tile in tiles]
    mended = [without(tile.pixels, mask) for tile, mask in zip(tiles, hot, strict=True)]

    blocks = join_blocks([measure_blocks(tile, clip.is_low(tile) | clip.is_high(tile)) for tile in mended])
    flat = choose_flat(blocks, fraction_of(blocks.count))
    steps = {
        axis: measure_successive(axis, planes, pairs, clip, seed, has_gaps=has_gaps)
        for axis, pairs in (successive or {}).items()
        if pairs
    }
    differences = steps["t"].in_plane if "t" in steps else None
    x, y = (
        with_reach(part, mended, blocks, flat)
        for part in (correlate_plane(blocks, flat) if differences is None else differences)
    )
    z, t = (steps[axis].along if axis in steps else None for axis in "zt")

    estimate = _measured_strength(mended, seed)
    strength = noise_to_signal(flat, estimate, blocks.mean, pixels)
    kind = kind_of(x, y, z, strength, estimate, blocks.mean)
    return Diagnosis(
        kind=kind,
        x=x,
        y=y,
        z=z,
        t=t,
        repeated=differences is not None,
        estimate=estimate,
        noise_to_signal=strength,
        defects=count_defects(tiles, mended, hot, clip, estimate),
        trace=find_trace(x, y, flat, tiles, is_clean=kind == "none"),
        advice=advise(kind, x, y),
    )


def _planes(frames: Sequence[Plane] | npt.NDArray[Any]) -> list[Plane]:
    """Return the planes of a sequence of arrays (..., Y, X), or of one such array."""
    planes: list[Plane] = []
    for stack in [frames] if isinstance(frames, np.ndarray) else frames:
        if not isinstance(stack, np.ndarray):
            planes.append(stack)
        elif stack.ndim >= 2:
            planes += list(stack.reshape(-1, *stack.shape[-2:]))
    return planes


def _measured_strength(tiles: Sequence[FloatArray], seed: int) -> NoiseEstimate | None:
    try:
        return measure_noise(tiles, seed=seed)
    except NoiseError:  # tiles too small, or without noise: the correlation is still worth reporting
        return None
