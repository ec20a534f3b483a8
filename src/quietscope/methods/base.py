"""What a method can do, as types: learn, give one image, sample a posterior, generate.

Training, prediction and exploring ask for nothing more.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from quietscope.data.normalize import Statistics
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.orientations import ALL_TURNS

Count: TypeAlias = Annotated[int, Field(ge=1)]
"""A number of filters, pixels or the like: at least one."""


class MethodSettings(BaseModel):
    """Frozen, validated settings of a method; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def expects_correlation(self) -> bool:
        """Whether noise that is correlated between neighbours is reckoned with."""
        return False

    @property
    def num_levels(self) -> int:
        """Levels of its hierarchy of latents; 0 for a method without one."""
        return 0


@dataclass(frozen=True)
class Citation:
    """A publication.

    Attributes:
        text: Authors, title, place and year.
        doi: Its digital object identifier; empty where it has none.
        url: Where it can be read, if it has no identifier.
    """

    text: str
    doi: str = ""
    url: str = ""


@dataclass(frozen=True)
class Loss:
    """A scalar to minimise, and the named parts (detached scalars) that a person watches."""

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class LatentSpec:
    """Where one level's latents lie over an image.

    Attributes:
        level: Name of the level in noise keys; 0 is the finest.
        channels: Latent channels.
        reduction: Image pixels per latent pixel, one factor per spatial axis.
        is_random: False where prediction uses the posterior mean (noise of zeros).
    """

    level: int
    channels: int
    reduction: tuple[int, ...]
    is_random: bool

    def shape(self, num_samples: int, size: Sequence[int]) -> tuple[int, ...]:
        """Return the shape (K, c_l, *S_l) of the noise of K samples of an image; its size is whole latent pixels."""
        reduced = (length // factor for length, factor in zip(size, self.reduction, strict=True))
        return (num_samples, self.channels, *reduced)


Encoding: TypeAlias = tuple[Tensor, ...]
"""What an encoder hands to its decoder: one tensor per level, each of shape (B, F, *S_l)."""


class Method(nn.Module, ABC):
    """A network with its statistics, at work on images.

    Images come in and go out in intensity units, shape (B, C, *S), float32.
    """

    name: ClassVar[str]
    ability: ClassVar[str] = "works on images"
    """What a type of method can do, in words that follow "a method that"."""
    needs_noise: ClassVar[bool]
    """Whether `build` wants a noise model per channel; none otherwise."""
    settings: MethodSettings
    statistics: Statistics
    noise_models: nn.ModuleList

    @property
    def channel_noise(self) -> tuple[NoiseModel, ...]:
        """The noise model of each channel; empty where the method needs none."""
        return tuple(model for model in self.noise_models if isinstance(model, NoiseModel))

    @property
    @abstractmethod
    def spatial_dims(self) -> int:
        """2 or 3."""

    @property
    @abstractmethod
    def size_multiple(self) -> tuple[int, ...]:
        """Image sizes must be multiples of these, one per spatial axis; prediction pads to them."""

    @property
    def orientations(self) -> tuple[int, ...]:
        """The turns of an image in its plane that augmentation may use, see `quietscope.tiling.orientations.orient`.

        All eight; noise with a direction allows only those that keep it.
        """
        return ALL_TURNS

    @property
    def reach(self) -> tuple[int, ...]:
        """How far its image is blurred at the end, in pixels per spatial axis; tiles must overlap by so much more."""
        return (0,) * self.spatial_dims

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse images or patches of a size that the method cannot learn from, in pixels per spatial axis.

        Raises:
            SettingsError: If it is one.
        """

    def parts(self) -> tuple[list[nn.Parameter], ...]:
        """The parameters in groups that share no gradients; each is clipped by the norm of its own."""
        return (list(self.parameters()),)


class MeasuredMethod(Method):
    """A method that says how much memory it takes; the networks of others are watched at work."""

    ability: ClassVar[str] = "says how much memory it takes"
    bytes_per_pixel: float
    """Peak of activations while one image is made, per pixel of it."""


class LearningMethod(Method):
    """A method that can be trained."""

    ability: ClassVar[str] = "can be trained"

    @abstractmethod
    def loss(self, x: Tensor) -> Loss:
        """Return the training loss of noisy patches (B, C, *S) in intensity units."""


class BuiltMethod(LearningMethod):
    """A method that is made from settings: what `METHODS` lists and model files hold.

    Args:
        settings: An instance of `settings_type`.
        statistics: Statistics of the training images.
        noise_models: One per channel; a method that needs none takes no such argument.
    """

    settings_type: ClassVar[type[MethodSettings]]
    """The class of its settings."""
    citation: ClassVar[Citation | None] = None
    """The publication to cite for it."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names that users know it by."""

    @classmethod
    def build(cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> Self:
        """Make an untrained method for images of the given statistics; one noise model per channel, or none."""
        assert isinstance(settings, cls.settings_type), (settings, cls.settings_type)
        assert len(noise_models) == (statistics.num_channels if cls.needs_noise else 0), len(noise_models)
        return cls(settings, statistics, noise_models) if cls.needs_noise else cls(settings, statistics)

    @classmethod
    def has_setting(cls, name: str) -> bool:
        """Tell whether its settings have one of this name."""
        return name in cls.settings_type.model_fields


class AnnealedMethod(BuiltMethod):
    """A variational method that is in danger of posterior collapse: q(z|x) = p(z), and every image comes out alike.

    Training watches ``terms["kl"]`` of the loss, the KL divergence in nats per pixel, and may lower `kl_weight` for a
    while to escape.
    """

    ability: ClassVar[str] = "has a KL divergence that may collapse"
    kl_weight: Tensor
    """Factor of the KL divergence in the loss, a buffer of shape (); 1 but for the escape."""


class ScheduledMethod(LearningMethod):
    """A method whose loss changes while it is trained."""

    ability: ClassVar[str] = "changes its loss while it is trained"

    @abstractmethod
    def advance(self, progress: float) -> None:
        """Set the loss for a share of the budget, 0 to 1, counted from the last start; 1 is the loss that counts."""


class PointMethod(Method):
    """A method that gives one clean image and says nothing of how sure it is."""

    ability: ClassVar[str] = "gives one image"

    @abstractmethod
    def predict(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into s (B, C, *S), both in intensity units; S a multiple of `size_multiple`."""


class DeconvolvingMethod(PointMethod):
    """A method that also gives the image as it would be without the microscope's blur.

    ``predict(x)`` equals ``blur(deconvolve(x))``.
    """

    ability: ClassVar[str] = "deconvolves"

    def predict(self, x: Tensor) -> Tensor:
        """Turn x into the denoised image, the deconvolved one blurred by the microscope."""
        return self.blur(self.deconvolve(x))

    @abstractmethod
    def deconvolve(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into the deconvolved image d (B, C, *S), both in intensity units."""

    @abstractmethod
    def blur(self, d: Tensor) -> Tensor:
        """Blur d (B, C, *S), intensity units, as the microscope does: ``s = d * PSF``."""


class PosteriorMethod(Method):
    """A method that draws clean images from p(s|x) as a deterministic map of (x, noise)."""

    ability: ClassVar[str] = "samples"

    @abstractmethod
    def latents(self) -> tuple[LatentSpec, ...]:
        """Describe the noise that `decode` wants, one entry per level."""

    @abstractmethod
    def encode(self, x: Tensor) -> Encoding:
        """Do once per image all that does not depend on the sample; ``x`` (B, C, *S) in intensity units."""

    @abstractmethod
    def decode(self, encoding: Encoding, noise: Sequence[Tensor]) -> Tensor:
        """Turn standard normal noise, one (B, c_l, *S_l) per entry of `latents`, into s (B, C, *S), intensity units."""


class PsfMethod(DeconvolvingMethod, BuiltMethod):
    """A deconvolving method that is told the PSF of the microscope; its settings have `psf_size` and `psf_sigma`."""

    ability: ClassVar[str] = "sees through a PSF"

    @abstractmethod
    def show_psf(self, psf: Tensor) -> None:
        """Take over a PSF of the size that the settings name.

        Args:
            psf: Shape (C, *K), non-negative, each channel's sum 1, the middle in the middle.
        """


Latents: TypeAlias = tuple[Tensor, ...]
"""A point in latent space: one tensor per entry of `PosteriorMethod.latents`, each of shape (B, c_l, *S_l)."""


class GenerativeMethod(PosteriorMethod):
    """A posterior method whose latents have a prior p(z) to draw from, and can be held and changed.

    ``decode(encoding, noise)`` equals ``emit(infer(encoding, noise))``.
    """

    ability: ClassVar[str] = "has learnt what images look like"

    def generate(self, noise: Sequence[Tensor]) -> Tensor:
        """Turn standard normal noise, one (B, c_l, *S_l) per entry of `latents`, into s ~ p(s), intensity units.

        Noise times T draws at temperature T: below 1 the images are more typical and less varied.
        """
        return self.emit(self.imagine(noise))

    @abstractmethod
    def imagine(self, noise: Sequence[Tensor]) -> Latents:
        """Draw z ~ p(z) with the given noise, one (B, c_l, *S_l) per entry of `latents`."""

    @abstractmethod
    def infer(self, encoding: Encoding, noise: Sequence[Tensor]) -> Latents:
        """Draw z ~ q(z|x) with the given noise, one (B, c_l, *S_l) per entry of `latents`."""

    @abstractmethod
    def emit(self, latents: Sequence[Tensor]) -> Tensor:
        """Turn latents into s (B, C, *S), intensity units."""


class HierarchicalMethod(GenerativeMethod):
    """A generative method with a ladder of latents, finest first, each with a prior that the coarser ones decide."""

    ability: ClassVar[str] = "has a hierarchy of levels"

    @abstractmethod
    def complete(self, latents: Sequence[Tensor | None], noise: Sequence[Tensor]) -> Latents:
        """Draw the missing levels (None) from their priors p(z_l | z_>l) with the given noise; zeros give its mean."""

    @abstractmethod
    def infer_with_kl(self, encoding: Encoding, noise: Sequence[Tensor]) -> tuple[Latents, tuple[Tensor, ...]]:
        """`infer`, and KL(q(z_l | z_>l, x) || p(z_l | z_>l)) of every latent pixel in nats, (B, *S_l) per level."""

    def imagine(self, noise: Sequence[Tensor]) -> Latents:
        """Draw every level from its prior."""
        return self.complete([None] * len(noise), noise)


class LearnedNoiseMethod(GenerativeMethod):
    """A generative method that has learnt p(x|z) itself, and so needs no noise model to draw noisy images."""

    ability: ClassVar[str] = "has learnt the noise"

    @abstractmethod
    def observe(self, latents: Sequence[Tensor], choice: Tensor, noise: Tensor) -> Tensor:
        """Draw a noisy image x ~ p(x|z), (B, C, *S), intensity units.

        Args:
            latents: One (B, c_l, *S_l) per entry of `latents`.
            choice: Uniform on [0, 1), (B, C, *S): picks a mixture component per pixel.
            noise: Standard normal, (B, C, *S).
        """


class TaughtMethod(BuiltMethod):
    """A method that learns from the samples of another, and not from images alone."""

    ability: ClassVar[str] = "learns from a trained model"

    @abstractmethod
    def learn_from(self, teacher: PosteriorMethod | None) -> None:
        """Take a method as teacher; None lets the teacher go.

        Args:
            teacher: Of the same channels and spatial axes.
        """
