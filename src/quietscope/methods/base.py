"""Types of methods by ability: to learn, to give one image, to sample a posterior; those that generate in `generative`.

Training, prediction and `quietscope.explore` use methods only through these types.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from quietscope.axes import MOST_NEIGHBOURS
from quietscope.data.normalize import Statistics
from quietscope.methods.citation import Citation
from quietscope.noise.noise_model import NoiseModel
from quietscope.tiling.orientations import ALL_TURNS

Count: TypeAlias = Annotated[int, Field(ge=1, le=4096)]
"""A number of filters, pixels or similar; at least 1, and no more than any network ever had."""
Neighbours: TypeAlias = Annotated[int, Field(ge=0, le=MOST_NEIGHBOURS)]
"""Number of frames that a method sees on each side of every frame."""
Blocks: TypeAlias = Annotated[int, Field(ge=0, le=64)]
"""A number of layers one after another."""
Depth: TypeAlias = Annotated[int, Field(ge=1, le=12)]
"""How often a network halves the image."""
Halvings: TypeAlias = Annotated[int, Field(ge=0, le=12)]
"""How often a network halves the depth of a volume."""


class MethodSettings(BaseModel):
    """Frozen, validated settings of a method; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def expects_correlation(self) -> bool:
        """Whether the settings are made for noise that is correlated between neighbouring pixels."""
        return False

    @property
    def comes_trained(self) -> bool:
        """Whether so much of the method comes trained that a result is usable without a step of training."""
        return False

    @property
    def num_levels(self) -> int:
        """Number of levels in the method's hierarchy of latents; 0 for a method without a hierarchy."""
        return 0


@dataclass(frozen=True)
class Loss:
    """A scalar to minimise.

    Attributes:
        total: The scalar, of shape ().
        terms: Its named terms, detached scalars, for logs and progress displays.
        parts: The detached losses of the groups of `Method.parts`, in their order, which add up to the total; empty
            where there is one group, or they are not told apart.
    """

    total: Tensor
    terms: dict[str, Tensor]
    parts: tuple[Tensor, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LatentSpec:
    """The channels and resolution of one level's latents.

    Attributes:
        level: Number of the level, used in noise keys; 0 is the finest level.
        channels: Number of latent channels.
        reduction: Image pixels per latent pixel, one factor per spatial axis.
        is_random: False if prediction uses the posterior mean of this level (zeros as noise).
    """

    level: int
    channels: int
    reduction: tuple[int, ...]
    is_random: bool

    def shape(self, num_samples: int, size: Sequence[int]) -> tuple[int, ...]:
        """Return the noise shape (K, c_l, *S_l) for K samples of an image whose size is a multiple of `reduction`."""
        reduced = (length // factor for length, factor in zip(size, self.reduction, strict=True))
        return (num_samples, self.channels, *reduced)


Encoding: TypeAlias = tuple[Tensor, ...]
"""Output of an encoder, for its decoder: one tensor per level, each of shape (B, F, *S_l)."""


class Method(nn.Module, ABC):
    """A network that processes images, with the statistics of its training images.

    Input and output images are in intensity units, shape (B, C, *S), float32; with `neighbours`, C stands for
    `input_channels` in what goes in.
    """

    name: ClassVar[str]
    ability: ClassVar[str] = "works on images"
    """The ability of this type of method, in words that follow "a method that"."""
    needs_noise: ClassVar[bool]
    """Whether `build` needs a noise model per channel; if false, `build` takes no noise models."""
    settings: MethodSettings
    statistics: Statistics
    noise_models: nn.ModuleList

    @property
    def channel_noise(self) -> tuple[NoiseModel, ...]:
        """The noise model of each channel; empty if the method needs no noise models."""
        return tuple(model for model in self.noise_models if isinstance(model, NoiseModel))

    @property
    @abstractmethod
    def spatial_dims(self) -> int:
        """2 or 3."""

    @property
    @abstractmethod
    def size_multiple(self) -> tuple[int, ...]:
        """Numbers, one per spatial axis, that image sizes must be multiples of; prediction pads images to fit."""

    @property
    def neighbours(self) -> int:
        """Number of frames that the method sees on each side of every frame, see `quietscope.methods.window`."""
        return int(getattr(self.settings, "neighbours", 0))

    @property
    def input_channels(self) -> int:
        """Number of channels of the images that go in: those of all frames that the method sees at once."""
        return (2 * self.neighbours + 1) * self.statistics.num_channels

    @property
    def orientations(self) -> tuple[int, ...]:
        """The turns of an image in its plane that augmentation may use, see `quietscope.tiling.orientations.orient`.

        By default all eight turns; noise with a direction allows only the turns that keep the direction.
        """
        return ALL_TURNS

    @property
    def reach(self) -> tuple[int, ...]:
        """Radius of the blur at the end of the method, in pixels per spatial axis; added to the overlap of tiles."""
        return (0,) * self.spatial_dims

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse images or patches of a size that the method cannot learn from, in pixels per spatial axis.

        Raises:
            SettingsError: If the method cannot learn from images of this size.
        """

    def parts(self) -> tuple[list[nn.Parameter], ...]:
        """The parameters in groups that share no gradients; the gradients of each group are clipped separately."""
        return (list(self.parameters()),)


class MeasuredMethod(Method):
    """A method that states how much memory it needs; for other methods prediction measures the memory."""

    ability: ClassVar[str] = "says how much memory it takes"
    bytes_per_pixel: float
    """Peak memory of activations in bytes per pixel of the image."""


class LearningMethod(Method):
    """A method that can be trained."""

    ability: ClassVar[str] = "can be trained"

    @abstractmethod
    def loss(self, x: Tensor) -> Loss:
        """Return the training loss of noisy patches (B, C, *S) in intensity units.

        NaN stands for pixels that were never measured; they weigh nothing, see `quietscope.methods.missing`.
        """


class BuiltMethod(LearningMethod):
    """A method that is built from settings; `METHODS` lists such methods, and model files store them.

    Args:
        settings: An instance of `settings_type`.
        statistics: Statistics of the training images.
        noise_models: One noise model per channel; a method that needs none does not have this argument.
    """

    settings_type: ClassVar[type[MethodSettings]]
    """The class of the method's settings."""
    citation: ClassVar[Citation | None] = None
    """The publication to cite for the method."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names of the method that users may type."""

    @classmethod
    def build(cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]) -> Self:
        """Make an untrained method for images of the given statistics, with one noise model per channel or none."""
        assert isinstance(settings, cls.settings_type), (settings, cls.settings_type)
        assert len(noise_models) == (statistics.num_channels if cls.needs_noise else 0), len(noise_models)
        return cls(settings, statistics, noise_models) if cls.needs_noise else cls(settings, statistics)

    @classmethod
    def has_setting(cls, name: str) -> bool:
        """Tell whether the method's settings include one of this name."""
        return name in cls.settings_type.model_fields


class PointMethod(Method):
    """A method that gives one clean image; without an uncertainty, unless it is a `MomentsMethod`."""

    ability: ClassVar[str] = "gives one image"

    @abstractmethod
    def predict(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into s (B, C, *S), both in intensity units; S a multiple of `size_multiple`."""


class MomentsMethod(PointMethod):
    """A method that computes mean and standard deviation of p(s|x) at every pixel, without samples of images."""

    ability: ClassVar[str] = "gives mean and deviation in one pass"

    def predict(self, x: Tensor) -> Tensor:
        """Return the mean of p(s|x), see `moments`."""
        return self.moments(x)[0]

    @abstractmethod
    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Turn x (B, C, *S) into mean and standard deviation of p(s|x) at every pixel, (B, C, *S) each.

        All are in intensity units; S is a multiple of `size_multiple`.
        """


class DeconvolvingMethod(PointMethod):
    """A method that also gives the image without the microscope's blur.

    ``predict(x)`` equals ``blur(deconvolve(x))``.
    """

    ability: ClassVar[str] = "deconvolves"

    def predict(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into the denoised image, which is the deconvolved image blurred by the PSF."""
        return self.blur(self.deconvolve(x))

    @abstractmethod
    def deconvolve(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into the deconvolved image d (B, C, *S), both in intensity units."""

    @abstractmethod
    def blur(self, d: Tensor) -> Tensor:
        """Blur d (B, C, *S), intensity units, as the microscope does: ``s = d * PSF``."""


class SamplingMethod(Method):
    """A method that draws clean images from p(s|x), as a deterministic function of (x, noise).

    One that is also a `MomentsMethod` gives mean and deviation in one pass, and samples where they are asked for.
    """

    ability: ClassVar[str] = "samples"

    @abstractmethod
    def latents(self) -> tuple[LatentSpec, ...]:
        """Describe the noise that `decode` takes, one entry per level."""

    @abstractmethod
    def encode(self, x: Tensor) -> Encoding:
        """Compute everything that does not depend on the sample, once per image; ``x`` (B, C, *S), intensity units."""

    @abstractmethod
    def decode(self, encoding: Encoding, noise: Sequence[Tensor]) -> Tensor:
        """Turn standard normal noise, one (B, c_l, *S_l) per entry of `latents`, into s (B, C, *S), intensity units."""


class PosteriorMethod(SamplingMethod):
    """A method whose every answer is made of its samples."""

    ability: ClassVar[str] = "answers by samples alone"


class AnnealedMethod(PosteriorMethod, BuiltMethod):
    """A variational method whose posterior may collapse: q(z|x) = p(z), and the output is the same for every image.

    Training monitors ``terms["kl"]`` of the loss, the KL divergence in nats per pixel, and where that is small whether
    the decoded image follows the noisy one; it may lower `kl_weight` for a while to recover from a collapse.
    """

    ability: ClassVar[str] = "has a KL divergence that may collapse"
    kl_weight: Tensor
    """Weight of the KL divergence in the loss, a buffer of shape (); 1 except while training recovers."""


class PsfMethod(DeconvolvingMethod, BuiltMethod):
    """A deconvolving method that takes the microscope's PSF; its settings have `psf_size` and `psf_sigma`."""

    ability: ClassVar[str] = "sees through a PSF"

    @abstractmethod
    def show_psf(self, psf: Tensor) -> None:
        """Set the PSF, which must have the size `psf_size` of the settings.

        Args:
            psf: The PSF (C, *K), non-negative, the sum of each channel 1, centred in the array.
        """


class TaughtMethod(BuiltMethod):
    """A method that learns from noisy images and from what another method makes of them."""

    ability: ClassVar[str] = "learns from a trained model"

    @abstractmethod
    def learn_from(self, teacher: PosteriorMethod | PointMethod | None) -> None:
        """Set the teacher to learn from; None removes the teacher.

        Args:
            teacher: A method for images with the same channels and spatial axes.
        """
