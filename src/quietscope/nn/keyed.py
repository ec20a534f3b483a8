"""Keyed noise: standard normal numbers that are a function of a key and a coordinate, in NumPy.

`quietscope.nn.latent` makes the same numbers in PyTorch, on any device; this version serves exported models, which run
without PyTorch.
"""

import hashlib

import numpy as np
import numpy.typing as npt

MASK64 = (1 << 64) - 1
# Odd 64-bit multipliers of the splitmix64 finaliser (Steele, Lea, Flood 2014) and its golden-ratio increment.
GOLDEN = 0x9E3779B97F4A7C15
ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
"""Shift and factor of each round."""

Bits = npt.NDArray[np.uint64]


def noise_key(*parts: int | str) -> int:
    """Hash numbers and words, such as seed, frame, sample and level, to a 64-bit key, the same on every machine."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def keyed_normal(key: int, origin: tuple[int, ...], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Draw standard normal noise that is a function of key, channel and absolute coordinate alone.

    Args:
        key: 64-bit key, see `noise_key`.
        origin: Absolute coordinate of the first latent pixel, one per spatial axis.
        shape: Shape (C, *S) of the noise.

    Returns:
        Array of ``shape``, float32; equals `quietscope.nn.latent.keyed_normal` up to rounding.
    """
    channels, *spatial = shape
    golden = np.uint64(GOLDEN)
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64
        state = np.full([1] * len(spatial), key & MASK64, np.uint64)
        for axis, (start, length) in enumerate(zip(origin, spatial, strict=True)):
            coordinate = np.arange(start, start + length, dtype=np.int64).astype(np.uint64)
            line = [-1 if a == axis else 1 for a in range(len(spatial))]
            state = _mix(state + (coordinate * golden).reshape(line))
        pairs = (channels + 1) // 2
        salt = np.arange(1, pairs + 1, dtype=np.uint64) * golden
        bits = _mix(state[None] + salt.reshape(-1, *[1] * len(spatial)))
    low, high = bits >> np.uint64(8), bits >> np.uint64(40)
    u, v = ((each & np.uint64(0xFFFFFF)).astype(np.float32) for each in (high, low))
    radius = np.sqrt(-2.0 * np.log((u + np.float32(0.5)) * np.float32(2.0**-24)))
    angle = v * np.float32(2.0**-24 * 2.0 * np.pi)
    out = np.empty((2 * pairs, *spatial), np.float32)
    out[0::2], out[1::2] = radius * np.cos(angle), radius * np.sin(angle)
    return out[:channels]


def _mix(x: Bits) -> Bits:
    for shift, factor in ROUNDS:
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))
