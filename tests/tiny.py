"""Tiny networks of every method, and untrained methods and denoisers made of them: the one place for their sizes."""

from typing import Any, TypeVar

import torch

from quietscope import Denoiser
from quietscope.data.normalize import Statistics
from quietscope.methods.base import BuiltMethod
from quietscope.model.file import ModelCard
from quietscope.nn.seeding import seeded
from quietscope.noise import NoiseModel, PoissonGaussian
from quietscope.presets import Configuration

Values = dict[str, Any]
Built = TypeVar("Built", bound=BuiltMethod)

NOISE = PoissonGaussian(gain=0.5, offset=0.0, read_noise=3.0)
TRAINING: Values = {
    "patch": 16,
    "patch_z": 4,
    "batch_size": 2,
    "validate_every": 2,
    "validation_patches": 2,
    "warmup_steps": 0,
    "precision": "float32",
}
"""Training settings for runs of a few steps."""


def network(method: str, width: int = 4, **changes: Any) -> Values:
    """Return network settings of a method that are as small as they get with every part still there.

    Args:
        method: Name of the method.
        width: Channels of its layers.
        changes: Settings that are to be otherwise.
    """
    ladder = {"filters": (width,) * 2, "latent_channels": (4, 4), "blocks": 1, "final_blocks": 1, "stem_filters": width}
    code = {"code_channels": width, "noise_filters": width, "signal_filters": width, "dilations": (1,)}
    unet = {"depth": 1, "filters": width}
    of_method: dict[str, Values] = {
        "hdn": ladder,
        "dvlae": {**ladder, **code, "halves": (True, True)},
        "divnoising": {**unet, "latent_channels": 4, "blocks": 1},
        "noise2void": unet,
        "pn2v": {**unet, "samples": 6},
        "gr2r": {"widths": (width, width), "blocks": (1, 1)},
        "gap": {"widths": (width, width), "blocks": (1, 1), "accumulation_steps": 2, "generation_steps": 3},
        "deconoising": unet,
        "instant": {"widths": (width, width), "blocks": (1, 1), "learns": "network", "masked_share": 0.05},
        "direct": unet,
    }
    return {**of_method[method], **changes}


def configuration(method: str, *, dims: int = 2, preset: str = "fast", width: int = 4, **changes: Any) -> Configuration:
    """Return the configuration of a tiny network; `changes` are network settings."""
    values = {"method": method, "dims": dims, "preset": preset, "network": network(method, width, **changes)}
    return Configuration.of({**values, "training": TRAINING})


def untrained(
    kind: type[Built],
    *,
    channels: int = 1,
    mean: float = 150.0,
    std: float = 30.0,
    noise: NoiseModel = NOISE,
    **settings: Any,
) -> Built:
    """Make an untrained method that is neither dead nor the identity, always the same.

    Args:
        kind: Its class.
        channels: Image channels.
        mean: Mean of the first channel, in intensity units; the second channel is a third as bright.
        std: Standard deviation of the first channel.
        noise: Noise model of every channel, for a method that needs one.
        settings: What `configuration` takes beside the name.
    """
    share = torch.tensor([1.0, 0.3])[:channels]
    chosen = configuration(kind.name, **settings).method_settings()
    with seeded(0):
        made = kind.build(chosen, Statistics(mean * share, std * share), [noise] * channels if kind.needs_noise else [])
        enliven(made)
    assert isinstance(made, kind)
    return made.eval()


def denoiser(
    kind: type[BuiltMethod], *, scene: Values | None = None, card: Values | None = None, **settings: Any
) -> Denoiser:
    """Make a denoiser of an untrained method.

    Args:
        kind: Class of the method.
        scene: What `untrained` takes beside the settings: channels, mean, std, noise.
        card: What the model card says beside the configuration.
        settings: What `configuration` takes beside the name.
    """
    written = ModelCard(**{"configuration": configuration(kind.name, **settings), "axes": "QYX", **(card or {})})
    return Denoiser.of(untrained(kind, **(scene or {}), **settings), written, "cpu")


def enliven(method: torch.nn.Module) -> None:
    """Give running statistics unlike those of a fresh network, and shake every weight, as some start at zero."""
    for module in method.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    for parameter in method.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
