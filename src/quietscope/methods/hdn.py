"""Hierarchical DivNoising: a ladder VAE whose likelihood is the microscope's noise model.

Prakash, Delbracio, Milanfar, Jug, "Interpretable Unsupervised Diversity Denoising and Artefact Removal", ICLR 2022,
arXiv 2104.01374.
"""

from collections.abc import Sequence
from typing import ClassVar, Self, final

from pydantic import Field, model_validator
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.base import Citation, Count, Encoding, Loss, MethodSettings
from quietscope.methods.hierarchical import LadderMethod
from quietscope.methods.likelihood import LikelihoodMethod
from quietscope.nn.conv import Activation
from quietscope.nn.ladder import Ladder, LadderShape
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.orientations import ALL_TURNS, FLIPS


class HDNSettings(MethodSettings):
    """Settings of HDN; the defaults are the published ones (7,301,697 parameters for one channel in 2-D).

    Attributes:
        spatial_dims: 2 for planes, 3 for volumes.
        filters: Filters of each level, finest first; each level halves Y and X.
        latent_channels: Latent channels of each level.
        blocks: Residual blocks per level, on the way up and on the way down.
        final_blocks: Residual blocks at full resolution after the last level.
        stem_filters: Filters at full resolution.
        z_halvings: In 3-D, how many of the first levels halve Z too.
        activation: Non-linearity.
        batch_norm: Batch normalisation.
        dropout: Channel dropout probability in training.
        gated: Gated residual blocks.
        stochastic_skip: Merge the top-down path past each latent.
        free_bits: KL in nats, per level and image, below which a level is not pressed.
        stabilize: Read and write images on the scale on which the noise model has one width everywhere, instead of
            in units of the images' mean and standard deviation; not published.
        deterministic_levels: For structured noise: levels whose posterior does not see the image; published (0, 1).
    """

    spatial_dims: int = Field(default=2, ge=2, le=3)
    filters: tuple[Count, ...] = (64,) * 6
    latent_channels: tuple[Count, ...] = (32,) * 6
    blocks: int = Field(default=5, ge=0)
    final_blocks: int = Field(default=5, ge=0)
    stem_filters: int = Field(default=64, ge=1)
    z_halvings: int = Field(default=0, ge=0)
    activation: Activation = "elu"
    batch_norm: bool = True
    dropout: float = Field(default=0.2, ge=0, lt=1)
    gated: bool = True
    stochastic_skip: bool = True
    free_bits: float = Field(default=1.0, ge=0)
    stabilize: bool = False
    deterministic_levels: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _levels_agree(self) -> Self:
        if len(self.filters) != len(self.latent_channels) or not self.filters:
            raise ValueError("filters and latent_channels must have one entry per level, and at least one level")
        if any(not 0 <= level < len(self.filters) - 1 for level in self.deterministic_levels):
            raise ValueError(f"deterministic_levels must lie below the top level, 0 to {len(self.filters) - 2}")
        return self

    @property
    def expects_correlation(self) -> bool:
        """Where low levels are closed to it."""
        return bool(self.deterministic_levels)

    @property
    def num_levels(self) -> int:
        """Levels of the ladder."""
        return len(self.filters)

    def ladder(self, channels: int) -> LadderShape:
        """Return the shape of the ladder for images of that many channels."""
        levels = range(len(self.filters))
        depth = [(2 if level < self.z_halvings else 1,) if self.spatial_dims == 3 else () for level in levels]
        return LadderShape(
            spatial_dims=self.spatial_dims,
            channels=channels,
            out_channels=channels,
            filters=self.filters,
            latent_channels=self.latent_channels,
            blocks=self.blocks,
            final_blocks=self.final_blocks,
            stem_filters=self.stem_filters,
            strides=tuple((*z, 2, 2) for z in depth),
            activation=self.activation,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            gate=self.activation if self.gated else None,
            stochastic_skip=self.stochastic_skip,
            deterministic_levels=self.deterministic_levels,
        )


@final
class HDN(LikelihoodMethod, LadderMethod):
    """HDN for images of given statistics and noise.

    Loss, in nats per pixel, with H W the pixels of a patch and C its channels:
    ``-mean log p(x|s) + mean_batch sum_levels max(free_bits, KL_level) / (C H W)``
    """

    name: ClassVar[str] = "hdn"
    settings_type: ClassVar[type[MethodSettings]] = HDNSettings
    citation: ClassVar[Citation | None] = Citation(
        "Prakash et al., Interpretable Unsupervised Diversity Denoising, ICLR 2022", "10.48550/arXiv.2104.01374"
    )
    settings: HDNSettings

    def __init__(self, settings: HDNSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models, settings.stabilize)
        self.ladder = Ladder(settings.ladder(statistics.num_channels))

    @property
    def orientations(self) -> tuple[int, ...]:
        """Flips alone where low levels are closed to structured noise, whose direction they keep."""
        return FLIPS if self.settings.deterministic_levels else ALL_TURNS

    def loss(self, x: Tensor) -> Loss:
        """Return the negative evidence lower bound of noisy patches (B, C, *S), equation 6 with free bits."""
        features = self.ladder.encode(self.to_network(x))
        out, divergences = self.ladder.decode_with_kl(features, self.ladder.draw_noise(x))
        nll = -self.log_likelihood(x, self.to_intensity(out)).mean()
        pixels = x[0].numel()
        kl = divergences.clamp(min=self.settings.free_bits).mean(dim=0).sum() / pixels
        terms = {"nll": nll.detach(), "kl": kl.detach()}
        return Loss(nll + kl, terms)

    def encode(self, x: Tensor) -> Encoding:
        """Run the bottom-up path on ``x`` (B, C, *S), S a multiple of `size_multiple`."""
        return self.ladder.encode(self.to_network(x))

    def finish(self, out: Tensor) -> Tensor:
        """Map the ladder's output to intensity units."""
        return self.to_intensity(out)
