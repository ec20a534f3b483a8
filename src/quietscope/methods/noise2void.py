"""Noise2Void: a network learns to predict hidden pixels from their neighbours, and so cannot learn their noise.

Krull, Buchholz, Jug, "Noise2Void: Learning Denoising from Single Noisy Images", CVPR 2019; N2V2 and structN2V by
options, see `quietscope.data.blind_spot`.
"""

from collections.abc import Sequence
from typing import ClassVar, Self, final

from pydantic import Field, model_validator
from torch import Tensor, nn

from quietscope.data.blind_spot import BlindSpots, MaskAxes, Replacement
from quietscope.data.normalize import Statistics
from quietscope.data.patches import ALL_TURNS, FLIPS
from quietscope.methods.base import Loss, MethodSettings, PointMethod
from quietscope.nn.conv import Activation
from quietscope.nn.unet import UNet, UNetShape
from quietscope.noise.base import NoiseModel


class Noise2VoidSettings(MethodSettings):
    """Settings of Noise2Void; the defaults are the published ones.

    Attributes:
        spatial_dims: 2 for planes, 3 for volumes.
        depth: Halvings of the U-Net.
        filters: Filters at full resolution.
        z_halvings: In 3-D, how many of the first levels halve Z too.
        batch_norm: Batch normalisation.
        blur_pool: Blurred pooling; N2V2.
        top_skip: Skip connection at full resolution; N2V2 has none.
        activation: Non-linearity.
        masked_share: Share of pixels hidden in each patch.
        window: Side of the window that replacements come from, odd.
        replacement: "uniform", a random other pixel of the window, or "median" of them; N2V2 takes the median.
        mask_axes: For noise correlated along rows ("x"), columns ("y") or both: hide a line around each pixel.
        mask_extent: Length of that line, odd.
    """

    spatial_dims: int = Field(default=2, ge=2, le=3)
    depth: int = Field(default=2, ge=1)
    filters: int = Field(default=96, ge=1)
    z_halvings: int = Field(default=0, ge=0)
    batch_norm: bool = True
    blur_pool: bool = False
    top_skip: bool = True
    activation: Activation = "relu"
    masked_share: float = Field(default=0.00198, gt=0, le=0.25)
    window: int = Field(default=5, ge=3)
    replacement: Replacement = "uniform"
    mask_axes: MaskAxes = "none"
    mask_extent: int = Field(default=11, ge=3)

    @model_validator(mode="after")
    def _sides_are_odd(self) -> Self:
        for name in ("window", "mask_extent"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} must be odd, so that it has a middle")
        return self


@final
class Noise2Void(PointMethod):
    """Noise2Void for images of given statistics.

    Loss, in units of the images' variance: ``mean over blind spots of (x - f(x with spots replaced))^2 / std^2``
    """

    name: ClassVar[str] = "noise2void"
    needs_noise: ClassVar[bool] = False
    settings: Noise2VoidSettings

    def __init__(self, settings: Noise2VoidSettings, statistics: Statistics) -> None:
        super().__init__()
        self.settings = settings
        self.statistics = statistics
        self.noise_models = nn.ModuleList()
        self.blind_spots = BlindSpots(
            spatial_dims=settings.spatial_dims,
            share=settings.masked_share,
            window=settings.window,
            replacement=settings.replacement,
            mask_axes=settings.mask_axes,
            mask_extent=settings.mask_extent,
        )
        self.unet = UNet(
            UNetShape(
                spatial_dims=settings.spatial_dims,
                channels=statistics.num_channels,
                depth=settings.depth,
                filters=settings.filters,
                z_halvings=settings.z_halvings,
                batch_norm=settings.batch_norm,
                blur_pool=settings.blur_pool,
                top_skip=settings.top_skip,
                activation=settings.activation,
            )
        )

    @classmethod
    def build(
        cls, settings: MethodSettings, statistics: Statistics, noise_models: Sequence[NoiseModel]
    ) -> "Noise2Void":
        """Make an untrained Noise2Void; it takes no noise models."""
        assert isinstance(settings, Noise2VoidSettings)
        assert not noise_models
        return cls(settings, statistics)

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.settings.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Reduction of the deepest level."""
        return self.unet.shape.reduction

    @property
    def orientations(self) -> tuple[int, ...]:
        """Flips alone where a line along one axis is hidden."""
        return FLIPS if self.settings.mask_axes in ("x", "y") else ALL_TURNS

    def loss(self, x: Tensor) -> Loss:
        """Return the mean squared error at the blind spots of noisy patches (B, C, *S)."""
        normalized = self.statistics.normalize(x)
        blinded = self.blind_spots.apply(normalized)
        error = blinded.mean_square(self.unet(blinded.pixels), normalized)
        return Loss(error, {"mse": error.detach()})

    def predict(self, x: Tensor) -> Tensor:
        """Run the U-Net on ``x`` (B, C, *S), intensity units in and out; nothing is hidden."""
        return self.statistics.denormalize(self.unet(self.statistics.normalize(x)))
