"""Base class of methods whose whole network is one U-Net: settings of the U-Net, and the method's image sizes."""

from pydantic import Field

from quietscope.methods.base import BuiltMethod, Count, Depth, Halvings, MethodSettings, PointMethod
from quietscope.nn.conv import Activation
from quietscope.nn.unet import Initialisation, Merge, PoolEdges, UNet, UNetShape, Upsampling


class UNetSettings(MethodSettings):
    """Settings of a U-Net.

    Attributes:
        spatial_dims: 2 for planes, 3 for volumes.
        depth: Number of times that the U-Net halves the image.
        filters: Filters at full resolution.
        z_halvings: In 3-D, how many of the first levels halve Z too.
        batch_norm: Batch normalisation.
        blur_pool: Blurred pooling; N2V2.
        top_skip: Skip connection at full resolution; N2V2 has none.
        merge: How a skip connection joins: "concat" beside the upsampled features, "add" onto them.
        activation: Non-linearity.
        upsampling: "nearest" repeats pixels on the way up, "linear" interpolates between them,
            "transposed" is a transposed convolution.
        initialisation: How the weights of convolutions are drawn: "uniform" as PyTorch does, or "xavier".
        residual: Whether the network's input is added to its output.
        tapered: Whether levels reduce their filters before features are enlarged, not after.
        pool_edges: What blurred pooling sees outside the features: the nearest pixel, or "zeros".
    """

    spatial_dims: int = Field(default=2, ge=2, le=3)
    depth: Depth = 3
    filters: Count = 32
    z_halvings: Halvings = 0
    batch_norm: bool = False
    blur_pool: bool = False
    top_skip: bool = True
    merge: Merge = "concat"
    activation: Activation = "relu"
    upsampling: Upsampling = "nearest"
    initialisation: Initialisation = "uniform"
    residual: bool = False
    tapered: bool = False
    pool_edges: PoolEdges = "replicate"

    def unet(self, channels: int, out_channels: int | None = None) -> UNetShape:
        """Return the shape of the network for images with the given number of channels, see `UNetShape`."""
        return UNetShape(
            spatial_dims=self.spatial_dims,
            channels=channels,
            out_channels=out_channels,
            depth=self.depth,
            filters=self.filters,
            z_halvings=self.z_halvings,
            batch_norm=self.batch_norm,
            blur_pool=self.blur_pool,
            top_skip=self.top_skip,
            merge=self.merge,
            activation=self.activation,
            upsampling=self.upsampling,
            initialisation=self.initialisation,
            residual=self.residual,
            tapered=self.tapered,
            pool_edges=self.pool_edges,
        )


class UNetMethod(PointMethod, BuiltMethod):
    """A point method whose network is a U-Net."""

    settings: UNetSettings
    unet: UNet

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.settings.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Reduction of the deepest level."""
        return self.unet.shape.reduction
