"""DecoNoising: Noise2Void through the microscope's blur, which gives a deconvolved image along with the denoised one.

Goncharova, Honigmann, Jug, Krull, "Improving Blind Spot Denoising for Microscopy", ECCV Workshops 2020,
arXiv 2008.08414.
"""

from typing import ClassVar, Self, final

import torch
from pydantic import Field, FiniteFloat, model_validator
from torch import Tensor, nn

from quietscope.data.normalize import Statistics
from quietscope.data.patches import turned
from quietscope.errors import SettingsError, SizeError
from quietscope.methods.base import Count, Loss, MethodSettings, PsfMethod
from quietscope.methods.blind_spot import BlindSpotMethod, BlindSpotSettings, hide
from quietscope.methods.citation import Citation
from quietscope.methods.missing import split_gaps
from quietscope.methods.window import middle, middle_known
from quietscope.nn.convolve import convolve
from quietscope.nn.unet import Merge
from quietscope.psf.gaussian_psf import gaussian_psf
from quietscope.wording import typed


class DecoNoisingSettings(BlindSpotSettings):
    """Settings of DecoNoising in addition to those of a blind-spot U-Net; the preset `paper` has the published values.

    Attributes:
        output_scale: Factor on the output of the network, which then learns faster; published: 10.
        psf_sigma: Standard deviation of a Gaussian PSF in pixels, one number or one per spatial axis; used if no PSF is
            given to the method.
        psf_size: Size of the PSF given to the method, odd, in pixels per spatial axis; empty if none is given.
        positivity: Weight in the loss of deconvolved intensities below the background.
        total_variation: Weight in the loss of the deconvolved image's total variation.
        background: Intensity of a pixel without fluorescence; one number, or one per channel. Estimated from the images
            if None.
    """

    filters: Count = 64
    merge: Merge = "add"
    output_scale: float = Field(default=1.0, gt=0, le=1e6)
    psf_sigma: FiniteFloat | tuple[FiniteFloat, ...] = 1.0
    psf_size: tuple[Count, ...] = ()
    positivity: float = Field(default=1.0, ge=0, le=1e9)
    total_variation: float = Field(default=0.0, ge=0, le=1e9)
    background: FiniteFloat | tuple[FiniteFloat, ...] | None = None

    @property
    def sigmas(self) -> tuple[float, ...]:
        """`psf_sigma` of every spatial axis."""
        return (self.psf_sigma,) * self.spatial_dims if isinstance(self.psf_sigma, float) else self.psf_sigma

    @model_validator(mode="after")
    def _psf_is_one(self) -> Self:
        if len(self.sigmas) != self.spatial_dims or not min(self.sigmas) > 0:
            raise ValueError(f"psf_sigma must be one number above zero, or {self.spatial_dims}")
        if self.psf_size and (
            len(self.psf_size) != self.spatial_dims or any(n < 3 or n % 2 == 0 for n in self.psf_size)
        ):
            raise ValueError(f"psf_size must be {self.spatial_dims} odd numbers from 3 up")
        return self


@final
class DecoNoising(BlindSpotMethod, PsfMethod):
    """DecoNoising for images of given statistics and a known PSF.

    The network's output d is the deconvolved image; s = d * PSF is the denoised image. The loss, in units of the
    images' standard deviation, with b the background and every blind spot hidden from the network, is

    ``mean over blind spots of (x - d * PSF)^2 / std^2 + (w_pos mean|min(d - b, 0)| + w_TV TV(d)) / std``

    with ``TV(d) = mean |grad d|_1``. Augmentation turns a patch and the PSF in the same way. If the background is not
    given, it is a low quantile of local means (`Statistics.darkest`).
    """

    name: ClassVar[str] = "deconoising"
    settings_type: ClassVar[type[MethodSettings]] = DecoNoisingSettings
    citation: ClassVar[Citation | None] = Citation(
        "Goncharova et al., Improving Blind Spot Denoising, ECCVW 2020",
        "10.48550/arXiv.2008.08414",
        authors="Goncharova, Anna and Honigmann, Alf and Jug, Florian and Krull, Alexander",
        title="Improving Blind Spot Denoising for Microscopy",
        venue="ECCV Workshops",
    )
    settings: DecoNoisingSettings
    psf: Tensor
    background: Tensor

    def __init__(self, settings: DecoNoisingSettings, statistics: Statistics) -> None:
        super().__init__(settings, statistics)
        channels = statistics.num_channels
        if settings.psf_size:
            psf = torch.zeros(channels, *settings.psf_size)  # `show_psf` or a model file fills it in
        else:
            psf = torch.tensor(gaussian_psf(settings.sigmas).values)
            psf = psf.expand(channels, *psf.shape)
        self.register_buffer("psf", _square(psf).clone())
        background = statistics.darkest
        if settings.background is not None:
            background = _per_channel(settings.background, channels)
        self.register_buffer("background", background.float().clone())

    def show_psf(self, psf: Tensor) -> None:
        """Set the PSF, which must have the size `psf_size` of the settings.

        Args:
            psf: The PSF (C, *K), non-negative, the sum of each channel 1, centred in the array.
        """
        assert tuple(psf.shape[1:]) == self.settings.psf_size, (psf.shape, self.settings.psf_size)
        self.psf.copy_(_square(psf))

    @property
    def orientations(self) -> tuple[int, ...]:
        """The turns that the noise allows and that do not change the PSF; for other turns `loss` turns the PSF too."""
        return tuple(turn for turn in self.settings.turns if torch.equal(turned(self.psf, turn), self.psf))

    @property
    def reach(self) -> tuple[int, ...]:
        """How far the PSF reaches, in pixels per spatial axis."""
        return tuple(side // 2 for side in self.psf.shape[1:])

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse images that are smaller than the PSF.

        Raises:
            SizeError: If an image is smaller than the PSF along any axis.
        """
        sides = self.settings.psf_size or tuple(self.psf.shape[1:])
        if any(length < side for length, side in zip(size, sides, strict=True)):
            raise SizeError(
                f"images at least as large as the PSF, {' x '.join(map(str, sides))} pixels",
                f"one of {' x '.join(map(str, size))}",
                f"pass a smaller PSF with `{typed('psf')}`, or use larger images",
            )

    def loss(self, x: Tensor) -> Loss:
        """Return the loss of noisy patches (B, C, *S): equation 7 of the paper with positivity and total variation."""
        x, psf = self._turn(self.statistics.normalize(x))
        x, known = split_gaps(x, 0.0)
        num_channels = self.statistics.num_channels
        blinded, shown = hide(self.blind_spots, x, num_channels)
        d = self._network(shown)
        error = blinded.mean_square(convolve(d, psf), middle(x, num_channels), middle_known(known, num_channels))
        background = (self.background - self.statistics.mean) / self.statistics.std
        below = (d - background.reshape(1, -1, *[1] * self.spatial_dims)).clamp(max=0.0).abs().mean()
        total = error + self.settings.positivity * below
        terms = {"mse": error.detach(), "below": below.detach()}
        if self.settings.total_variation > 0:
            roughness = _total_variation(d)
            total = total + self.settings.total_variation * roughness
            terms["tv"] = roughness.detach()
        return Loss(total, terms)

    def deconvolve(self, x: Tensor) -> Tensor:
        """Run the U-Net on ``x`` (B, C, *S), intensity units in and out; no pixels are hidden."""
        return self.statistics.denormalize(self._network(self.statistics.normalize(x)))

    def blur(self, d: Tensor) -> Tensor:
        """Convolve d (B, C, *S) with the PSF; computed on the normalised scale, where float32 is most precise."""
        return self.statistics.denormalize(convolve(self.statistics.normalize(d), self.psf))

    def _network(self, x: Tensor) -> Tensor:
        """Return the deconvolved image (B, C, *S) of normalised pixels (B, W C, *S)."""
        out: Tensor = self.unet(x)
        return out if self.settings.output_scale == 1.0 else self.settings.output_scale * out

    def _turn(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Turn every patch at random, and the PSF (B, C, *K) with it, if `orientations` lacks turns of the settings."""
        allowed = self.settings.turns
        if len(self.orientations) == len(allowed):
            return x, self.psf
        chosen = [allowed[n] for n in torch.randint(len(allowed), (len(x),)).tolist()]
        patches = torch.stack([turned(patch, turn) for patch, turn in zip(x, chosen, strict=True)])
        return patches, torch.stack([turned(self.psf, turn) for turn in chosen])


def _per_channel(value: float | tuple[float, ...], channels: int) -> Tensor:
    values = (value,) if isinstance(value, float) else value
    if len(values) not in (1, channels):
        raise SettingsError(f"one background, or {channels}", f"{len(values)}", "give one background per channel")
    return torch.tensor(values).expand(channels)


def _square(psf: Tensor) -> Tensor:
    """Pad a PSF, (C, *K), with zeros to equal sides in Y and X, so that it can be transposed."""
    height, width = psf.shape[-2:]
    side = max(height, width)
    rows, columns = (side - height) // 2, (side - width) // 2
    return nn.functional.pad(psf, (columns, columns, rows, rows))


def _total_variation(d: Tensor) -> Tensor:
    """Return the mean over pixels of the absolute differences along all spatial axes, a scalar."""
    differences = [d.diff(dim=axis).abs().sum() for axis in range(2, d.ndim)]
    return torch.stack(differences).sum() / d.numel()
