"""Hierarchical DivNoising: a ladder VAE whose likelihood is the microscope's noise model.

Prakash, Delbracio, Milanfar, Jug, "Interpretable Unsupervised Diversity Denoising and Artefact Removal", ICLR 2022,
arXiv 2104.01374.
"""

from collections.abc import Sequence
from typing import ClassVar, Self, final

from pydantic import model_validator
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.base import Count, Encoding, Loss, MethodSettings, Neighbours
from quietscope.methods.blind_first import BlindFirstMethod, BlindFirstSettings
from quietscope.methods.citation import Citation
from quietscope.methods.hierarchical import LadderMethod, LadderSettings, Levels, Nats, NumBlocks, Probability
from quietscope.methods.likelihood import LikelihoodMethod
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.window import middle, middle_known
from quietscope.nn.conv import Activation
from quietscope.nn.ladder import Ladder, LadderShape
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.orientations import ALL_TURNS, FLIPS


class HDNSettings(LadderSettings, BlindFirstSettings):
    """Settings of HDN beside those of its ladder and `blind_share`; each level halves Y and X.

    The defaults are the published values (7,301,697 parameters for one channel in 2-D).

    Attributes:
        stabilize: Read and write images on a scale on which the noise has the same standard deviation everywhere,
            instead of in units of the images' mean and standard deviation; not published.
        neighbours: Frames on each side of every frame that the encoder sees along with it.
        deterministic_levels: For structured noise: levels whose posterior does not see the image; published (0, 1).
    """

    filters: Levels = (64,) * 6
    latent_channels: Levels = (32,) * 6
    blocks: NumBlocks = 5
    final_blocks: NumBlocks = 5
    stem_filters: Count = 64
    activation: Activation = "elu"
    dropout: Probability = 0.2
    free_bits: Nats = 1.0
    stabilize: bool = False
    neighbours: Neighbours = 0
    deterministic_levels: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _top_level_sees_the_image(self) -> Self:
        if any(not 0 <= level < self.num_levels - 1 for level in self.deterministic_levels):
            raise ValueError(f"deterministic_levels must lie below the top level, 0 to {self.num_levels - 2}")
        if self.deterministic_levels and self.blind_share:
            raise ValueError("hidden pixels show correlated noise: set blind_share to 0 with deterministic_levels")
        return self

    @property
    def expects_correlation(self) -> bool:
        """Whether the posterior of some levels does not see the image (`deterministic_levels`)."""
        return bool(self.deterministic_levels)

    def ladder(self, channels: int) -> LadderShape:
        """Return the shape of the ladder for images with the given number of channels."""
        halves = (True,) * self.num_levels
        return self.ladder_shape(
            (2 * self.neighbours + 1) * channels,
            channels,
            halves,
            self.activation,
            deterministic_levels=self.deterministic_levels,
        )


@final
class HDN(LikelihoodMethod, LadderMethod, BlindFirstMethod):
    """HDN for images of given statistics and noise.

    Loss, in nats per pixel, with H W the pixels of a patch and C its channels:
    ``-mean log p(x|s) + w mean_batch sum_levels max(free_bits, KL_level) / (C H W)``
    The weight w is 1 except after a blind part of training, see `BlindFirstMethod`.
    """

    name: ClassVar[str] = "hdn"
    settings_type: ClassVar[type[MethodSettings]] = HDNSettings
    citation: ClassVar[Citation | None] = Citation(
        "Prakash et al., Interpretable Unsupervised Diversity Denoising, ICLR 2022",
        "10.48550/arXiv.2104.01374",
        authors="Prakash, Mangal and Delbracio, Mauricio and Milanfar, Peyman and Jug, Florian",
        title="Interpretable Unsupervised Diversity Denoising and Artefact Removal",
        venue="International Conference on Learning Representations (ICLR)",
    )
    settings: HDNSettings

    def __init__(self, settings: HDNSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> None:
        super().__init__(settings, statistics, noise_models, settings.stabilize)
        self.ladder = Ladder(settings.ladder(statistics.num_channels))

    @property
    def orientations(self) -> tuple[int, ...]:
        """Only flips with `deterministic_levels`, because flips keep the direction of structured noise; else all."""
        return FLIPS if self.settings.deterministic_levels else ALL_TURNS

    def loss(self, x: Tensor) -> Loss:
        """Return the negative evidence lower bound of noisy patches (B, W C, *S), equation 6 with free bits."""
        x, known = split_gaps(x, self.statistics.mean)
        if self.is_blind:
            return self.blind_loss(x, known)
        features = self.ladder.encode(self.to_network(x))
        out, divergences = self.ladder.decode_with_kl(features, self.ladder.draw_noise(x))
        s, num_channels = self.to_intensity(out), self.statistics.num_channels
        nll = -mean_of_known(self.log_likelihood(middle(x, num_channels), s), middle_known(known, num_channels))
        pixels = s[0].numel()
        kl = divergences.clamp(min=self.settings.free_bits).mean(dim=0).sum() / pixels
        terms = {"nll": nll.detach(), "kl": kl.detach()}
        return Loss(nll + self.warmth * kl, terms)

    def mean_image(self, seen: Tensor) -> Tensor:
        """Run the ladder with every latent at the mean of its posterior, on the network's scale."""
        return self.ladder.decode_means(self.ladder.encode(seen))

    def encode(self, x: Tensor) -> Encoding:
        """Run the bottom-up path on ``x`` (B, C, *S), S a multiple of `size_multiple`."""
        return self.ladder.encode(self.to_network(x))

    def finish(self, out: Tensor) -> Tensor:
        """Map the ladder's output to intensity units."""
        return self.to_intensity(out)
