"""DivNoising: a variational autoencoder whose likelihood is the microscope's noise model.

Prakash, Krull, Jug, "Fully Unsupervised Diversity Denoising with Convolutional Variational Autoencoders", ICLR 2021,
arXiv 2006.06072.
"""

from collections.abc import Sequence
from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Tensor

from quietscope.data.normalize import Statistics
from quietscope.methods.base import (
    AnnealedMethod,
    Blocks,
    Count,
    Depth,
    Encoding,
    Halvings,
    LatentSpec,
    Loss,
    MethodSettings,
    Neighbours,
)
from quietscope.methods.blind_first import BlindFirstMethod, BlindFirstSettings
from quietscope.methods.citation import Citation
from quietscope.methods.generative import GenerativeMethod, Latents
from quietscope.methods.likelihood import LikelihoodMethod
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.window import middle, middle_known
from quietscope.nn.conv import Activation
from quietscope.nn.latent import GaussianLatent, gaussian_kl
from quietscope.nn.vae import VAE, VAEShape
from quietscope.noise.noise_model import NoiseModel


class DivNoisingSettings(BlindFirstSettings):
    """Settings of DivNoising beside `blind_share`; the preset `paper` has the published values.

    Published are 261,281 parameters for one channel in 2-D.

    Attributes:
        spatial_dims: 2 for planes, 3 for volumes.
        neighbours: Frames on each side of every frame that the encoder sees along with it.
        depth: Halvings of the image.
        filters: Filters at full resolution; they double with every halving.
        latent_channels: Latent channels per bottleneck pixel.
        blocks: Residual blocks at the bottleneck, before and after the latents, which enlarge the area of the image
            that every latent sees; not published.
        z_halvings: In 3-D, how many of the first levels halve Z too.
        activation: Non-linearity.
        activates_up: Whether features pass through the non-linearity after a transposed convolution; as published, not.
        exact_widths: Whether the widths of latents have no smooth bound, for weights that were trained so.
        stabilize: Read and write images on a scale on which the noise has the same standard deviation everywhere,
            instead of in units of the images' mean and standard deviation; not published.
    """

    spatial_dims: int = Field(default=2, ge=2, le=3)
    neighbours: Neighbours = 0
    depth: Depth = 2
    filters: Count = 32
    latent_channels: Count = 64
    blocks: Blocks = 0
    z_halvings: Halvings = 0
    activation: Activation = "relu"
    activates_up: bool = True
    exact_widths: bool = False
    stabilize: bool = False


@final
class DivNoising(LikelihoodMethod, GenerativeMethod, BlindFirstMethod, AnnealedMethod):
    """DivNoising for images of given statistics and noise.

    The loss, in nats per pixel, with H W the pixels of a patch and C its channels, is
    ``-mean log p(x|s) + w KL(q(z|x) || N(0, 1)) / (C H W)``. The weight w is 1 except after a blind part of
    training, see `BlindFirstMethod`, and while training recovers from a collapsed posterior.
    """

    name: ClassVar[str] = "divnoising"
    settings_type: ClassVar[type[MethodSettings]] = DivNoisingSettings
    citation: ClassVar[Citation | None] = Citation(
        "Prakash et al., Fully Unsupervised Diversity Denoising, ICLR 2021",
        "10.48550/arXiv.2006.06072",
        authors="Prakash, Mangal and Krull, Alexander and Jug, Florian",
        title="Fully Unsupervised Diversity Denoising with Convolutional Variational Autoencoders",
        venue="International Conference on Learning Representations (ICLR)",
    )
    settings: DivNoisingSettings

    def __init__(
        self, settings: DivNoisingSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]
    ) -> None:
        super().__init__(settings, statistics, noise_models, settings.stabilize)
        self.register_buffer("kl_weight", torch.ones(()), persistent=False)
        self.vae = VAE(
            VAEShape(
                spatial_dims=settings.spatial_dims,
                channels=self.input_channels,
                out_channels=statistics.num_channels,
                depth=settings.depth,
                filters=settings.filters,
                latent_channels=settings.latent_channels,
                blocks=settings.blocks,
                z_halvings=settings.z_halvings,
                activation=settings.activation,
                activates_up=settings.activates_up,
            )
        )

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.settings.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Reduction of the bottleneck."""
        return self.vae.shape.reduction

    def loss(self, x: Tensor) -> Loss:
        """Return the negative evidence lower bound of noisy patches (B, C, *S), equation 7 of the paper."""
        x, known = split_gaps(x, self.statistics.mean)
        if self.is_blind:
            return self.blind_loss(x, known)
        q = self._posterior(self.vae.encode(self.to_network(x)))
        s = self.to_intensity(self.vae.decode(q.sample(torch.randn_like(q.mean))))
        num_channels = self.statistics.num_channels
        nll = -mean_of_known(self.log_likelihood(middle(x, num_channels), s), middle_known(known, num_channels))
        prior = GaussianLatent(torch.zeros_like(q.mean), torch.zeros_like(q.log_variance))
        kl = gaussian_kl(q, prior).sum() / s.numel()
        return Loss(nll + self.warmth * self.kl_weight * kl, {"nll": nll.detach(), "kl": kl.detach()})

    def mean_image(self, seen: Tensor) -> Tensor:
        """Run the autoencoder with the latents at the posterior's mean, on the network's scale."""
        return self.vae.decode(self._posterior(self.vae.encode(seen)).mean)

    def latents(self) -> tuple[LatentSpec, ...]:
        """Describe the one latent map."""
        shape = self.vae.shape
        return (LatentSpec(level=0, channels=shape.latent_channels, reduction=shape.reduction, is_random=True),)

    def encode(self, x: Tensor) -> Encoding:
        """Return the parameters of q(z|x) for ``x`` (B, C, *S), S a multiple of `size_multiple`."""
        return (self.vae.encode(self.to_network(x)),)

    def decode(self, encoding: Encoding, noise: Sequence[Tensor]) -> Tensor:
        """Draw the latents with the given noise and decode them; returns s in intensity units."""
        return self.emit(self.infer(encoding, noise))

    def imagine(self, noise: Sequence[Tensor]) -> Latents:
        """Return the noise unchanged, because the prior is standard normal."""
        return tuple(noise)

    def infer(self, encoding: Encoding, noise: Sequence[Tensor]) -> Latents:
        """Draw the one latent map."""
        return (self._posterior(encoding[0]).sample(noise[0]),)

    def emit(self, latents: Sequence[Tensor]) -> Tensor:
        """Decode a latent map; returns s in intensity units."""
        return self.to_intensity(self.vae.decode(latents[0]))

    def _posterior(self, parameters: Tensor) -> GaussianLatent:
        return GaussianLatent.from_parameters(parameters, exact=self.settings.exact_widths)
