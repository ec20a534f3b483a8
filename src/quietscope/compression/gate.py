"""The cost of a compression: the loss in dB of each step on images it has not seen, known before a file is written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quietscope.compression.calibration import latent_noise
from quietscope.data.frames import Frames
from quietscope.data.patches import pad_to_patch
from quietscope.errors import CompressionError
from quietscope.methods.abilities import DECONVOLVED, DENOISED, DEVIATION
from quietscope.methods.base import LatentSpec
from quietscope.metrics import psnr
from quietscope.metrics.psnr import range_of
from quietscope.metrics.second_opinion import squared_error
from quietscope.wording import typed

NUM_JUDGED = 8
"""Number of boxes, cut from held-out frames, that models are judged on."""

SIDE, DEPTH, SIDE_3D = 256, 16, 128
TRIES = 8
"""Positions that are drawn for a box where pixels are missing; the one with most measured pixels is taken."""

NUM_SAMPLES = 20
"""Samples averaged for a method that samples; all models get the same latent noise, so few samples are enough."""

_PIXELS_AT_ONCE = 1 << 19
_ALIKE = 1024
"""Number of pixels of similar brightness that exchange their noise with one another."""

Array: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Kind: TypeAlias = Literal["clean", "opinion", "rehearsal"]


class Runner(Protocol):
    """A function that applies a model, independent of the library that runs the model."""

    def __call__(self, x: Array, noise: Mapping[str, Array]) -> dict[str, Array]:
        """Turn an image (1, C, *S) and noise by input name into images (K, C, *S) by output name; K is 1 without noise.

        The first output is the denoised image or its samples; a method that deconvolves has a second output.
        """


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Noisy images and the clean images that a model should make of them.

    Attributes:
        noisy: Noisy images (C, *S), intensity units, S multiples of the method's `size_multiple`.
        truth: Clean images of the same shapes and units.
        kind: "clean": the truth is the user's clean reference. "opinion": it is what another model gives, with the
            deviation of that, see `quietscope.compression.opinion_trial`. "rehearsal": it is the full model's estimate
            of held-out images, see `rehearsal`.
        known: Which pixels were measured, of the same shapes: the others are not judged. None where all were.
        width: Standard deviation of the truth, of the same shapes; None where it is certain.
    """

    noisy: tuple[Array, ...]
    truth: tuple[Array, ...]
    kind: Kind
    known: tuple[Mask, ...] | None = None
    width: tuple[Array, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The output of a model on the images of a trial, and its PSNR.

    Attributes:
        psnr: PSNR of the estimates against the truth, all images together, in dB; what is to be expected of it where
            the truth has a deviation.
        estimates: One denoised image (C, *S) per noisy image; for a method that samples, the mean over samples.
        deconvolved: One deconvolved image (C, *S) per noisy image; empty if the method does not deconvolve.
        deviation: Mean over all pixels of the standard deviation, intensity units; None if the method gives none.
        known: Which pixels count; None where all do.
    """

    psnr: float
    estimates: tuple[Array, ...]
    deconvolved: tuple[Array, ...]
    deviation: float | None
    known: tuple[Mask, ...] | None = None

    def loss(self, full: "Verdict") -> float:
        """Return the loss relative to the full model, in dB: ``PSNR(full, truth) - PSNR(this, truth)``."""
        return full.psnr - self.psnr

    def agreement(self, full: "Verdict") -> float:
        """Return the PSNR of the estimates against the full model's estimates, in dB."""
        return _psnr(self.estimates, full.estimates, self.known)

    def agreement_deconvolved(self, full: "Verdict") -> float | None:
        """Return the PSNR of the deconvolved images against the full model's, in dB; None if there are none."""
        return _psnr(self.deconvolved, full.deconvolved, self.known) if full.deconvolved else None


def held_out_boxes(
    frames: Frames, chosen: Sequence[int], size_multiple: Sequence[int], seed: int
) -> list[tuple[int, tuple[slice, ...]]]:
    """Choose the boxes of frames that models are judged on.

    Args:
        frames: The frames.
        chosen: Indices of the frames that neither fine-tuning nor calibration has seen.
        size_multiple: The size of a box is a multiple of this, per spatial axis.
        seed: Seed of the random positions.

    Returns:
        Index of the frame and box, for each; a frame smaller than a box is taken whole.
    """
    rng = np.random.default_rng(seed)
    sides = (SIDE, SIDE) if len(size_multiple) == 2 else (DEPTH, SIDE_3D, SIDE_3D)
    size = [-(-side // m) * m for side, m in zip(sides, size_multiple, strict=True)]
    boxes = []
    for n in range(NUM_JUDGED):
        index = chosen[n % len(chosen)]
        drawn = [_box(frames.spatial_shape(index), size, rng) for _ in range(TRIES if frames.has_gaps else 1)]
        measured = (lambda box, at=index: np.isfinite(frames.region(at, box)).sum()) if frames.has_gaps else None
        boxes.append((index, drawn[0] if measured is None else max(drawn, key=measured)))
    return boxes


def _box(shape: Sequence[int], size: Sequence[int], rng: np.random.Generator) -> tuple[slice, ...]:
    """Draw a box of a size in pixels in a frame of a shape (*S)."""
    starts = [int(rng.integers(max(1, a - p + 1))) for a, p in zip(shape, size, strict=True)]
    return tuple(slice(start, start + p) for start, p in zip(starts, size, strict=True))


def cut(frames: Frames, boxes: Sequence[tuple[int, tuple[slice, ...]]]) -> tuple[Array, ...]:
    """Read boxes from frames; a frame smaller than its box is padded by mirroring.

    Args:
        frames: The frames.
        boxes: Index of the frame and box, for each.

    Returns:
        One image (C, *S) per box, float32.
    """
    sizes = [tuple(part.stop - part.start for part in box) for _, box in boxes]
    read = (frames.region(index, box) for index, box in boxes)
    return tuple(pad_to_patch(block, size).astype(np.float32) for block, size in zip(read, sizes, strict=True))


def rehearsal(
    run: Runner,
    noisy: Sequence[Array],
    latents: Sequence[LatentSpec],
    seed: int,
    known: tuple[Mask, ...] | None = None,
) -> Trial:
    """Make noisy images with a known truth: the full model's estimates, with the removed noise reshuffled.

    This is the residual bootstrap (Efron, Annals of Statistics 7 (1979)) of a denoiser's error. Without a clean
    reference the error cannot be measured directly: the distance of an estimate from the noisy image includes the
    noise, and the difference of two such distances is biased, because both estimates depend on the same noise. Here the
    full model's estimate s = f(x) serves as the truth, and the removed noise, x - s, is exchanged among pixels of
    similar s. The new noise has the same distribution at every brightness, and neither model has seen it, so the error
    of both models against this truth can be measured. The estimate s is smoother than the real clean image; the full
    model's error is therefore smaller, and a small loss weighs more. Measured on W2S, rehearsed and true loss: U-Nets
    0.02 and 0.02, 0.10 and 0.03, 1.24 and 1.16, once -0.09 and 0.01 dB; HDN in int8 0.4 and 0.05 dB, far too strict.
    So it judges only where `quietscope.compression.opinion_trial` does not suit the noise.

    Two alternatives were rejected. Noise drawn from the noise model is wrong where few photons make the noise skewed,
    and half of the methods have no noise model. ``10 log10(1 + MSE(compressed, full) / MSE(full))`` requires the error
    of the full model, and assumes that the two errors are uncorrelated. A limit of the method used here: noise that is
    correlated between pixels is replaced by noise that is not.

    Args:
        run: Function that applies the full model.
        noisy: Held-out images (C, *S).
        latents: Shapes of the method's noise inputs.
        seed: Seed of the exchange.
        known: Which pixels were measured, of the images' shapes; None for all. The others exchange nothing.

    Returns:
        The trial, of kind "rehearsal".
    """
    truth = judge(run, Trial(noisy=tuple(noisy), truth=tuple(noisy), kind="rehearsal"), latents, seed).estimates
    rng = np.random.default_rng(seed)
    fresh = [np.empty_like(image) for image in truth]
    for channel in range(len(truth[0])):
        s = np.concatenate([image[channel].ravel() for image in truth])
        x = np.concatenate([image[channel].ravel() for image in noisy])
        order = np.argsort(s, kind="stable")
        if known is not None:
            order = order[np.concatenate([each[channel].ravel() for each in known])[order]]
        group = np.arange(len(order)) // _ALIKE
        exchanged = order[np.lexsort((rng.random(len(order)), group))]
        drawn = np.empty_like(s) if known is None else s.copy()
        drawn[order] = s[order] + (x - s)[exchanged]
        ends = np.cumsum([image[channel].size for image in truth])[:-1]
        for image, part in zip(fresh, np.split(drawn, ends), strict=True):
            image[channel] = part.reshape(image[channel].shape)
    return Trial(noisy=tuple(fresh), truth=truth, kind="rehearsal", known=known)


def judge(run: Runner, trial: Trial, latents: Sequence[LatentSpec], seed: int) -> Verdict:
    """Apply a model to the images of a trial; every model gets the same latent noise.

    Args:
        run: Function that applies the model.
        trial: The images.
        latents: Shapes of the model's noise inputs; empty for a point method.
        seed: Seed of the latent noise.

    Returns:
        The model's estimates and their PSNR.
    """
    found = [
        _estimate(run, image, latents, np.random.default_rng((seed, number)))
        for number, image in enumerate(trial.noisy)
    ]
    estimates = tuple(each.mean for each in found)
    deviations = [each.deviation for each in found if each.deviation is not None]
    return Verdict(
        psnr=_psnr(estimates, trial.truth, trial.known, trial.width),
        known=trial.known,
        estimates=estimates,
        deconvolved=tuple(each.deconvolved for each in found if each.deconvolved is not None),
        deviation=float(np.mean(deviations)) if deviations else None,
    )


def check_loss(costs: Mapping[str, float], allowed: float, kind: Kind = "clean") -> None:
    """Refuse a compression that loses too much.

    Args:
        costs: Loss that each step adds to the step before, in dB, by name of the step.
        allowed: Largest loss allowed for all steps together, in dB.
        kind: Kind of the trial. A rehearsal overestimates the loss of methods that sample, so the error then suggests
            judging by clean references.

    Raises:
        CompressionError: If all steps together lose more than `allowed`, or the loss is not a number.
    """
    total = sum(costs.values())
    if total <= allowed:
        return
    each = ", ".join(f"{step} cost {round(cost, 2) + 0.0:.2f} dB" for step, cost in costs.items())
    fixes = []
    if "pruning" in costs:
        fixes += [f"a smaller `{typed('share')}`", f"a longer `{typed('budget')}`"]
    if "int8" in costs:
        fixes.append(f"no `{typed(int8=True)}`")
    if kind == "rehearsal":
        fixes.append(f"`{typed(clean='clean.tif')}` to judge by")
    enough = float(f"{np.ceil(100 * total) / 100:g}") if np.isfinite(total) else total
    fixes.append(f"`{typed(max_loss_db=enough)}`" if np.isfinite(total) else f"another `{typed('backend')}`")
    raise CompressionError(f"at most {allowed:g} dB lost", f"{total:.2f} dB ({each})", "try " + " or ".join(fixes))


@dataclass(frozen=True, kw_only=True)
class _Estimate:
    mean: Array
    deconvolved: Array | None
    deviation: float | None


def _estimate(run: Runner, image: Array, latents: Sequence[LatentSpec], rng: np.random.Generator) -> _Estimate:
    if not latents:
        out = {name: images[0] for name, images in run(image[None], {}).items()}
        given = out.get(DEVIATION)
        return _Estimate(
            mean=out[DENOISED],
            deconvolved=out.get(DECONVOLVED),
            deviation=None if given is None else float(given.mean()),
        )
    total, squares = np.zeros(image.shape), np.zeros(image.shape)
    at_once = max(1, min(NUM_SAMPLES, _PIXELS_AT_ONCE // prod(image.shape[1:])))
    for first in range(0, NUM_SAMPLES, at_once):
        count = min(at_once, NUM_SAMPLES - first)
        [samples] = run(image[None], latent_noise(latents, image.shape[1:], count, rng)).values()
        total += samples.sum(axis=0, dtype=np.float64)
        squares += np.square(samples - image, dtype=np.float64).sum(axis=0)
    mean = total / NUM_SAMPLES
    variance = np.maximum(squares / NUM_SAMPLES - np.square(mean - image), 0.0)
    return _Estimate(mean=mean.astype(np.float32), deconvolved=None, deviation=float(np.sqrt(variance).mean()))


def _psnr(
    images: Sequence[Array],
    truths: Sequence[Array],
    known: Sequence[Mask] | None,
    widths: Sequence[Array] | None = None,
) -> float:
    """Return the PSNR of all images together, in dB, mean over channels; its intensity range is that of all truths."""
    channels = []
    for channel in range(len(truths[0])):
        image, truth = (_together(some, channel) for some in (images, truths))
        if known is not None:
            truth = np.where(_together(known, channel), truth, np.nan)
        if widths is None:
            channels.append(psnr(image, truth))
            continue
        error = float(np.nanmean(squared_error(image, truth, _together(widths, channel))))
        channels.append(10.0 * math.log10(range_of(truth[~np.isnan(truth)], None) ** 2 / error))
    return float(np.mean(channels))


def _together(images: Sequence[npt.NDArray[Any]], channel: int) -> npt.NDArray[Any]:
    """Return the pixels of a channel of all images, (P,); intensities in float64."""
    pixels = np.concatenate([each[channel].ravel() for each in images])
    return pixels if pixels.dtype == bool else pixels.astype(np.float64)
