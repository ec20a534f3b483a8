"""A denoised image: what was asked for, what is known of it, and how it is saved, looked at, compared and handed on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quietscope.errors import SettingsError
from quietscope.io import Image, ImageSource, write_image
from quietscope.io.details import NO_DETAILS, Details
from quietscope.metrics.unexplained import NOT_TESTED, Unexplained
from quietscope.metrics.verdict import USABLE, Verdict
from quietscope.model.trained import Pixels
from quietscope.tiling.kinds import kind_of, with_leading

if TYPE_CHECKING:
    from quietscope.model.comparison import Comparison


@dataclass(frozen=True, kw_only=True, repr=False)
class Result:
    """A denoised image.

    Attributes:
        estimates: Every result by its kind, see `quietscope.tiling.kinds`; float32, shape and axes of the input,
            intensity units, with a leading axis for quantiles and samples.
        probabilities: Which quantiles these are.
        axes: Axes of the input, and of all results behind their leading axis.
        pixel_size_um: Pixel size by axis, in micrometres, where the input names it.
        channel_names: Channel names, where the input has them.
        frame_interval_s: Seconds between time points, where the input names them.
        details: What else the input tells, such as colours, see `quietscope.io.details`.
        verdict: What the result is worth, as far as that can be known without a reference.
        unexplained: Regions where what was removed is no noise, or something was made up, see
            `quietscope.metrics.unexplained`.
        noisy: The input itself, whose pixels are not copied: a file is read again where they are shown; None where
            it is not known.
        method: Name of the method.
        num_samples: How many independent samples the deviation was made of; None for one that was computed.
    """

    estimates: Mapping[str, Pixels]
    probabilities: tuple[float, ...] = ()
    axes: str
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    frame_interval_s: float | None = None
    details: Details = NO_DETAILS
    verdict: Verdict = USABLE
    unexplained: Unexplained = NOT_TESTED
    noisy: Image | None = field(default=None, compare=False)
    method: str = ""
    num_samples: int | None = None

    @property
    def image(self) -> Pixels:
        """The estimate that was asked for: the most probable image, or else the mean."""
        return self.mean if self.map is None else self.map

    @property
    def mean(self) -> Pixels:
        """Mean of the posterior samples, the estimate of least mean squared error, or a point method's one answer."""
        return self.estimates["mean"]

    @property
    def std(self) -> Pixels | None:
        """Standard deviation at every pixel, how sure the model is; None of a method that gives one image alone."""
        return self.estimates.get("std")

    @property
    def map(self) -> Pixels | None:
        """The most probable image; None where it was not asked for."""
        return self.estimates.get("map")

    @property
    def deconvolved(self) -> Pixels | None:
        """The image without the microscope's blur; None of a method that does not give it."""
        return self.estimates.get("deconvolved")

    @property
    def quantiles(self) -> Pixels | None:
        """Quantiles of the samples, one per entry of `probabilities`; None where they were not asked for."""
        return self.estimates.get("quantiles")

    def save(self, path: str | os.PathLike[str], kind: str | None = None, *, overwrite: bool = False) -> None:
        """Write a result with all that is known of the image: pixel size, interval, names, colours.

        Args:
            path: File or folder; its ending picks the format.
            kind: Which of `estimates`; `image` if None.
            overwrite: Whether an existing file may be replaced.

        Raises:
            SettingsError: If there is no result of this kind.
            OutputError: If it cannot be written, or exists and `overwrite` is false.
        """
        pixels = self.pixels(kind)
        details = self.details if kind is None else kind_of(kind).details_of(self.details)
        is_quantiles = kind is not None and kind_of(kind).per == "probability"
        write_image(
            path,
            pixels,
            with_leading(self.axes) if pixels.ndim > len(self.axes) else self.axes,
            pixel_size_um=self.pixel_size_um,
            channel_names=self.channel_names,
            frame_interval_s=self.frame_interval_s,
            details=details.of_quantiles(self.probabilities) if is_quantiles else details,
            overwrite=overwrite,
        )

    def pixels(self, kind: str | None = None) -> Pixels:
        """Return a result by its kind.

        Args:
            kind: Which of `estimates`; `image` if None.

        Raises:
            SettingsError: If there is no result of this kind.
        """
        if kind is not None and kind not in self.estimates:
            raise SettingsError(" or ".join(self.estimates), f"kind {kind!r}", f"ask for it with `also=[{kind!r}]`")
        return self.image if kind is None else self.estimates[kind]

    def show(self, *, frame: int | None = None, channel: int = 0) -> Any:
        """Draw the noisy image beside the denoised one and the deviation, as far as they are known.

        Args:
            frame: Number of the plane, counted along all axes but channels, Y and X; the one in the middle if None.
            channel: Number of the channel.

        Returns:
            A Matplotlib figure, which notebooks show; elsewhere ``figure.savefig("cells.png")``. The noisy and the
            denoised image are shown in one range of intensities, the 0.5th to the 99.8th percentile of the latter.

        Raises:
            SizeError: If there is no such frame or channel.
        """
        from quietscope.model.result_figure import figure_of

        return figure_of(self, frame, channel)

    def compare(self, clean: ImageSource, *, axes: str | None = None, series: int | str | None = None) -> "Comparison":
        """Compare with a clean reference: PSNR, SSIM, and how often the intervals of the deviation hold it.

        Args:
            clean: The reference: a path, an array or an `Image`, of the shape of the input.
            axes: Its axes where it does not name them; an array's are those of the result if None.
            series: Which image of a file that holds several.

        Returns:
            The figures, channel by channel; printed or shown in a notebook they are a table.

        Raises:
            SizeError: If it is of another shape, or too small for SSIM.
            PixelError: If a plane of it is constant.
        """
        from quietscope.model.comparison import compare

        return compare(self, clean, axes=axes, series=series)

    def to_xarray(self, kind: str | None = None) -> Any:
        """Return a result as an `xarray.DataArray`, which shares its pixels.

        Args:
            kind: Which of `estimates`; `image` if None.

        Returns:
            The array: dims are the letters of `axes`, after ``sample`` or ``quantile`` where it has one of these;
            coordinates are micrometres along X, Y and Z where the pixel size is known, seconds along T where the
            interval is, names of channels and probabilities of quantiles. Its attributes are units, method and version.

        Raises:
            SettingsError: If there is no result of this kind, or xarray is not installed.
        """
        from quietscope.model.labelled import labelled

        return labelled(self, kind)

    def __repr__(self) -> str:
        from quietscope.model.shown_result import shown_result

        return shown_result(self)

    def _repr_html_(self) -> str:
        from quietscope.model.shown_result import shown_result_as_html

        return shown_result_as_html(self)
