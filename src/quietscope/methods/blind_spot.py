"""Base class of blind-spot methods: how pixels are hidden, and the turns that noise with a direction allows."""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from quietscope.data.hidden_pixels import Blinded, BlindSpots, MaskAxes, Replacement
from quietscope.data.normalize import Statistics
from quietscope.methods.base import Neighbours
from quietscope.methods.unet_method import UNetMethod, UNetSettings
from quietscope.methods.window import middle, with_middle
from quietscope.nn.unet import UNet
from quietscope.tiling.orientations import ALL_TURNS, FLIPS


class BlindSpotSettings(UNetSettings):
    """Settings of a U-Net that is trained on hidden pixels, in addition to the settings of the U-Net.

    Attributes:
        neighbours: Frames on each side of every frame that the network sees along with it.
        masked_share: Share of pixels hidden in each patch.
        window: Side of the window that replacements come from, in pixels, odd.
        replacement: "uniform": a random other pixel of the window; "uniform_with_centre": a random pixel of the window,
            which may be the hidden one itself, as published for BSD68; "median": the median of the other pixels, as in
            N2V2.
        mask_axes: For noise correlated along rows ("x"), columns ("y") or both: hide a line around each pixel.
        mask_extent: Length of the hidden line, in pixels, odd.
    """

    neighbours: Neighbours = 0
    masked_share: float = Field(default=1 / 32, gt=0, le=0.25)
    window: int = Field(default=5, ge=3, le=999)
    replacement: Replacement = "uniform"
    mask_axes: MaskAxes = "none"
    mask_extent: int = Field(default=11, ge=3, le=999)

    @model_validator(mode="after")
    def _sides_are_odd(self) -> Self:
        for name in ("window", "mask_extent"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} must be odd, so that it has a middle")
        if self.replacement == "uniform_with_centre" and self.mask_axes != "none":
            raise ValueError("uniform_with_centre would show the hidden pixel in its line: set replacement to uniform")
        return self

    @property
    def expects_correlation(self) -> bool:
        """Whether a line is hidden around each pixel, along which the noise is correlated."""
        return self.mask_axes != "none"

    @property
    def turns(self) -> tuple[int, ...]:
        """The turns that do not change the noise: only flips if a line along one axis is hidden."""
        return FLIPS if self.mask_axes in ("x", "y") else ALL_TURNS

    def blind_spots(self) -> BlindSpots:
        """Return how pixels are hidden."""
        return BlindSpots(
            spatial_dims=self.spatial_dims,
            share=self.masked_share,
            window=self.window,
            replacement=self.replacement,
            mask_axes=self.mask_axes,
            mask_extent=self.mask_extent,
        )


class BlindSpotMethod(UNetMethod):
    """A U-Net that is trained on hidden pixels, for images of given statistics; it takes no noise models."""

    needs_noise: ClassVar[bool] = False
    settings: BlindSpotSettings

    def __init__(self, settings: BlindSpotSettings, statistics: Statistics) -> None:
        super().__init__()
        self.settings = settings
        self.statistics = statistics
        self.noise_models = nn.ModuleList()
        self.blind_spots = settings.blind_spots()
        self.unet = UNet(settings.unet(self.input_channels, statistics.num_channels))


def hide(spots: BlindSpots, x: Tensor, num_channels: int) -> tuple[Blinded, Tensor]:
    """Hide pixels of the frame in the middle; its neighbours, whose noise is another, are seen whole.

    Args:
        spots: How pixels are hidden.
        x: What the network would see, (B, W C, *S).
        num_channels: Number of channels C of one frame.

    Returns:
        The frame in the middle with blind spots, and x with this frame in the middle.
    """
    blinded = spots.apply(middle(x, num_channels))
    return blinded, with_middle(x, blinded.pixels)
