"""Weights that come with the package: a denoiser of white Gaussian noise, trained once; see SOURCE.md beside it."""

from importlib.resources import files
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor


def unit_noise_weights() -> dict[str, Tensor]:
    """Return the weights of `quietscope.nn.unit_noise.UnitNoiseNet` in its default shape, float32."""
    path = Path(str(files(__name__) / "unit_noise.safetensors"))
    return {name: value.float() for name, value in load_file(path).items()}
