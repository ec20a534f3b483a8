"""A network of three layers, trained on hidden pixels: what a method has to say of itself, and no more."""

from typing import ClassVar, Literal, final

from pydantic import Field
from torch import Tensor, nn

from quietscope.data.hidden_pixels import BlindSpots
from quietscope.data.normalize import Statistics
from quietscope.methods.base import BuiltMethod, Loss, MethodSettings, PointMethod
from quietscope.methods.citation import Citation
from quietscope.methods.missing import split_gaps
from quietscope.nn.conv import conv
from quietscope.presets import Preset
from quietscope.training.settings import TrainingSettings


class ShallowSettings(MethodSettings):
    """Settings of the shallow network: axes (2 or 3), filters, side of its kernels, share of pixels hidden."""

    spatial_dims: int = Field(default=2, ge=2, le=3)
    filters: int = Field(default=32, ge=1)
    kernel: Literal[3, 5, 7] = 5
    masked_share: float = Field(default=1 / 32, gt=0, le=0.25)


@final
class Shallow(PointMethod, BuiltMethod):
    """Noise2Self (Batson, Royer, ICML 2019) with three layers: predict hidden pixels from the median-filled rest.

    Loss, in units of the images' variance: ``mean over hidden pixels of (x - f(x with them replaced))^2 / std^2``
    """

    name: ClassVar[str] = "shallow"
    settings_type: ClassVar[type[MethodSettings]] = ShallowSettings
    citation: ClassVar[Citation | None] = Citation("Batson, Royer, Noise2Self, ICML 2019", "10.48550/arXiv.1901.11365")
    needs_noise: ClassVar[bool] = False
    settings: ShallowSettings

    def __init__(self, settings: ShallowSettings, statistics: Statistics) -> None:
        super().__init__()
        self.settings, self.statistics, self.noise_models = settings, statistics, nn.ModuleList()
        self.hidden = BlindSpots(
            spatial_dims=settings.spatial_dims, share=settings.masked_share, window=5, replacement="median"
        )
        dims, filters, channels = settings.spatial_dims, settings.filters, statistics.num_channels
        self.network = nn.Sequential(
            conv(dims, channels, filters, settings.kernel),
            nn.ReLU(),
            conv(dims, filters, filters, settings.kernel),
            nn.ReLU(),
            conv(dims, filters, channels, 1),
        )

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.settings.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Images of any size: nothing is halved."""
        return (1,) * self.spatial_dims

    def loss(self, x: Tensor) -> Loss:
        """Return the mean squared error at the hidden pixels of noisy patches (B, C, *S)."""
        normalized, known = split_gaps(self.statistics.normalize(x), 0.0)
        blinded = self.hidden.apply(normalized)
        error = blinded.mean_square(self.network(blinded.pixels), normalized, known)
        return Loss(error, {"mse": error.detach()})

    def predict(self, x: Tensor) -> Tensor:
        """Turn x (B, C, *S) into the denoised image, intensity units in and out; nothing is hidden."""
        return self.statistics.denormalize(self.network(self.statistics.normalize(x)))


FAST = Preset(
    method=Shallow.name,
    name="fast",
    summary="Three layers: half a minute on two CPU cores",
    network=ShallowSettings(),
    training=TrainingSettings(batch_size=8, optimizer="adam", learning_rate=1e-3, schedule="cosine", keep="last"),
    budget="30s",
    steps=None,
    measured=(),
)
