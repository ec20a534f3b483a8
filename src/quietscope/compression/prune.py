"""Structured pruning: whole channels are removed from a network, in every layer that produces, adds to or reads them.

The dependency graph of torch-pruning (Fang, Ma, Song, Mi, Wang, "DepGraph: Towards Any Structural Pruning", CVPR 2023)
finds the layers that must be pruned together: concatenated skips, residual sums, gates of two halves.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from quietscope.data.bent_scale import BentScale
from quietscope.errors import CompressionError
from quietscope.methods.abilities import latents_of, respond
from quietscope.methods.base import Method, PosteriorMethod
from quietscope.methods.generative import HierarchicalMethod
from quietscope.nn.autoregressive import CausalNetwork
from quietscope.nn.conv import Gate
from quietscope.nn.ladder import DecoderLevel, Ladder
from quietscope.nn.signal_decoder import SignalDecoder
from quietscope.nn.unet import UNet
from quietscope.nn.unit_noise import UnitNoiseNet
from quietscope.nn.vae import VAE
from quietscope.optional import imported
from quietscope.wording import typed

LANES = 8
"""Widths are rounded to multiples of this number of channels, which CPU kernels compute at once; layers of fewer than
16 channels are not rounded."""

_TRACED_SIDE = 16
_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """Result of pruning.

    Attributes:
        share: Requested share of channels to remove.
        parameters_before: Number of parameters of the method before pruning.
        parameters: Number of parameters of the method after pruning.
        groups: Number of groups of layers whose channels are removed together.
    """

    share: float
    parameters_before: int
    parameters: int
    groups: int


def prune(method: Method, share: float) -> Pruned:
    """Remove the least important channels of every layer whose width may change, in place.

    The importance of channel c is the mean over all layers k of its group of ``|W_k[c]|_2 / mean_c |W_k[c]|_2``, with
    W_k[c] the weights that produce or read the channel. Channels with a fixed meaning are kept: image channels, latents
    with their means and widths, DVLAE's code and its noise decoder.

    Args:
        method: A trained method on the CPU.
        share: Share of the channels to remove, above 0 and below 1.

    Returns:
        The numbers of parameters before and after, and of groups.

    Raises:
        CompressionError: If the share is out of range, torch-pruning is missing, or no channel can be removed.
    """
    check_share(share)
    pruning = imported("torch_pruning", CompressionError)
    before = num_parameters(method)
    groups = list(_groups(pruning, method))
    importance = pruning.importance.GroupMagnitudeImportance(p=2)
    removals = []
    for group in groups:
        scores = importance(group)
        keep = kept_width(len(scores), share)
        removals.append((group, torch.argsort(scores)[: len(scores) - keep].tolist()))
    for group, channels in removals:
        if channels:
            root = group[0].dep.target.module
            group._DG.get_pruning_group(root, group[0].dep.handler, channels).prune(record_history=False)
    if not any(channels for _, channels in removals):
        raise CompressionError(
            "layers wide enough to lose channels",
            f"{method.name} of {before:,} parameters",
            f"leave `{typed('share')}` out",
        )
    return Pruned(share=share, parameters_before=before, parameters=num_parameters(method), groups=len(groups))


def check_share(share: float) -> None:
    """Refuse a share of channels that would remove no channel or all of them.

    Raises:
        CompressionError: If the share is not above 0 and below 1.
    """
    if not 0.0 < share < 1.0:
        raise CompressionError(
            "a share of channels above 0 and below 1", f"{share:g}", f"pass e.g. `{typed(share=0.5)}`"
        )


def kept_width(width: int, share: float) -> int:
    """Return how many of `width` channels are kept: the nearest multiple of 8 if `width` is at least 16."""
    lanes = LANES if width >= 2 * LANES else 1
    return min(width, max(lanes, round(width * (1.0 - share) / lanes) * lanes))


def num_parameters(method: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(each.numel() for each in method.parameters())


def _groups(pruning: Any, method: Method) -> Iterator[Any]:
    """Yield the groups of layers to prune together, each rooted at a layer with as many channels as the group."""
    fixed = list(_fixed(method))
    layers = {module for each in fixed if isinstance(each, nn.Module) for module in each.modules()}
    parameters = [each for each in fixed if isinstance(each, nn.Parameter)]
    graph = _dependencies(pruning, method, parameters)
    # A gate has two channels for every channel that it adds to; as a root of a group it would separate the two.
    gates = {module.conv for module in method.modules() if isinstance(module, Gate)}
    seen: set[nn.Module] = set()
    for module in method.modules():
        if not isinstance(module, _CONVOLUTIONS) or module in gates | seen or module not in graph.module2node:
            continue
        handler = graph.get_pruner_of_module(module).prune_out_channels
        group = graph.get_pruning_group(module, handler, list(range(module.out_channels)))
        members = {dep.target.module for dep, _ in group if graph.is_out_channel_pruning_fn(dep.handler)}
        seen |= members
        if not members & layers:
            yield group


def _dependencies(pruning: Any, method: Method, ignored: list[nn.Parameter]) -> Any:
    method.eval().requires_grad_(True)  # torch-pruning reads its graph from autograd's graph
    for module in method.modules():
        if isinstance(module, BentScale):  # a scale has no channels to lose, and its tables make a graph without end
            module.requires_grad_(False)
    with warnings.catch_warnings():
        # torch-pruning warns of parameters outside layers and of operations that it assumes to be elementwise. Here the
        # parameters are priors and causal taps, which are kept, and the operations really are elementwise.
        warnings.simplefilter("ignore")
        return pruning.DependencyGraph().build_dependency(
            _Trace(method), example_inputs=_example(method), ignored_params=ignored, verbose=False
        )


class _Trace(nn.Module):
    """All parts of a method that can lose channels: the networks from image to image, and the priors."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, x: Tensor, *noise: Tensor) -> tuple[Tensor, ...]:
        if not isinstance(self.method, PosteriorMethod):
            return tuple(respond(self.method, x).values())
        # As many samples as images: the tracer would take a repeated encoding for one with a different channel count.
        out = (self.method.decode(self.method.encode(x), noise),)
        if isinstance(self.method, HierarchicalMethod):
            return (*out, *self.method.complete([None] * len(noise), noise))
        return out


def _example(method: Method) -> tuple[Tensor, ...]:
    statistics = method.statistics
    size = [max(multiple, _TRACED_SIDE) for multiple in method.size_multiple]
    x = statistics.mean.reshape(1, -1, *[1] * len(size)).expand(1, -1, *size).clone()
    return (x, *(torch.zeros(spec.shape(1, size)) for spec in latents_of(method)))


def _fixed(method: Method) -> Iterator[nn.Module | nn.Parameter]:
    """Yield the layers and parameters whose output channels must be kept, because each has a fixed meaning."""
    for module in method.modules():
        if isinstance(module, UNet | VAE | SignalDecoder | UnitNoiseNet):
            yield module.head
        if isinstance(module, UnitNoiseNet) and module.spread_head is not None:
            yield module.spread_head
        if isinstance(module, Ladder):
            # Without a last convolution, the channels of the code are those that run through the finest level.
            yield module.head or (module.final if len(module.final) else module.levels[0])
        if isinstance(module, VAE):
            yield module.posterior
        if isinstance(module, DecoderLevel):
            yield module.posterior_conv
            yield module.prior_parameters if module.is_top else module.prior_conv
        if isinstance(module, CausalNetwork):
            yield module
