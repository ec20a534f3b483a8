"""Direct denoising: a network learns from another model to give what that gives in many passes, or in a long one.

Salmon, Krull, "Direct Unsupervised Denoising", ICCV Workshops 2023: a network trained with the squared error to one
sample per patch learns the mean of the samples; trained with the absolute error, it learns their pixelwise median. No
gradients through the sampler are needed, so the sampler may be trained before or in the same run. A model that gives
one image is learnt from in the same way, as if it were the only sample there is (Hinton, Vinyals, Dean, arXiv
1503.02531): for networks that are faster than it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, final

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from quietscope.data.normalize import Statistics
from quietscope.data.stabilize import Stabilizer
from quietscope.methods.base import Count, Loss, MethodSettings, PointMethod, PosteriorMethod, TaughtMethod
from quietscope.methods.citation import Citation
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.scale import ScaledMethod, scale_of
from quietscope.methods.unet_method import UNetMethod, UNetSettings
from quietscope.nn.unet import UNet, UNetShape
from quietscope.tiling.orientations import ALL_TURNS

Centre: TypeAlias = Literal["mean", "median"]
"""Output of a direct denoiser: the posterior's mean, or the posterior's median of each pixel."""


class DirectSettings(UNetSettings):
    """Settings of a direct denoiser, in addition to the settings of its U-Net.

    Attributes:
        loss: "mean" learns with squared error, "median" with absolute error.
        draws: Number of the teacher's samples that are averaged to make a target; must be 1 for the median.
        stabilize: Work on the teacher's stabilised scale instead of in units of mean and standard deviation.
        turns: Turns of an image that augmentation may use; those of the teacher, whose noise may have a direction.
        unshuffle: Side of the squares of pixels that the network takes for one pixel with as many channels: a network
            of so many filters takes a quarter of the time with 2, a sixteenth with 4.
    """

    loss: Centre = "mean"
    draws: Count = 1
    stabilize: bool = False
    turns: Annotated[tuple[int, ...], Field(max_length=8)] = ALL_TURNS
    unshuffle: Literal[1, 2, 4] = 1

    def unet(self, channels: int, out_channels: int | None = None) -> UNetShape:
        """Return the shape of the network for images with the given number of channels, see `UNetShape`."""
        return replace(super().unet(channels, out_channels), unshuffle=self.unshuffle)

    @model_validator(mode="after")
    def _median_of_single_samples(self) -> Self:
        if self.loss == "median" and self.draws > 1:
            raise ValueError("the median needs single samples, draws = 1: the median of averages is another number")
        if not self.turns or not set(self.turns) <= set(ALL_TURNS):
            raise ValueError(f"turns must be some of {ALL_TURNS}")
        return self


@dataclass(frozen=True)
class Teacher:
    """A method that gives samples, or one image, to learn from, and is never changed.

    The teacher is a plain record, so that PyTorch does not save or optimise it as a part of the network that learns.

    Attributes:
        method: The method, trained or in training.
    """

    method: PosteriorMethod | PointMethod

    def draw(self, x: Tensor, num_draws: int) -> Tensor:
        """Draw samples of noisy patches and average them; where there is but one image, return it.

        Patches are encoded once and all draws decoded together, in evaluation mode and without gradients. The noise
        comes from PyTorch's global generator, which training seeds for every step.

        Args:
            x: Noisy patches (B, C, *S), intensity units, S a multiple of the method's `size_multiple`.
            num_draws: Number of samples per patch, K.

        Returns:
            Mean of K samples, (B, C, *S), intensity units, float32.
        """
        method = self.method
        with torch.no_grad(), _in_evaluation(method):
            if not isinstance(method, PosteriorMethod):
                return method.predict(x).float()
            encoding = method.encode(x)
            repeated = tuple(part.repeat(num_draws, *[1] * (part.ndim - 1)) for part in encoding)
            samples = method.decode(repeated, self._noise(method, x, num_draws))
            return samples.float().reshape(num_draws, *x.shape).mean(dim=0)

    def _noise(self, method: PosteriorMethod, x: Tensor, num_draws: int) -> list[Tensor]:
        noise = []
        for spec in method.latents():
            make = torch.randn if spec.is_random else torch.zeros
            noise.append(make(spec.shape(num_draws * len(x), x.shape[2:]), device=x.device))
        return noise


@final
class DirectDenoiser(UNetMethod, ScaledMethod, TaughtMethod):
    """A U-Net f that learns from samples s ~ p(s|x) of a posterior method, or from the one image s of another.

    The loss is, for the mean and the median: ``mean: E |f(x) - s|^2 / std^2``, ``median: E |T f(x) - T s|``

    T is the scale that the network works on, std the standard deviation of the images. The mean is learnt in intensity
    units, because the mean of T(s) is not T of the mean; the median can be learnt on the scale, because the median of
    T(s) is T of the median. An alternative was rejected: dividing the error by ds/dT at f(x), held constant. It has the
    same minimum and weights errors by the width of the noise, but bright structure is then learnt last, and the result
    is 0.1 dB lower (W2S ch0, 840 steps).
    """

    name: ClassVar[str] = "direct"
    settings_type: ClassVar[type[MethodSettings]] = DirectSettings
    citation: ClassVar[Citation | None] = Citation(
        "Salmon, Krull, Direct Unsupervised Denoising, ICCV Workshops 2023",
        url="https://openaccess.thecvf.com/content/ICCV2023W/BIC/papers/"
        "Salmon_Direct_Unsupervised_Denoising_ICCVW_2023_paper.pdf",
        authors="Salmon, Benjamin and Krull, Alexander",
        title="Direct Unsupervised Denoising",
        venue="ICCV Workshops",
    )
    needs_noise: ClassVar[bool] = False
    settings: DirectSettings

    def __init__(self, settings: DirectSettings, statistics: Statistics) -> None:
        super().__init__()
        self.settings = settings
        self.statistics = statistics
        self.noise_models = nn.ModuleList()
        self.stabilizer = None
        if settings.stabilize:
            # A straight line as a placeholder, replaced later by the teacher's scale or the scale in a model file.
            flat = [torch.ones_like] * statistics.num_channels
            self.stabilizer = Stabilizer.of_variances(flat, statistics.quantiles)
        self.unet = UNet(settings.unet(statistics.num_channels))
        self._teacher: Teacher | None = None

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Reduction of the deepest level; with a teacher, the least common multiple with the teacher's."""
        own = self.unet.shape.reduction
        if self._teacher is None:
            return own
        return tuple(math.lcm(a, b) for a, b in zip(own, self._teacher.method.size_multiple, strict=True))

    @property
    def orientations(self) -> tuple[int, ...]:
        """The teacher's orientations, which the settings record as `turns`."""
        return self.settings.turns

    def check_size(self, size: tuple[int, ...]) -> None:
        """Refuse what the teacher cannot learn from."""
        if self._teacher is not None:
            self._teacher.method.check_size(size)

    @property
    def teacher(self) -> PosteriorMethod | PointMethod | None:
        """The method to learn from; no part of this one's weights."""
        return None if self._teacher is None else self._teacher.method

    def learn_from(self, teacher: PosteriorMethod | PointMethod | None) -> None:
        """Take a method as teacher, with the scale it works on; None lets the teacher go.

        Args:
            teacher: A method for images with the same channels and spatial axes.
        """
        if teacher is None:
            self._teacher = None
            return
        assert teacher.spatial_dims == self.spatial_dims
        assert teacher.statistics.num_channels == self.statistics.num_channels
        self._teacher = Teacher(teacher)
        scale = scale_of(teacher)
        if self.stabilizer is not None and scale is not None:
            self.stabilizer.load_state_dict(scale.state_dict())

    def loss(self, x: Tensor) -> Loss:
        """Return the distance between estimates for noisy patches (B, C, *S) and the teacher's samples for them."""
        assert self._teacher is not None, "a direct denoiser learns from a teacher only"
        x, known = split_gaps(x, self.statistics.mean)
        # Samples are drawn after the network has run: autocast may keep weights that were first cast without gradients.
        out = self._network(x)
        drawn = self._teacher.draw(x, self.settings.draws)
        if self.settings.loss == "median":
            error = mean_of_known((out - self.to_network(drawn)).abs(), known)
        else:
            estimate, wanted = self.statistics.normalize(self.to_intensity(out)), self.statistics.normalize(drawn)
            error = mean_of_known((estimate - wanted).square(), known)
        return Loss(error, {self.settings.loss: error.detach()})

    def predict(self, x: Tensor) -> Tensor:
        """Run the U-Net on ``x`` (B, C, *S), intensity units in and out."""
        return self.to_intensity(self._network(x))

    def _network(self, x: Tensor) -> Tensor:
        out: Tensor = self.unet(self.to_network(x))
        return out


@contextmanager
def _in_evaluation(method: nn.Module) -> Iterator[None]:
    # Module by module: a frozen module of a method in training may be in evaluation mode, and must stay in it.
    training = [module for module in method.modules() if module.training]
    try:
        method.eval()
        yield
    finally:
        for module in training:
            module.training = True
