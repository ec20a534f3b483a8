"""An answer in seconds: a denoiser of Gaussian noise that was trained once, behind a scale learnt from the image.

Herbreteau, Unser, "Self-Calibrated Variance-Stabilizing Transformations for Real-World Image Denoising" (Noise2VST),
ICCV 2025, arXiv 2407.17399: noise of any variance is brought to the same width by a transform with some hundred
parameters, which are learnt from the noisy image alone; a denoiser that only ever saw Gaussian noise does the rest.
Beyond the publication, noise may be correlated along one axis, which the denoiser is told.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, final

import torch
from pydantic import Field, model_validator
from torch import Tensor

from quietscope.data.bent_scale import BentScale
from quietscope.data.hidden_pixels import BlindSpots, Replacement, mean_of_neighbours
from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.methods.accumulating import AccumulatingMethod, AccumulatingSettings
from quietscope.methods.base import Loss, MethodSettings
from quietscope.methods.citation import Citation
from quietscope.methods.mean_keeping import MeanKeepingMethod
from quietscope.methods.missing import split_gaps
from quietscope.methods.pretrained import HiddenErrors, PretrainedMethod
from quietscope.nn.row_noise import correlated
from quietscope.nn.unit_noise import UnitNoiseShape
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.orientations import ALL_TURNS, FLIPS
from quietscope.weights import unit_noise_weights

MOST_APART = 10.0
"""Largest difference, in widths of the noise, between a hidden pixel and its prediction that a variance learns from."""
LEAK = 0.1
"""Correlation of neighbours above which a curve learnt from hidden pixels does harm: it keeps noise."""

Correlation: TypeAlias = Annotated[float, Field(ge=-1, le=1)]


class InstantSettings(AccumulatingSettings):
    """Settings of `Instant`.

    Attributes:
        spatial_dims: As for `AccumulatingSettings`.
        widths: Likewise. A network of another shape than the one that comes trained starts from random weights.
        blocks: Likewise.
        learns: What training changes: the "curve" alone, some hundred numbers, or the "network" with it.
        pieces: Pieces of the curve, a power of 2.
        masked_share: Share of the pixels that are hidden from the network in training.
        window: Side of the window that replacements of hidden pixels come from, in pixels, odd.
        replacement: What hidden pixels are replaced by, see `quietscope.data.hidden_pixels`.
        direction: Axis along which the noise is correlated.
        correlation: Correlation of the noise along it, at the distances `LAGS` of `quietscope.nn.unit_noise`. From
            `LEAK` between neighbours on nothing is learnt: a hidden pixel's noise is seen in the pixels beside it.
    """

    learns: Literal["curve", "network"] = "curve"
    pieces: Literal[8, 16, 32, 64, 128, 256] = 64
    masked_share: float = Field(default=1 / 16, gt=0, le=0.25)
    window: int = Field(default=3, ge=3, le=99)
    replacement: Replacement = "median"
    direction: Literal["none", "x", "y"] = "none"
    correlation: tuple[Correlation, Correlation, Correlation, Correlation] = (0.0, 0.0, 0.0, 0.0)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.window % 2 == 0:
            raise ValueError("window must be odd, so that it has a middle")
        if any(self.correlation) and self.direction == "none":
            raise ValueError("correlation needs a direction, x or y")
        if self.learns == "network" and self.leaks:
            raise ValueError(f"hidden pixels teach a network only where neighbours have a correlation below {LEAK}")
        return self

    @property
    def expects_correlation(self) -> bool:
        """Whether the network is told of a correlation."""
        return any(self.correlation)

    @property
    def leaks(self) -> bool:
        """Whether the noise of a pixel is seen in those beside it, so that hiding it is in vain."""
        return self.correlation[0] >= LEAK

    @property
    def comes_trained(self) -> bool:
        """Whether hidden pixels, which all learning is from, are in vain."""
        return self.leaks


@final
class Instant(AccumulatingMethod, PretrainedMethod, MeanKeepingMethod):
    """The denoiser f of Gaussian noise behind the stabilised scale T of a noise model, bent by a curve g.

    ``s = h^{-1}(f(g(T(x))))``, with ``h(s) = E[g(T(x)) | s]`` under the noise model

    The loss is that of hidden pixels, in units of the noise: ``mean over blind spots of (x - s)^2 / v(s)``, with the
    noise model's variance v. The network also gives the variance of its error, which it learnt with the rest.
    """

    name: ClassVar[str] = "instant"
    settings_type: ClassVar[type[MethodSettings]] = InstantSettings
    citation: ClassVar[Citation | None] = Citation(
        "Herbreteau, Unser, Self-Calibrated Variance-Stabilizing Transformations for Real-World Image Denoising, "
        "ICCV 2025",
        url="https://arxiv.org/abs/2407.17399",
        authors="Herbreteau, S{\\'e}bastien and Unser, Michael",
        title="Self-Calibrated Variance-Stabilizing Transformations for Real-World Image Denoising",
        venue="International Conference on Computer Vision (ICCV)",
    )
    aliases: ClassVar[tuple[str, ...]] = ("noise2vst",)
    settings: InstantSettings
    correlation: Tensor

    def __init__(self, settings: InstantSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models)
        variances = [model.variance for model in noise_models]
        stabilizer = Stabilizer.of_variances(variances, statistics.quantiles, statistics.darkest, unit="noise")
        self.scale = BentScale(stabilizer, statistics.quantiles, self._sample, settings.pieces)
        self.register_buffer("correlation", torch.tensor([settings.correlation]), persistent=False)
        if settings.shape == UnitNoiseShape():
            self.network.load_state_dict(unit_noise_weights(), assign=True)  # also where nothing is real
        self.network.requires_grad_(settings.learns == "network")
        self.scale.requires_grad_(not settings.leaks)
        self.blind_spots = BlindSpots(
            spatial_dims=settings.spatial_dims,
            share=settings.masked_share,
            window=settings.window,
            replacement=settings.replacement,
        )

    @property
    def orientations(self) -> tuple[int, ...]:
        """All turns, or those that leave the noise along its axis."""
        return ALL_TURNS if self.settings.direction == "none" else FLIPS

    def loss(self, x: Tensor) -> Loss:
        """Return the squared error at the blind spots of noisy patches (B, C, *S), in units of the noise.

        Where the network learns, so does the variance w of its error: ``log(1 + w) + e^2 / (1 + w)``, halved, is added,
        the negative log-likelihood of the difference e between hidden and predicted pixels on the bent scale; e is 10
        at most.
        """
        x, known = split_gaps(x, self.statistics.mean)
        blinded = self.blind_spots.apply(x.float())
        shown = self.to_network(blinded.pixels)
        planes, log_variance = self.network.moments(self.as_planes(shown), self.correlation)
        out = self.as_image(planes, shown.shape)
        s = blinded.at_spots(self.to_intensity(out))
        error = blinded.mean((blinded.at_spots(x.float()) - s).square() / self.variance_at(s), known)
        total = error
        if self.settings.learns == "network":
            apart = blinded.at_spots(self.to_network(x) - out).detach().clamp(-MOST_APART, MOST_APART).square()
            variance = 1.0 + blinded.at_spots(self.as_image(log_variance, shown.shape)).exp()
            total = error + 0.5 * blinded.mean(apart / variance + variance.log(), known)
        return Loss(total, {"mse": error.detach()})

    def hidden_errors(self, x: Tensor) -> HiddenErrors | None:
        """Predict hidden pixels of noisy patches (B, C, *S) by the network, and by the mean of the pixels around."""
        if self.settings.leaks:
            return None
        x, known = split_gaps(x, self.statistics.mean)
        blinded = self.blind_spots.apply(x.float())
        observed, s = blinded.at_spots(x.float()), blinded.at_spots(self.predict(blinded.pixels))
        mean = blinded.at_spots(mean_of_neighbours(x.float()))
        counts = blinded.weight[:, None].expand_as(s)
        counts = counts if known is None else counts * blinded.at_spots(known)
        weight = counts / self.variance_at(s) / counts.sum(dim=(1, 2), keepdim=True).clamp(min=1.0)
        own, neighbours = (((observed - each).square() * weight).sum(dim=(1, 2)) for each in (s, mean))
        return HiddenErrors(own, neighbours)

    @property
    def told(self) -> Tensor:
        """The correlation of the settings."""
        return self.correlation

    def as_noise(self, white: Tensor) -> Tensor:
        """Return white noise (B, C, *S) with the correlation of the settings."""
        if not self.settings.expects_correlation:
            return white
        planes = self.as_planes(white)
        return self.as_image(correlated(planes, self.correlation[0]), white.shape)

    def to_network(self, x: Tensor) -> Tensor:
        """Map intensities (B, C, *S) to the bent scale, on which noise has a standard deviation of 1."""
        out: Tensor = self.scale(x)
        return out

    def to_intensity(self, out: Tensor) -> Tensor:
        """Map means on the bent scale (B, C, *S) to the signals that cause them."""
        return self.scale.inverse(out)

    def shift_signal(self, gain: Tensor, offset: Tensor) -> None:
        """Have every signal s become ``gain s + offset``."""
        self.scale.signal.move(gain, offset)

    def as_planes(self, u: Tensor) -> Tensor:
        """Return channels and planes one by one, (N, 1, Y, X); where noise runs along columns, these as rows."""
        return self._along_rows(super().as_planes(u))

    def as_image(self, planes: Tensor, shape: torch.Size) -> Tensor:
        """Put planes together again, to an image of the given shape."""
        return super().as_image(self._along_rows(planes), shape)

    def _along_rows(self, planes: Tensor) -> Tensor:
        return planes.transpose(-1, -2) if self.settings.direction == "y" else planes

    def _sample(self, signal: Tensor) -> Tensor:
        """Draw noisy intensities for every signal (C, J, M).

        Every signal gets the same random numbers, and their mean is made that of the noise model: the way back then
        has neither the jitter of few draws nor their bias.
        """
        return torch.stack([_draw(model, signal[c]) for c, model in enumerate(self.channel_noise)])


def _draw(model: NoiseModel, signal: Tensor) -> Tensor:
    drawn = torch.stack([model.sample(each, torch.Generator().manual_seed(0)) for each in signal])
    return drawn + (model.mean(signal) - drawn).mean(dim=1, keepdim=True)
