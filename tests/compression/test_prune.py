"""Pruning takes whole channels, the least important ones, of all layers that belong together, and nothing else."""

import copy

import pytest
import torch
from torch import Tensor, nn

from quietscope import Denoiser
from quietscope.compression.prune import kept_width, num_parameters, prune
from quietscope.errors import CompressionError
from quietscope.export.graph import Graph
from quietscope.methods.base import LearningMethod, Method, PosteriorMethod
from quietscope.methods.direct import DirectDenoiser
from quietscope.nn.autoregressive import CausalNetwork
from quietscope.nn.conv import Gate
from quietscope.nn.ladder import DecoderLevel, Ladder
from tests.compression.networks import build

OUT_OF_IMAGE_OR_LATENTS = ("head", "spread_head", "posterior", "posterior_conv", "prior_conv")
Convolution = nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d


def free_layers(method: Method) -> dict[str, Convolution]:
    spared = [name for name, module in method.named_modules() if isinstance(module, CausalNetwork)]
    # A level that is closed to the image has a merge that nobody uses.
    levels = [(name, module) for name, module in method.named_modules() if isinstance(module, DecoderLevel)]
    spared += [f"{name}.merge" for name, level in levels if level.is_deterministic]
    # Without a last convolution, the channels that run through the finest level are those of the code.
    headless = [name for name, module in method.named_modules() if isinstance(module, Ladder) and module.head is None]
    spared += [
        f"{name}.{part}" for name in headless for part in ("final", "levels.0.blocks.0", "levels.0.blocks.1.branch.6")
    ]
    return {
        name: module
        for name, module in method.named_modules()
        if isinstance(module, Convolution)
        and name.rpartition(".")[2] not in OUT_OF_IMAGE_OR_LATENTS
        and not any(name.startswith(f"{each}.") for each in spared)
    }


def answer(method: Method) -> tuple[Tensor, ...]:
    graph = Graph.of(method)
    with torch.no_grad():
        return tuple(graph(*graph.example_inputs(num_samples=2)))


def kill_every_other_channel(method: Method) -> None:
    gates: set[nn.Module] = {module.conv for module in method.modules() if isinstance(module, Gate)}
    for layer in free_layers(method).values():
        transposed = isinstance(layer, nn.ConvTranspose2d | nn.ConvTranspose3d)
        weight = layer.weight.data.transpose(0, 1) if transposed else layer.weight.data
        for half in torch.chunk(weight, 2) if layer in gates else (weight,):
            half[::2] = 0.0
        assert layer.bias is not None
        bias = layer.bias.data
        for half in torch.chunk(bias, 2) if layer in gates else (bias,):
            half[::2] = 0.0
    for module in method.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            assert module.running_mean is not None
            module.bias.data[::2] = 0.0
            module.running_mean[::2] = 0.0


def test_half_of_every_free_layer_goes_and_the_rest_stays(variant: Denoiser) -> None:
    method = variant.method
    before = {name: layer.out_channels for name, layer in free_layers(method).items()}
    fixed = {name: value.shape for name, value in method.state_dict().items()}
    latents = method.latents() if isinstance(method, PosteriorMethod) else ()
    done = prune(method, 0.5)
    assert {name: layer.out_channels for name, layer in free_layers(method).items()} == {
        name: width // 2 for name, width in before.items()
    }
    assert done.parameters == num_parameters(method) < 0.5 * done.parameters_before
    assert latents == (method.latents() if isinstance(method, PosteriorMethod) else ())
    for name, value in method.state_dict().items():
        if name.rpartition(".")[0].endswith(OUT_OF_IMAGE_OR_LATENTS):
            assert value.shape[0] == fixed[name][0], name
        if name.startswith(("noise_decoder.", "psf", "statistics.")):
            assert value.shape == fixed[name], name


def test_dead_channels_go_first_and_the_answer_stays(variant: Denoiser) -> None:
    method = variant.method
    kill_every_other_channel(method)
    before = answer(method)
    assert all(out.std() > 0 for out in before)
    prune(method, 0.5)
    for one, other in zip(answer(method), before, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-2)


def test_a_pruned_method_learns_on(variant: Denoiser) -> None:
    method = variant.method
    prune(method, 0.5)
    if isinstance(method, DirectDenoiser):
        return  # its own loss wants a teacher; see test_apprentice
    x = Graph.of(method).example_inputs()[0]
    x = x.repeat(2, 1, *[1] * (x.ndim - 2))
    assert isinstance(method, LearningMethod)
    method.train()
    loss = method.loss(x).total
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in method.parameters())


def test_it_prunes_twice() -> None:
    method = build("hdn gated").method
    prune(method, 0.5)
    prune(method, 0.5)
    assert {layer.out_channels for layer in free_layers(method).values() if layer.out_channels < 8} == {4}
    answer(method)


@pytest.mark.parametrize(
    ("width", "share", "kept"), [(64, 0.5, 32), (96, 0.3, 64), (20, 0.5, 8), (16, 0.9, 8), (8, 0.5, 4), (3, 0.9, 1)]
)
def test_widths_are_multiples_of_eight_where_layers_are_wide(width: int, share: float, kept: int) -> None:
    assert kept_width(width, share) == kept


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_is_between_nothing_and_everything(share: float) -> None:
    method = build("noise2void").method
    before = copy.deepcopy(method.state_dict())
    with pytest.raises(CompressionError, match=r"share=0\.5"):
        prune(method, share)
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(CompressionError, match=r'torch-pruning.*pip install "quietscope\[export\]"'):
        prune(build("noise2void").method, 0.5)
