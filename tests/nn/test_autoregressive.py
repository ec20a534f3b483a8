"""The causal network: what it sees, exactly; and the cached sampler against the plain loop."""

import math

import pytest
import torch
from torch import Tensor

from quietscope.nn.autoregressive import CausalNetwork, CausalShape
from quietscope.nn.pixel_mixture import PARAMETERS, PixelMixture
from quietscope.nn.sampler import sample_causally

COMPONENTS = 3


def network(
    axis: int | None = 1, channels: int = 1, filters: int = 6, dims: int = 2, dilations: tuple[int, ...] = (1, 2, 1)
) -> CausalNetwork:
    torch.manual_seed(0)
    shape = CausalShape(
        spatial_dims=dims,
        axis=axis,
        channels=channels,
        code_channels=4,
        filters=filters,
        kernel=3,
        dilations=dilations,
        out_channels=PARAMETERS * COMPONENTS * channels,
        activation="elu",
    )
    return CausalNetwork(shape).double()


def seen_from(net: CausalNetwork, size: tuple[int, ...], pixel: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return where, and in which channels, the Jacobian of the output at a pixel is not zero."""
    shape = net.shape
    x = torch.randn(1, shape.channels, *size, dtype=torch.float64, requires_grad=True)
    code = torch.randn(1, shape.code_channels, *size, dtype=torch.float64)
    out = net(x, code)[(0, slice(None), *pixel)]
    touched = torch.zeros(shape.channels, *size, dtype=torch.bool)
    for value in out:
        [gradient] = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)
        if gradient is not None:
            touched |= gradient[0] != 0
    return touched.any(dim=0), touched.flatten(1).any(dim=1)


# As many filters as image channels among them: that is where a skip connection would let the pixel itself through.
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize("axis", [0, 1])
def test_sees_exactly_its_receptive_field(channels: int, axis: int) -> None:
    net = network(axis, channels, filters=6)
    size, pixel = (14, 14), (11, 11)
    where, through = seen_from(net, size, pixel)
    reach = net.shape.receptive_field
    assert reach == 8
    expected = torch.zeros(size, dtype=torch.bool)
    box = [slice(p, p + 1) for p in pixel]
    box[axis] = slice(pixel[axis] - reach, pixel[axis])
    expected[tuple(box)] = True
    assert torch.equal(where, expected)
    assert bool(through.all()), "earlier pixels of every channel count"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sees_exactly_its_receptive_field_in_volumes(axis: int) -> None:
    net = network(axis, channels=2, dims=3, dilations=(1, 1))
    where, _ = seen_from(net, (7, 7, 7), (5, 5, 5))
    expected = torch.zeros(7, 7, 7, dtype=torch.bool)
    box = [slice(5, 6)] * 3
    box[axis] = slice(5 - net.shape.receptive_field, 5)
    expected[tuple(box)] = True
    assert torch.equal(where, expected)


def test_published_decoder_sees_forty_pixels() -> None:
    from quietscope.methods.dvlae import DVLAESettings

    shape = DVLAESettings().causal(channels=1)
    assert shape.receptive_field == 40
    where, _ = seen_from(CausalNetwork(shape).double(), (1, 60), (0, 50))
    assert where[0].nonzero().flatten().tolist() == list(range(10, 50))


def test_without_a_direction_no_pixel_is_seen_and_the_code_is_seen_pixel_by_pixel() -> None:
    net = network(None, channels=2)
    assert net.shape.receptive_field == 0
    where, _ = seen_from(net, (5, 5), (2, 2))
    assert not where.any()
    code = torch.randn(1, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    out = net(torch.zeros(1, 2, 5, 5, dtype=torch.float64), code)
    [gradient] = torch.autograd.grad(out[0, :, 2, 2].sum(), code)
    assert gradient[0].abs().sum(dim=0).nonzero().tolist() == [[2, 2]]


def test_share_of_zero_hides_the_context() -> None:
    net = network()
    x, other = torch.randn(2, 1, 1, 4, 9, dtype=torch.float64).unbind(0)
    code = torch.randn(1, 4, 4, 9, dtype=torch.float64)
    assert not torch.equal(net(x, code), net(other, code))
    assert torch.equal(net(x, code, 0.0), net(other, code, 0.0))


def test_weights_stay_as_they_are() -> None:
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(torch.randn(1, 1, 4, 9, dtype=torch.float64), torch.randn(1, 4, 4, 9, dtype=torch.float64))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("dims", "axis", "channels", "size"),
    [(2, 1, 1, (5, 17)), (2, 0, 2, (13, 4)), (3, 0, 1, (9, 3, 4)), (3, 2, 2, (2, 3, 8)), (2, None, 2, (6, 5))],
)
def test_cached_sampling_equals_running_the_network_for_every_pixel(
    dims: int, axis: int | None, channels: int, size: tuple[int, ...]
) -> None:
    net = network(axis, channels, dims=dims).float()
    width = torch.linspace(0.5, 1.5, channels)
    code, choice, noise = torch.randn(2, 4, *size), torch.rand(2, channels, *size), torch.randn(2, channels, *size)
    drawn = sample_causally(net, lambda out: PixelMixture.of(out, width), code, choice, noise)
    x = torch.zeros_like(noise)
    with torch.no_grad():
        for t in range(1 if axis is None else size[axis]):
            every = PixelMixture.of(net(x, code), width).sample(choice, noise)
            if axis is None:
                x = every
            else:
                x.select(2 + axis, t).copy_(every.select(2 + axis, t))
    assert torch.allclose(drawn, x, atol=1e-5), float((drawn - x).abs().max())


def test_cost_of_sampling_grows_with_the_length_of_a_row_and_not_with_its_square() -> None:
    net = network(dilations=(1, 1)).float()
    calls = []
    net.head.register_forward_hook(lambda *_: calls.append(1))
    for block in net.blocks:
        block.register_forward_hook(lambda *_: calls.append(1))
    width = torch.ones(1)
    code, choice, noise = torch.randn(1, 4, 2, 30), torch.rand(1, 1, 2, 30), torch.zeros(1, 1, 2, 30)
    sample_causally(net, lambda out: PixelMixture.of(out, width), code, choice, noise)
    assert not calls, "no layer runs over the whole row again"


def along(density: PixelMixture, length: int) -> PixelMixture:
    """Repeat the density of one pixel along a row."""
    parts = (density.log_weight, density.mean, density.log_width)
    return PixelMixture(*(part.expand(1, 1, COMPONENTS, 1, length) for part in parts))


def test_a_mixture_is_a_density_and_is_drawn_as_such() -> None:
    torch.manual_seed(1)
    out = torch.randn(1, PARAMETERS * COMPONENTS, 1, 1)
    density = PixelMixture.of(out, torch.tensor([0.5]))
    x = torch.linspace(-30, 30, 60_001)
    p = along(density, x.numel()).log_prob(x.reshape(1, 1, 1, -1)).exp().flatten()
    assert float(torch.trapezoid(p, x)) == pytest.approx(1.0, abs=1e-4)
    num = (1, 1, 1, 200_000)
    drawn = along(density, num[-1]).sample(torch.rand(num), torch.randn(num)).flatten()
    mean = float(torch.trapezoid(p * x, x))
    deviation = math.sqrt(float(torch.trapezoid(p * (x - mean) ** 2, x)))
    assert float(drawn.mean()) == pytest.approx(mean, abs=0.02 * deviation)
    assert float(drawn.std()) == pytest.approx(deviation, rel=0.02)


def test_zeros_stand_for_gaussians_of_the_given_width() -> None:
    density = PixelMixture.of(torch.zeros(1, 2 * PARAMETERS * COMPONENTS, 1, 1), torch.tensor([0.1, 2.0]))
    x = torch.tensor([0.3, -1.0]).reshape(1, 2, 1, 1)
    deviation = torch.tensor([0.1, 2.0])
    expected = -0.5 * (x.flatten() / deviation) ** 2 - torch.log(deviation * math.sqrt(2 * math.pi))
    assert torch.allclose(density.log_prob(x).flatten(), expected, atol=1e-5)
