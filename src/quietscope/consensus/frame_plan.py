"""How an image is cut into the planes or volumes that are analysed one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from quietscope.consensus.posterior_samples import Index
from quietscope.errors import AxesError, ChannelError, SettingsError
from quietscope.io import Image
from quietscope.wording import typed


@dataclass(frozen=True)
class FramePlan:
    """How an image is cut into frames: planes or volumes of one channel.

    Attributes:
        axes: Axes of the image.
        shape: Its shape.
        spatial: Axes of a frame, "YX" or "ZYX".
        channel: The channel.
    """

    axes: str
    shape: tuple[int, ...]
    spatial: str
    channel: int

    @classmethod
    def of(cls, image: Image, channel: int, dims: int) -> "FramePlan":
        """Return how an image is cut.

        Raises:
            SettingsError: If frames have neither 2 nor 3 dimensions.
            AxesError: If the image lacks an axis for them.
            ChannelError: If there is no such channel.
        """
        if dims not in (2, 3):
            raise SettingsError("2 or 3 dimensions", f"{dims}", f"pass `{typed(dims=2)}`")
        spatial = "ZYX"[-dims:]
        if not set(spatial) <= set(image.axes):
            raise AxesError(f"an image with the axes {spatial}", image.axes, f"pass `{typed(dims=2)}`")
        plan = cls(image.axes, tuple(map(int, image.shape)), spatial, channel)
        num = dict(zip(plan.axes, plan.shape, strict=True)).get("C", 1)
        if not 0 <= channel < num:
            last = num - 1
            raise ChannelError(f"a channel from 0 to {last}", f"{channel}", f"pass e.g. `{typed(channel=last)}`")
        return plan

    @property
    def axes_out(self) -> str:
        """Axes of results, which have no channels."""
        return self.axes.replace("C", "")

    @property
    def shape_out(self) -> tuple[int, ...]:
        """Shape of results."""
        return tuple(length for letter, length in zip(self.axes, self.shape, strict=True) if letter != "C")

    def places(self) -> Iterator[dict[str, int]]:
        """Yield the place of every frame, by letters of the axes that are neither channel nor space."""
        sizes = {k: n for k, n in zip(self.axes, self.shape, strict=True) if k not in "C" + self.spatial}
        for numbers in product(*(range(length) for length in sizes.values())):
            yield dict(zip(sizes, numbers, strict=True))

    def in_image(self, at: dict[str, int]) -> Index:
        """Return the index of a frame in the image."""
        return tuple({"C": self.channel, **at}.get(letter, slice(None)) for letter in self.axes)

    def in_results(self, at: dict[str, int]) -> Index:
        """Return the index of a frame in results."""
        return tuple(at.get(letter, slice(None)) for letter in self.axes_out)
