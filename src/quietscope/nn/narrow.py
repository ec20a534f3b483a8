"""Restoring a pruned network: its layers are cut down to the shapes of the weights found in a file."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)
_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)


def narrow(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Cut the convolutions and norms of a network down to the shapes of the tensors that will be loaded, in place.

    Layers are never widened, and the size of kernels is not changed; `load_state_dict` then refuses tensors that still
    do not fit.

    Args:
        network: The network.
        tensors: Tensors of its state by name, possibly with fewer channels.
    """
    for name, module in network.named_modules():
        weight = tensors.get(f"{name}.weight")
        if weight is None or not isinstance(module, _CONVOLUTIONS + _TRANSPOSED + _NORMS):
            continue
        own = module.weight
        fits = weight.ndim == own.ndim and weight.shape[2:] == own.shape[2:]
        if (
            fits
            and weight.shape != own.shape
            and all(new <= old for new, old in zip(weight.shape, own.shape, strict=True))
        ):
            _cut(module, weight.shape)


def _cut(module: nn.Module, shape: torch.Size) -> None:
    """Keep the first channels of a layer's weights; their values do not matter, they are overwritten by loading."""
    outs = shape[1] if isinstance(module, _TRANSPOSED) else shape[0]
    for name, parameter in [*module.named_parameters(recurse=False)]:
        sizes = shape if name == "weight" else (outs,)
        box = tuple(slice(size) for size in sizes)
        setattr(module, name, nn.Parameter(parameter.detach()[box].clone(), requires_grad=parameter.requires_grad))
    for name, buffer in [*module.named_buffers(recurse=False)]:
        if buffer.ndim:
            setattr(module, name, buffer[:outs].clone())
    if isinstance(module, _NORMS):
        module.num_features = outs
        return
    assert isinstance(module, _CONVOLUTIONS + _TRANSPOSED)
    module.out_channels = outs
    module.in_channels = shape[0] if isinstance(module, _TRANSPOSED) else shape[1]
