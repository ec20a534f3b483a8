"""A trained method as one graph with tensors as inputs and outputs, from which every exchange format is made."""

import copy
from collections.abc import Sequence
from math import prod
from typing import Any, final

import torch
from torch import Tensor, nn

from quietscope.data.bent_scale import BentScale
from quietscope.data.stabilize import Stabilizer
from quietscope.export.export_noise import export_noise
from quietscope.export.export_scale import ExportScale, ExportStatistics
from quietscope.methods.abilities import latents_of, outputs, respond
from quietscope.methods.base import LatentSpec, Method, MomentsMethod, TaughtMethod

IMAGE = "x"
_LEAST_EXAMPLE = 32
_LEAST_EXAMPLE_Z = 4


@final
class Graph(nn.Module):
    """A copy of a trained method in evaluation mode and float32, on the CPU, that may be changed freely.

    Input and output are in intensity units: statistics, the stabilised scale and the network are part of the graph.

    * Inputs: ``x`` (1, C, *S), intensity units, S multiples of `size_multiple`; (1, W C, *S) for a method that sees W
      frames at once, one after the other, of which the one in the middle comes out. For a method that samples also
      ``noise_0``, ``noise_1``, ..., one per entry of `latents`, (K, c_l, *S_l): standard normal, or zeros if the
      entry is not random.
    * Outputs: ``denoised`` (1, C, *S); a method that deconvolves also has ``deconvolved`` (1, C, *S), one that gives
      its deviation in one pass ``deviation`` (1, C, *S); a method that samples has only ``sample`` (K, C, *S). x is
      encoded once and its encoding repeated K times.

    Args:
        method: A method prepared for export; use `Graph.of` to make a graph of any method.
    """

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    @classmethod
    def of(cls, method: Method) -> "Graph":
        """Make the graph of a trained method; the method is not changed."""
        own = copy.deepcopy(method).to("cpu").float()
        statistics = own.statistics
        kept = own.channel_noise if isinstance(own, MomentsMethod) else ()  # others need them in training only
        own.noise_models = nn.ModuleList(
            export_noise(model, pixels) for model, pixels in zip(kept, statistics.quantiles, strict=False)
        )
        own.statistics = ExportStatistics(statistics.mean, statistics.std, statistics.quantiles)
        if isinstance(own, TaughtMethod):
            own.learn_from(None)
        for parent in list(own.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, Stabilizer | BentScale):
                    setattr(parent, name, ExportScale(child))
        return cls(own.eval().requires_grad_(False)).eval()

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.method.spatial_dims

    @property
    def num_channels(self) -> int:
        """Number of image channels, C."""
        return self.method.statistics.num_channels

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """Image sizes must be multiples of these, one per spatial axis."""
        return self.method.size_multiple

    @property
    def latents(self) -> tuple[LatentSpec, ...]:
        """Shapes of the noise inputs, one entry per input; empty if the method does not sample."""
        return latents_of(self.method)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs of `forward`, in order."""
        return (IMAGE, *(f"noise_{n}" for n in range(len(self.latents))))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs of `forward`, in order."""
        return outputs(self.method)

    def forward(self, x: Tensor, *noise: Tensor) -> tuple[Tensor, ...]:
        """Turn an image and noise into output images; for shapes see the class."""
        return tuple(respond(self.method, x, noise).values())

    def example_size(self) -> tuple[int, ...]:
        """Return a small image size that the graph accepts, in pixels per spatial axis."""
        least = (_LEAST_EXAMPLE_Z, _LEAST_EXAMPLE, _LEAST_EXAMPLE)[-self.spatial_dims :]
        # At least 2 per axis: torch.export treats a size of 1 as a constant.
        return tuple(max(2, -(-floor // m)) * m for floor, m in zip(least, self.size_multiple, strict=True))

    def example_inputs(
        self, size: Sequence[int] | None = None, num_samples: int = 2, seed: int = 0
    ) -> tuple[Tensor, ...]:
        """Make inputs like those of prediction: pixels with the training images' mean and deviation, and noise.

        Args:
            size: Image size in pixels per spatial axis, multiples of `size_multiple`; `example_size` if None.
            num_samples: Number of samples, K.
            seed: Seed of everything random.

        Returns:
            One float32 tensor per entry of `input_names`.
        """
        size = self.example_size() if size is None else tuple(size)
        assert not any(n % m for n, m in zip(size, self.size_multiple, strict=True)), (size, self.size_multiple)
        generator = torch.Generator().manual_seed(seed)
        width = 2 * self.method.neighbours + 1
        drawn = [torch.randn(1, self.num_channels, *size, generator=generator) for _ in range(width)]
        x = torch.cat([self.method.statistics.denormalize(frame) for frame in drawn], dim=1)
        noise = []
        for spec in self.latents:
            shape = spec.shape(num_samples, size)
            normal = torch.randn(shape, generator=generator)
            noise.append(normal if spec.is_random else torch.zeros(shape))
        return (x, *noise)

    def dynamic_shapes(self) -> dict[str, Any]:
        """Return the variable sizes for `torch.export.export`: K is any number, S a multiple of `size_multiple`."""
        units = [torch.export.Dim(f"s{axis}", min=1) for axis in range(self.spatial_dims)]

        def spatial(reduction: Sequence[int]) -> dict[int, Any]:
            factors = (m // r for m, r in zip(self.size_multiple, reduction, strict=True))
            return {2 + n: unit if f == 1 else f * unit for n, (unit, f) in enumerate(zip(units, factors, strict=True))}

        samples = torch.export.Dim("samples", min=1)
        noise = tuple({0: samples, **spatial(spec.reduction)} for spec in self.latents)
        return {IMAGE: spatial((1,) * self.spatial_dims)} | ({"noise": noise} if noise else {})

    def num_parameters(self) -> int:
        """Return the number of weights."""
        return sum(prod(parameter.shape) for parameter in self.method.parameters())
