"""DVLAE (COSDD): a ladder VAE whose decoder learns the noise, either correlated along one axis or uncorrelated.

Salmon, Krull, "Unsupervised Denoising for Signal-Dependent and Row-Correlated Imaging Noise", WACV 2025,
arXiv 2310.07887.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self, final

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.errors import SettingsError
from quietscope.methods.base import AnnealedMethod, Count, Encoding, Loss, MethodSettings, Neighbours
from quietscope.methods.citation import Citation
from quietscope.methods.generative import LearnedNoiseMethod
from quietscope.methods.hierarchical import LadderMethod, LadderSettings, Levels, Nats, NumBlocks, Probability
from quietscope.methods.likelihood import LikelihoodMethod
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.scheduled import ScheduledMethod
from quietscope.methods.window import middle, middle_known
from quietscope.nn.autoregressive import CausalNetwork, CausalShape
from quietscope.nn.conv import Activation
from quietscope.nn.ladder import Ladder, LadderShape
from quietscope.nn.latent import Width
from quietscope.nn.pixel_mixture import PARAMETERS, PixelMixture
from quietscope.nn.sampler import sample_causally
from quietscope.nn.signal_decoder import SignalDecoder
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.orientations import ALL_TURNS, FLIP_X, FLIP_Y
from quietscope.wording import typed

Direction = Literal["x", "y", "z", "none"]
_LEAST_WIDTH = 1e-3
_AXIS_FROM_END: dict[str, int] = {"x": 1, "y": 2, "z": 3}
_TURNS = {"x": (0, FLIP_Y), "y": (0, FLIP_X)}
"""Turns and flips that keep the axis and the sense of the direction: the first pixel of a row stays the first."""


class DVLAESettings(LadderSettings):
    """Settings of DVLAE in addition to the settings of its ladder; the preset `paper` has the published values.

    Attributes:
        neighbours: Frames on each side of every frame that the encoder sees along with it.
        direction: The axis along which noise is correlated; "none" learns noise that is independent between pixels.
        code_channels: Channels of the code, at full resolution.
        halves: Whether each level halves Y and X.
        latent_width: Function that turns the network's output into the latents' standard deviations.
        kernel: Width of the noise decoder's convolutions, in pixels.
        dilations: Dilation of each convolution of the noise decoder, which sees ``(kernel - 1) * sum(dilations)``
            earlier pixels.
        noise_filters: Filters of the noise decoder.
        components: Number of Gaussians in the noise distribution of a pixel.
        component_width: Function that turns the noise decoder's output into the widths of these Gaussians.
        preactivated: Whether the blocks of the noise decoder activate their input; as published, they activate inside
            alone, and the first layer has an activation and a 1-wide convolution of its own.
        signal_filters: Filters of the signal decoder; as published, as many as the code has channels.
        decoder_activation: Non-linearity of the noise decoder and of the signal decoder; that of the ladder if None.
        final_conv: Whether a convolution ends the ladder; without one, `stem_filters` must equal `code_channels`.
        stabilize: Read images on a scale on which the noise has about the same standard deviation everywhere, start
            with Gaussians of that width, and weight the signal decoder's squared error by the noise's variance; not
            published. A rough estimate of the noise is enough: errors of the estimate slow training down, but do not
            change what is learnt.
        context_fade: Start and end, as shares of training, of the period in which earlier pixels fade in for the noise
            decoder; not published. A noise decoder that sees earlier pixels from the start explains the image alone,
            and the code stays empty.
    """

    neighbours: Neighbours = 0
    direction: Direction = "x"
    code_channels: Count = 128
    filters: Levels = (128,) * 14
    latent_channels: Levels = (64,) * 14
    halves: tuple[bool, ...] = (False, True) * 7
    blocks: NumBlocks = 1
    final_blocks: NumBlocks = 1
    stem_filters: Count = 128
    activation: Activation = "mish"
    dropout: Probability = 0.0
    latent_width: Width = "softplus"
    free_bits: Nats = 0.0
    kernel: int = Field(default=5, ge=2, le=99)
    dilations: tuple[Count, ...] = Field(default=(1, 1, 2, 1, 2, 1, 1, 1), min_length=1, max_length=64)
    noise_filters: Count = 64
    components: int = Field(default=5, ge=1, le=1000)
    component_width: Width = "exponential"
    preactivated: bool = True
    signal_filters: Count = 64
    decoder_activation: Activation | None = None
    final_conv: bool = True
    stabilize: bool = False
    context_fade: tuple[float, float] = (0.0, 0.0)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if len(self.halves) != self.num_levels:
            raise ValueError("filters, latent_channels and halves must have one entry per level")
        if not self.final_conv and self.stem_filters != self.code_channels:
            raise ValueError("without final_conv, the code has stem_filters channels: set code_channels to as many")
        if self.direction == "z" and self.spatial_dims == 2:
            raise ValueError(f"planes have no direction z: choose x or y, or denoise volumes with `{typed(dims=3)}`")
        if not 0 <= self.context_fade[0] <= self.context_fade[1] <= 1:
            raise ValueError("context_fade must be two shares in order, 0 to 1")
        return self

    @property
    def axis(self) -> int | None:
        """Index of the spatial axis of the direction, from 0; None for direction "none"."""
        return None if self.direction == "none" else self.spatial_dims - _AXIS_FROM_END[self.direction]

    @property
    def expects_correlation(self) -> bool:
        """Whether the noise has a direction."""
        return self.direction != "none"

    def ladder(self, channels: int) -> LadderShape:
        """Return the shape of the ladder for images with the given number of channels."""
        seen, width = (2 * self.neighbours + 1) * channels, self.latent_width
        return self.ladder_shape(seen, self.code_channels, self.halves, "tanh", width, final_conv=self.final_conv)

    def causal(self, channels: int) -> CausalShape:
        """Return the shape of the noise decoder for images with the given number of channels."""
        return CausalShape(
            spatial_dims=self.spatial_dims,
            axis=self.axis,
            channels=channels,
            code_channels=self.code_channels,
            filters=self.noise_filters,
            kernel=self.kernel,
            dilations=self.dilations,
            out_channels=PARAMETERS * self.components * channels,
            activation=self.decoder_activation or self.activation,
            preactivated=self.preactivated,
        )


@final
class DVLAE(LikelihoodMethod, LadderMethod, LearnedNoiseMethod, AnnealedMethod, ScheduledMethod):
    """DVLAE for images of given statistics.

    With the code c(z) that the ladder makes of its latents, i running along the direction, and N the number of values
    of a patch, the loss per value is
    ``mean_i -log p(x_i | c(z), x_<i) + w sum_levels max(free_bits, KL_level) / N + mean_i (x_i - s_i(c(z)))^2``.
    The last term trains only the signal decoder s, because the code is detached from its gradient; at the minimum of
    this term s is E[x|c].
    """

    name: ClassVar[str] = "dvlae"
    settings_type: ClassVar[type[MethodSettings]] = DVLAESettings
    citation: ClassVar[Citation | None] = Citation(
        "Salmon, Krull, Row-Correlated Imaging Noise, WACV 2025",
        "10.48550/arXiv.2310.07887",
        authors="Salmon, Benjamin and Krull, Alexander",
        title="Unsupervised Denoising for Signal-Dependent and Row-Correlated Imaging Noise",
        venue="Winter Conference on Applications of Computer Vision (WACV)",
    )
    aliases: ClassVar[tuple[str, ...]] = ("cosdd",)
    """The method's authors have called it COSDD since 2025."""
    settings: DVLAESettings
    grain: Tensor
    noise_width: Tensor
    context_share: Tensor

    def __init__(self, settings: DVLAESettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models, settings.stabilize)
        channels = statistics.num_channels
        self.ladder = Ladder(settings.ladder(channels))
        self.noise_decoder = CausalNetwork(settings.causal(channels))
        self.signal_decoder = SignalDecoder(
            settings.spatial_dims,
            settings.code_channels,
            channels,
            settings.signal_filters,
            settings.decoder_activation or settings.activation,
        )
        # The noise decoder has its own scale. The scale that the ladder reads is stretched far below the darkest
        # signal, so that the ladder can tell where an image is dark (1 dB on W2S after 2,000 steps); a noise density on
        # such a scale would need a long tail.
        self.noise_scale: Stabilizer | None = None
        if settings.stabilize:
            variances = [model.variance for model in noise_models]
            self.noise_scale = Stabilizer.of_variances(variances, statistics.quantiles, statistics.darkest)
        width = self._width_of_noise() if settings.stabilize else torch.ones(channels)
        self.register_buffer("noise_width", width)
        self.register_buffer("grain", statistics.grain.clone())
        self.register_buffer("kl_weight", torch.ones(()), persistent=False)
        self.register_buffer("context_share", torch.ones(()), persistent=False)

    @property
    def orientations(self) -> tuple[int, ...]:
        """Flips across the direction; all turns of the plane if the direction does not lie in the plane."""
        return _TURNS.get(self.settings.direction, ALL_TURNS)

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse images and patches shorter along the direction than the noise decoder's receptive field."""
        axis, reach = self.settings.axis, self.noise_decoder.shape.receptive_field
        if axis is not None and size[axis] <= reach:
            raise SettingsError(
                f"images and patches longer along {self.settings.direction} than the {reach} pixels that the noise "
                "decoder sees",
                f"{size[axis]}",
                f"choose another `{typed('direction')}`, or set `dilations: [1]`, or a larger `patch` (`patch_z`)",
            )

    def parts(self) -> tuple[list[nn.Parameter], ...]:
        """Parameters of the variational autoencoder and of the signal decoder, which share no gradients."""
        signal = list(self.signal_decoder.parameters())
        return [*self.ladder.parameters(), *self.noise_decoder.parameters()], signal

    @property
    def final_share(self) -> float:
        """Share of training from which on the noise decoder sees earlier pixels in full."""
        return max(self.settled_share, self.settings.context_fade[1])

    def advance(self, progress: float) -> None:
        """Set how strongly the noise decoder sees earlier pixels, by `context_fade`."""
        start, end = self.settings.context_fade
        share = 1.0 if progress >= end else max(0.0, progress - start) / max(end - start, _LEAST_WIDTH)
        self.context_share.fill_(share)

    def loss(self, x: Tensor) -> Loss:
        """Return the negative evidence lower bound of noisy patches (B, W C, *S), and the signal decoder's error."""
        x, known = split_gaps(x, self.statistics.mean)
        code, divergences = self.ladder.decode_with_kl(self.encode(x), self.ladder.draw_noise(x))
        num_channels = self.statistics.num_channels
        x, known = middle(x, num_channels), middle_known(known, num_channels)
        # Intensities come in steps (`grain`). Each is spread over its step by uniform noise, because the likelihood of
        # a density on single numbers would have no upper bound.
        grain = self.grain.reshape(1, -1, *[1] * self.spatial_dims)
        target = self._to_noise_scale(x + grain * (torch.rand_like(x) - 0.5))
        out = self.noise_decoder(self._to_noise_scale(x), code, self.context_share)
        nll = -mean_of_known(self._mixture(out).log_prob(target), known)
        kl = divergences.clamp(min=self.settings.free_bits).mean(dim=0).sum() / x[0].numel()
        signal = self._signal_error(x, known, code.detach())
        # The KL divergence for the log is measured without free bits, which would hide that a level is empty.
        spent = divergences.detach().mean(dim=0).sum() / x[0].numel()
        terms = {"nll": nll.detach(), "kl": spent, "signal": signal.detach()}
        bound = nll + self.kl_weight * kl
        return Loss(bound + signal, terms, (bound.detach(), signal.detach()))

    def encode(self, x: Tensor) -> Encoding:
        """Run the bottom-up path on ``x`` (B, C, *S), S a multiple of `size_multiple`."""
        return self.ladder.encode(self.to_network(x))

    def finish(self, out: Tensor) -> Tensor:
        """Decode the signal of a code."""
        return self.to_intensity(self.signal_decoder(out))

    def observe(self, latents: Sequence[Tensor], choice: Tensor, noise: Tensor) -> Tensor:
        """Draw a noisy image x ~ p(x | c(z)) (B, C, *S), one pixel after the other along the direction."""
        code = self.ladder.emit(latents)
        drawn = sample_causally(self.noise_decoder, self._mixture, code, choice, noise)
        return self.statistics.denormalize(drawn) if self.noise_scale is None else self.noise_scale.inverse(drawn)

    def _to_noise_scale(self, x: Tensor) -> Tensor:
        return self.statistics.normalize(x) if self.noise_scale is None else self.noise_scale(x.float())

    def _mixture(self, out: Tensor) -> PixelMixture:
        return PixelMixture.of(out, self.noise_width, self.settings.component_width)

    def _signal_error(self, x: Tensor, known: Tensor | None, code: Tensor) -> Tensor:
        """Return the squared error of the decoded signal, in units of the images' variance or the noise's variance."""
        s = self.to_intensity(self.signal_decoder(code))
        if self.settings.stabilize:
            return -mean_of_known(self.log_likelihood(x, s), known)
        return mean_of_known((self.statistics.normalize(x) - self.statistics.normalize(s)).square(), known)

    def _width_of_noise(self) -> Tensor:
        """Return the noise's standard deviation on the noise decoder's scale, (C,), from signal +- half a deviation."""
        signal = self.statistics.quantiles
        deviation = torch.stack([model.variance(signal[c]).sqrt() for c, model in enumerate(self.channel_noise)])
        up, down = (self._to_noise_scale((signal + sign * deviation)[None])[0] for sign in (0.5, -0.5))
        return (up - down).median(dim=1).values.clamp(min=_LEAST_WIDTH).detach()
