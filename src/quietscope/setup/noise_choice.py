"""One noise model per channel, from what a user named: a file, a number, or what the images themselves say."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from quietscope.data.frames import Frames, spread
from quietscope.data.preparation import Notify
from quietscope.errors import NoiseError
from quietscope.noise import Gaussian, NoiseEstimate, NoiseModel, measure_noise
from quietscope.noise.noise_file import load_noise_model
from quietscope.noise.noise_spec import AutoNoise, BootstrapNoise, NoiseFile, SigmaNoise, parse_noise_spec
from quietscope.noise.signal_range import observed_range, range_note
from quietscope.wording import typed

MOST_FRAMES = 64
NOTEWORTHY_CORRELATION = 0.15

Bootstrap: TypeAlias = Callable[[Frames], Sequence[NoiseModel]]
"""Makes the noise model of every channel from noisy frames alone, at the cost of training a first denoiser."""


def choose_noise(
    text: str,
    frames: Frames,
    notify: Notify | None = None,
    bootstrap: Bootstrap | None = None,
    *,
    correlation_is_met: bool = False,
) -> list[NoiseModel]:
    """Make the noise model of every channel.

    Args:
        text: "auto", "bootstrap", "sigma=NUMBER" or a noise file; one for all channels, or one per channel separated by
            commas.
        frames: The noisy frames, looked at by "auto" and "bootstrap", and to see whether a file covers them.
        notify: Receives a note where the noise is correlated between neighbouring pixels, and where the images hold
            signals that a file's model was not fitted on.
        bootstrap: Called, once, where "bootstrap" is asked for.
        correlation_is_met: Whether the method deals with correlated noise, so that there is no need for a note.

    Returns:
        One noise model per channel.

    Raises:
        NoiseError: If the words, a file or the images cannot be used.
    """
    specs = [parse_noise_spec(part) for part in text.split(",")]
    if len(specs) not in (1, frames.num_channels):
        raise NoiseError(
            f"one noise model, or one for each of {frames.num_channels} channels",
            f"{len(specs)}",
            f"separate them by commas, e.g. `{typed(noise='c0.safetensors,c1.safetensors')}`",
        )
    specs = specs * (frames.num_channels // len(specs))
    made: Sequence[NoiseModel] = ()
    if any(isinstance(spec, BootstrapNoise) for spec in specs):
        assert bootstrap is not None
        made = bootstrap(frames)
    tell = notify or (lambda _: None)
    return [
        made[channel] if isinstance(spec, BootstrapNoise) else _one(spec, frames, channel, tell, correlation_is_met)
        for channel, spec in enumerate(specs)
    ]


def measure_channel(frames: Frames, channel: int) -> NoiseEstimate:
    """Estimate the noise of one channel blind, from at most 64 frames spread evenly."""
    chosen = [frames[n][channel] for n in spread(frames, MOST_FRAMES)]
    return measure_noise(chosen, has_gaps=frames.has_gaps)


def uncertainty_note(estimate: NoiseEstimate) -> str | None:
    """Return a line on noise that the images say too little of, or None where they say enough."""
    if not estimate.is_uncertain:
        return None
    places = f"{estimate.bins.count.sum():.0f} places of 3 x 3 pixels that are flat enough"
    return (
        f"These images say too little of their noise: in the dark it is known to {estimate.dark_error:.0%}, from "
        f"{places} and what is usual of cameras. Pass more or larger images, 64 x 64 pixels or more, or give the "
        f"noise: `{typed(noise='sigma=NUMBER')}`, or a file of `quietscope noise calibrate`."
    )


def correlation_note(estimate: NoiseEstimate) -> str | None:
    """Return a line on noise that is correlated between neighbours, or None where it is not."""
    x, y = estimate.correlation_x, estimate.correlation_y
    value, along, direction = max((x, "rows", "x"), (y, "columns", "y"))
    if value < NOTEWORTHY_CORRELATION:
        return None
    is_both = min(x, y) >= NOTEWORTHY_CORRELATION
    levels, dvlae = typed(method="hdn", deterministic_levels="auto"), typed(method="dvlae", direction=direction)
    fix = f"`{levels}`" if is_both else f"`{dvlae}`, in seconds `{typed(method='instant')}`"
    return (
        f"The noise is correlated along {'rows and columns' if is_both else along} (lag-1 correlation {value:.2f}): it "
        f"would be kept as if it were structure. Use {fix}, "
        f"or `{typed(method='auto')}`; `quietscope diagnose` shows why."
    )


def note_correlation(frames: Frames, method: str, notify: Notify) -> None:
    """Tell of correlated noise where a method without a noise model takes the noise to be independent.

    Args:
        frames: The noisy frames.
        method: Name of the method.
        notify: Receives one line for the first channel whose noise is correlated.
    """
    for channel in range(frames.num_channels):
        with suppress(NoiseError):  # images that are too small say nothing of their noise, and need not
            note = correlation_note(measure_channel(frames, channel))
            if note is not None:
                notify(f"{method} takes the noise to be independent from pixel to pixel. {note}")
                return


def _one(
    spec: AutoNoise | SigmaNoise | NoiseFile, frames: Frames, channel: int, tell: Notify, correlation_is_met: bool
) -> NoiseModel:
    if isinstance(spec, SigmaNoise):
        return Gaussian(spec.sigma)
    if isinstance(spec, NoiseFile):
        model = load_noise_model(spec.path)
        note = range_note(model, *observed_range(frames[n][channel] for n in spread(frames, MOST_FRAMES)))
        if note is not None:
            tell(f"{spec.path}: {note}")
        return model
    estimate = measure_channel(frames, channel)
    note = correlation_note(estimate)
    if note is not None and not correlation_is_met:
        tell(note)
    doubt = uncertainty_note(estimate)
    if doubt is not None:
        tell(doubt)
    return estimate.training_model
