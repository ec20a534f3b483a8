"""``quietscope noise calibrate``: a noise model from many frames of one static scene."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter

from quietscope.axes import Layout
from quietscope.cli.options import Axes, Flag, Mask, Output, Series, read_measured
from quietscope.cli.screen import Screen
from quietscope.data.measured import MeasuredArray, as_measured, gap_notes
from quietscope.errors import ChannelError, NoiseError, PixelError
from quietscope.io import Image
from quietscope.io.atomic import check_target
from quietscope.pipeline.files import files_per_channel

if TYPE_CHECKING:
    from quietscope.noise import NoiseModel

MODELS = ("gaussian-mixture", "histogram", "poisson-gaussian", "gaussian")
MOST_FRAMES = 64
"""Frames of the data that are looked at for their range."""


def noise_calibrate(
    frames: Annotated[Path, Parameter(help="Many frames of one static scene, e.g. a recording of a fixed sample.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Noise file, .safetensors; one per channel where there are more.")],
    model: Annotated[str, Parameter(help=f"{', '.join(MODELS[:-1])} or {MODELS[-1]}.")] = MODELS[0],
    data: Annotated[
        Path | None,
        Parameter(help="Image that is to be denoised: warns where the scene lacks its intensities. Default: none."),
    ] = None,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a noise file that exists.")] = False,
) -> None:
    """Measure the noise from many frames of one static scene, channel by channel.

    All axes but channels and space count frames; a stack with Z is a scene in 3-D.
    """
    from quietscope.noise.fitting import fit_noise
    from quietscope.noise.goodness import goodness_of_fit
    from quietscope.noise.noise_file import check_kind_fits, save_noise_model
    from quietscope.noise.static_scene import pairs_from_frames

    screen = Screen()
    if model not in MODELS:
        raise NoiseError(f"one of {', '.join(MODELS)}", repr(model), f"pass e.g. `--model {MODELS[0]}`")
    [scene] = read_measured([frames], axes, series, mask, screen.note)
    layout = scene.layout(3 if "Z" in scene.axes else 2)
    target = None if data is None else _target(data, layout, series, screen)
    files = files_per_channel(output, layout.num_channels)
    for path in files:
        check_kind_fits(path, model)
        check_target(path, overwrite)
    fitted, fits = [], []
    for channel in range(layout.num_channels):
        pairs = pairs_from_frames(_Channel.of(scene.data, layout, channel))
        fitted.append(fit_noise(model, pairs.signal, pairs.observation, clip=pairs.clip))
        fits.append(goodness_of_fit(fitted[-1], pairs.signal, pairs.observation, clip=pairs.clip))
        where = f"channel {channel}: " if layout.num_channels > 1 else ""
        for note in pairs.steadiness.notes():
            screen.note(where + note)
        if target is not None:
            _warn(screen, where, fitted[-1], target, channel, pairs.signal_range)
        screen.show(
            f"{where}{pairs.num_frames} frames, signals {pairs.signal_range[0]:.5g} to {pairs.signal_range[1]:.5g}, "
            f"correlation of neighbouring frames {pairs.steadiness.excess:+.4f} +- {pairs.steadiness.excess_error:.4f}"
        )
    for path, each, fit in zip(files, fitted, fits, strict=True):
        save_noise_model(path, each, overwrite=overwrite)
        screen.show(f"{path}: {each.describe()}")
        screen.show(f"  {fit.words()}")
    if len(files) > 1:
        screen.show(f"use them with --noise {','.join(map(str, files))}")


@dataclass(frozen=True)
class _Channel(Sequence[npt.NDArray[Any]]):
    """The frames of one channel, read one by one.

    Attributes:
        array: The recording.
        layout: Its layout.
        channel: Number of the channel.
        frames: Numbers of the frames of which some pixel was measured.
        known: Which pixels were measured in all of them; a frame is then flat. None where all were.
    """

    array: Any
    layout: Layout
    channel: int
    frames: Sequence[int]
    known: npt.NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, array: Any, layout: Layout, channel: int) -> "_Channel":
        """Find out which frames and pixels were measured, if not all.

        Raises:
            PixelError: If no pixel was measured in every frame.
        """
        whole = cls(array, layout, channel, range(layout.num_frames))
        if not isinstance(array, MeasuredArray):
            return whole
        frames, known = [], np.ones(layout.spatial_shape, dtype=bool)
        for number, frame in enumerate(whole):
            missing = np.isnan(frame)
            if not missing.all():
                frames.append(number)
                known &= ~missing
        if not known.any():
            raise PixelError(
                "pixels that were measured in every frame", "none", "record again, or leave out frames with gaps"
            )
        return cls(array, layout, channel, frames, None if known.all() else known)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: Any) -> Any:
        frame = self.layout.take(self.array, self.frames[index])[self.channel]
        return frame if self.known is None else frame[self.known]


def _target(path: Path, scene: Layout, series: int | str | None, screen: Screen) -> Image:
    """Open the image that is to be denoised, once it is known to have the scene's channels."""
    from quietscope.pipeline.inputs import open_beside

    image = as_measured(open_beside(path, None, series))
    for text in gap_notes([image]):
        screen.note(text)
    found = image.layout().num_channels
    if found != scene.num_channels:
        raise ChannelError(
            f"data of {scene.num_channels} channel(s), as the frames", f"{found}", "pass the images of that camera"
        )
    return image


def _warn(
    screen: Screen, where: str, model: "NoiseModel", image: Image, channel: int, fitted: tuple[float, float]
) -> None:
    from quietscope.noise.signal_range import observed_range, range_note

    layout = image.layout()
    numbers = np.unique(np.linspace(0, layout.num_frames - 1, MOST_FRAMES).astype(int))
    looked_at = (layout.take(image.data, int(n))[channel] for n in numbers)
    note = range_note(model, *observed_range(looked_at), fitted=fitted)
    if note is not None:
        screen.note(where + note)
