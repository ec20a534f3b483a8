"""The U-Net and the autoencoder: sizes, options, and two dimensions as a case of three."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from quietscope.nn.unet import BlurPool, Merge, UNet, UNetShape, Upsampling, shuffled, unshuffled
from quietscope.nn.vae import VAE, VAEShape

UNET = UNetShape(
    spatial_dims=2,
    channels=2,
    depth=2,
    filters=4,
    z_halvings=0,
    batch_norm=True,
    blur_pool=False,
    top_skip=True,
    merge="concat",
    activation="relu",
)
VAE_SHAPE = VAEShape(
    spatial_dims=2,
    channels=2,
    depth=2,
    filters=4,
    latent_channels=3,
    blocks=1,
    z_halvings=0,
    activation="relu",
)


@pytest.mark.parametrize("blur_pool", [False, True])
@pytest.mark.parametrize("top_skip", [False, True])
@pytest.mark.parametrize("merge", ["concat", "add"])
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@pytest.mark.parametrize("tapered", [False, True])
@pytest.mark.parametrize(("dims", "z_halvings", "reduction"), [(2, 0, (4, 4)), (3, 0, (1, 4, 4)), (3, 2, (4, 4, 4))])
def test_unet_keeps_the_size(
    blur_pool: bool,
    top_skip: bool,
    merge: Merge,
    upsampling: Upsampling,
    tapered: bool,
    dims: int,
    z_halvings: int,
    reduction: tuple[int, ...],
) -> None:
    options: dict[str, Any] = {"blur_pool": blur_pool, "top_skip": top_skip, "merge": merge}
    options |= {"upsampling": upsampling, "tapered": tapered}
    shape = replace(UNET, spatial_dims=dims, z_halvings=z_halvings, **options)
    assert shape.reduction == reduction
    size = tuple(3 * step for step in reduction)
    assert UNet(shape)(torch.randn(2, 2, *size)).shape == (2, 2, *size)


def test_without_top_skip_no_full_resolution_feature_reaches_the_end() -> None:
    """The gradient of the output with respect to the first block's output passes through the pool alone."""
    torch.manual_seed(0)
    merges: tuple[Merge, ...] = ("concat", "add")
    ways: tuple[Upsampling, ...] = ("nearest", "transposed")
    for merge, upsampling, reaches in product(merges, ways, (True, False)):
        net = UNet(replace(UNET, merge=merge, upsampling=upsampling, top_skip=reaches)).eval()
        for pool in net.pools:
            pool.register_forward_hook(lambda _m, _i, output: output * 0.0)
        features: list[torch.Tensor] = []
        net.down[0].register_forward_hook(lambda _m, _i, output, kept=features: kept.append(output))
        out = net(torch.randn(1, 2, 8, 8))
        gradient = torch.autograd.grad(out.sum(), features[0], allow_unused=True)[0]
        assert (gradient is not None and bool(gradient.abs().sum() > 0)) == reaches


def test_a_residual_network_gives_its_input_where_its_last_layer_gives_nothing() -> None:
    net = UNet(replace(UNET, residual=True)).eval()
    x = torch.randn(1, 2, 8, 8)
    for parameter in net.head.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(net(x), x)
    plain = UNet(UNET).eval()
    net.load_state_dict(plain.state_dict())
    assert torch.allclose(net(x), plain(x) + x, atol=1e-6)


def test_blur_pool_keeps_a_constant_and_spreads_a_maximum() -> None:
    pool = BlurPool((2, 2))
    assert torch.allclose(pool(torch.full((1, 3, 8, 6), 5.0)), torch.full((1, 3, 4, 3), 5.0))
    spot = torch.zeros(1, 1, 8, 8)
    spot[0, 0, 4, 4] = 1.0
    blurred = pool(spot)
    assert blurred.shape == (1, 1, 4, 4)
    assert int((blurred > 0).sum()) > 1
    assert float(blurred.sum()) == pytest.approx(1.0), "the maximum over 2x2, blurred and thinned by 2x2"


def test_blur_pool_leaves_unpooled_axes_alone() -> None:
    x = torch.randn(1, 2, 3, 8, 8)
    pooled = BlurPool((1, 2, 2))(x)
    planes = torch.stack([BlurPool((2, 2))(x[:, :, z]) for z in range(3)], dim=2)
    assert torch.allclose(pooled, planes, atol=1e-6)


@pytest.mark.parametrize("network", ["unet", "vae"])
def test_a_volume_without_coupling_in_z_is_its_planes(network: str) -> None:
    """3-D kernels that are zero off their middle plane give every plane what the 2-D network gives it."""
    torch.manual_seed(0)
    flat: nn.Module = UNet(UNET).eval() if network == "unet" else VAE(VAE_SHAPE).eval()
    deep: nn.Module = (
        UNet(replace(UNET, spatial_dims=3)).eval()
        if network == "unet"
        else VAE(replace(VAE_SHAPE, spatial_dims=3)).eval()
    )
    weights = {}
    for name, target in deep.state_dict().items():
        value = flat.state_dict()[name]
        if target.ndim == 5:
            target = torch.zeros_like(target)
            target[:, :, target.shape[2] // 2] = value
            value = target
        weights[name] = value
    deep.load_state_dict(weights)
    x = torch.randn(1, 2, 3, 8, 12)

    def run(net: nn.Module, image: torch.Tensor) -> torch.Tensor:
        if isinstance(net, VAE):
            return net.decode(net.encode(image).chunk(2, dim=1)[0])
        out: torch.Tensor = net(image)
        return out

    with torch.no_grad():
        volume = run(deep, x)
        planes = torch.stack([run(flat, x[:, :, z]) for z in range(3)], dim=2)
    assert torch.allclose(volume, planes, atol=1e-5)


@pytest.mark.parametrize(("dims", "shape"), [(2, (2, 3, 16, 24)), (3, (2, 3, 5, 16, 24))])
@pytest.mark.parametrize("side", [1, 2, 4])
def test_squares_become_channels_and_squares_again(dims: int, shape: tuple[int, ...], side: int) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    gathered = unshuffled(x, side)
    assert gathered.shape == (2, 3 * side**2, *shape[2:-2], 16 // side, 24 // side)
    torch.testing.assert_close(gathered[:, side - 1, ..., 0, 0], x[:, 0, ..., 0, side - 1])
    torch.testing.assert_close(shuffled(gathered, side), x)


@pytest.mark.parametrize(("dims", "size"), [(2, (16, 32)), (3, (4, 16, 32))])
def test_a_network_on_squares_makes_images_of_the_same_size(dims: int, size: tuple[int, ...]) -> None:
    shape = replace(UNET, spatial_dims=dims, z_halvings=1, batch_norm=False, merge="add", residual=True, unshuffle=4)
    assert shape.reduction == ((16, 16) if dims == 2 else (2, 16, 16))
    network = UNet(shape)
    x = torch.randn(1, 2, *size, generator=torch.Generator().manual_seed(0))
    assert network(x).shape == x.shape
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.zero_()
        torch.testing.assert_close(network(x), x)
