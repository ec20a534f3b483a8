"""From the words a user gave for the noise to one noise model per channel."""

from quietscope.data.frames import Frames
from quietscope.data.preparation import Notify, spread
from quietscope.errors import NoiseError
from quietscope.noise import Gaussian, NoiseEstimate, NoiseModel, measure_noise
from quietscope.store.noise_file import NoiseFile, NoiseSpec, SigmaNoise, load_noise_model, parse_noise_spec

MOST_FRAMES = 64
NOTEWORTHY_CORRELATION = 0.15


def choose_noise(text: str, frames: Frames, notify: Notify | None = None) -> list[NoiseModel]:
    """Make the noise model of every channel.

    Args:
        text: "auto", "sigma=NUMBER" or a noise file; one for all channels, or one per channel separated by commas.
        frames: The noisy frames, looked at by "auto" alone.
        notify: Receives a note where the noise is correlated between neighbouring pixels.

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
            "separate them by commas, e.g. `--noise c0.safetensors,c1.safetensors`",
        )
    specs = specs * (frames.num_channels // len(specs))
    return [_one(spec, frames, channel, notify) for channel, spec in enumerate(specs)]


def measure_channel(frames: Frames, channel: int) -> NoiseEstimate:
    """Estimate the noise of one channel blind, from at most 64 frames spread evenly."""
    return measure_noise([frames[n][channel] for n in spread(frames, MOST_FRAMES)])


def correlation_note(estimate: NoiseEstimate) -> str | None:
    """Return a line on noise that is correlated between neighbours, or None where it is not."""
    strongest = max((estimate.correlation_x, "rows"), (estimate.correlation_y, "columns"))
    if strongest[0] < NOTEWORTHY_CORRELATION:
        return None
    return (
        f"The noise is correlated along {strongest[1]} (lag-1 correlation {strongest[0]:.2f}): plain HDN would keep it "
        "as if it were structure. Put `network: {deterministic_levels: [0, 1]}` into a file and pass it with --config."
    )


def _one(spec: NoiseSpec, frames: Frames, channel: int, notify: Notify | None) -> NoiseModel:
    if isinstance(spec, SigmaNoise):
        return Gaussian(spec.sigma)
    if isinstance(spec, NoiseFile):
        return load_noise_model(spec.path)
    estimate = measure_channel(frames, channel)
    note = correlation_note(estimate)
    if note is not None and notify is not None:
        notify(note)
    return estimate.model
