"""A method at work in PyTorch, as the gate and the stopwatch want it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from quietscope.methods.base import DeconvolvingMethod, Method, PointMethod, PosteriorMethod
from quietscope.nn.hardware import place

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TorchRunner:
    """A method in evaluation mode on the CPU.

    Attributes:
        method: The method.
        lower: Networks run in bfloat16.
    """

    method: Method
    lower: bool

    @classmethod
    def eager(cls, method: Method) -> "TorchRunner":
        """Make the yardstick: a copy in float32 and PyTorch's own memory format."""
        own = copy.deepcopy(method).to("cpu").eval()
        for parameter in own.parameters():
            parameter.data = parameter.data.contiguous()
        return cls(own, lower=False)

    @classmethod
    def as_predicted(cls, method: Method, lower: bool) -> "TorchRunner":
        """Make a copy that runs as prediction does: channels last, in bfloat16 where the hardware gains from it."""
        own = copy.deepcopy(method).eval()
        place(own, "cpu", own.spatial_dims)
        return cls(own, lower=lower)

    def __call__(self, x: Array, noise: Mapping[str, Array]) -> dict[str, Array]:
        """Turn an image (1, C, *S) and noise per input name into images (K, C, *S) by output name."""
        image = torch.from_numpy(np.ascontiguousarray(x))
        drawn = [torch.from_numpy(each) for each in noise.values()]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.lower):
            return {name: out.float().numpy() for name, out in self._run(image, drawn).items()}

    def _run(self, image: torch.Tensor, noise: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        method = self.method
        if isinstance(method, DeconvolvingMethod):
            deconvolved = method.deconvolve(image)
            return {"denoised": method.blur(deconvolved), "deconvolved": deconvolved}
        if isinstance(method, PointMethod):
            return {"denoised": method.predict(image)}
        assert isinstance(method, PosteriorMethod)
        encoding = method.encode(image)
        repeated = tuple(part.expand(len(noise[0]), *part.shape[1:]) for part in encoding)
        return {"sample": method.decode(repeated, noise)}
