"""COSDD stated again in plain PyTorch, with the names that its authors' weights have, as in two of its versions."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    """A convolution, as `conv`."""

    def __init__(
        self, before: int, after: int, kernel: int | tuple[int, int], edges: str = "zeros", **more: int
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"padding": kernel // 2 if isinstance(kernel, int) else 0, "padding_mode": edges}
        self.conv = nn.Conv2d(before, after, kernel, **{**options, **more})

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.conv(h)
        return out


class Gate(nn.Module):
    """Even channels weighed by odd ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv(width, 2 * width, 1)

    def forward(self, h: Tensor) -> Tensor:
        h = self.conv(h)
        return torch.tanh(h[:, 0::2]) * torch.sigmoid(h[:, 1::2])


class Residual(nn.Module):
    """A residual block, as `block`."""

    def __init__(self, width: int, *, gated: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.BatchNorm2d(width), nn.Mish(), Conv(width, width, 3)]
        self.block = nn.Sequential(*layers, *([Gate(width)] if gated else []))

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = h + self.block(h)
        return out


class Resized(nn.Module):
    """A residual block, as `res_block`, after what changes the size, as `pre_conv`."""

    def __init__(self, width: int, way: str = "", edges: str = "zeros", *, gated: bool = True) -> None:
        super().__init__()
        self.pre_conv: nn.Module = nn.Identity()
        if way == "down":
            self.pre_conv = Conv(width, width, 3, edges, stride=2)
        if way == "up":
            self.pre_conv = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), Conv(width, width, 1))
        self.res_block = Residual(width, gated=gated)

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.res_block(self.pre_conv(h))
        return out


class BottomUp(nn.Module):
    """A level on the way up."""

    def __init__(self, width: int, way: str, edges: str) -> None:
        super().__init__()
        self.bu_blocks = nn.Sequential(Resized(width, way, edges))


class Joined(nn.Module):
    """Two features joined, their channels in turn."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(Conv(2 * width, width, 1), Residual(width))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        out: Tensor = self.layer(torch.stack((a, b), dim=2).flatten(1, 2))
        return out


class Stochastic(nn.Module):
    """The convolutions around the latents of a level."""

    def __init__(self, width: int, latents: int, edges: str, *, is_top: bool) -> None:
        super().__init__()
        if not is_top:
            self.conv_in_p = Conv(width, 2 * latents, 3, edges)
        self.conv_in_q = Conv(width, 2 * latents, 3, edges)
        self.conv_out = Conv(latents, width, 3, edges)


class TopDown(nn.Module):
    """A level on the way down."""

    def __init__(self, width: int, latents: int, way: str, edges: str, *, is_top: bool) -> None:
        super().__init__()
        if is_top:
            self.top_prior_params = nn.Parameter(torch.randn(1, 2 * latents, 4, 4))
        self.deterministic_blocks = nn.Sequential(Resized(width, way))
        self.stochastic = Stochastic(width, latents, edges, is_top=is_top)
        if not is_top:
            self.merge, self.skip_connection_merger = Joined(width), Joined(width)

    def forward(self, bottom_up: Tensor, above: Tensor | None, noise: Tensor) -> Tensor:
        q = self.stochastic.conv_in_q(bottom_up if above is None else self.merge(bottom_up, above))
        h = self.stochastic.conv_out(q[:, 0::2] + F.softplus(q[:, 1::2]) * noise)
        out: Tensor = self.deterministic_blocks(h if above is None else self.skip_connection_merger(h, above))
        return out


class Ladder(nn.Module):
    """The ladder, from an image to a code."""

    def __init__(self, width: int, latents: int, halves: Sequence[bool], *, is_later: bool) -> None:
        super().__init__()
        edges, top = "reflect" if is_later else "replicate", len(halves) - 1
        stem = (Conv(1, width, 5, "replicate"), nn.Mish(), Resized(width, gated=False))
        self.first_bottom_up = nn.Sequential(*stem)
        self.bottom_up_layers = nn.ModuleList(BottomUp(width, "down" if half else "", edges) for half in halves)
        self.top_down_layers = nn.ModuleList(
            TopDown(width, latents, "up" if half else "", edges, is_top=level == top)
            for level, half in enumerate(halves)
        )
        self.final_top_down = Conv(width, width, 1) if is_later else nn.Sequential(Resized(width))

    def forward(self, x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        h, features = self.first_bottom_up(x), list[Tensor]()
        for level in self.bottom_up_layers:
            assert isinstance(level, BottomUp)
            h = level.bu_blocks(h)
            features.append(h)
        above: Tensor | None = None
        for n in reversed(range(len(features))):
            above = self.top_down_layers[n](features[n], above, noise[n])
        out: Tensor = self.final_top_down(above)
        return out


class Shifted(nn.Module):
    """A convolution along a row, which sees earlier pixels, and but for the first layer the pixel itself."""

    def __init__(self, before: int, after: int, kernel: int, dilation: int, *, first: bool) -> None:
        super().__init__()
        self.reach = dilation * (kernel - 1)
        self.conv = Conv(before, after, (1, kernel), dilation=dilation)
        self.register_buffer("kernel_mask", torch.ones(1, 1, 1, kernel))
        if first:
            torch.nn.init.zeros_(self.conv.conv.weight[..., -1])

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(h, (self.reach, 0)))
        return out


class Layer(nn.Module):
    """A layer of the noise decoder."""

    def __init__(self, before: int, width: int, code: int, kernel: int, dilation: int, *, first: bool) -> None:
        super().__init__()
        self.in_conv = Shifted(before, width, kernel, dilation, first=first)
        self.s_conv, self.out_conv, self.first = Conv(code, width, 1), Conv(width, width, 1), first

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        out: Tensor = self.out_conv(F.relu(self.in_conv(h) + self.s_conv(code)))
        return out if self.first else out + h


class Layers(nn.Module):
    """The layers of the noise decoder; along y, one without weights stands before and after them."""

    def __init__(self, width: int, code: int, kernel: int, *, along_y: bool) -> None:
        super().__init__()
        self.along_y = along_y
        dilations = (1, 1, 2, 1, 2, 1, 1, 1)
        made = [
            Layer(1 if n == 0 else width, width, code, kernel, each, first=n == 0) for n, each in enumerate(dilations)
        ]
        turns = [nn.Identity()] if along_y else []
        self.layers = nn.ModuleList([*turns, *made, *turns])


class Noise(nn.Module):
    """The noise decoder: raw numbers, of every component its weight, place and width in turn."""

    def __init__(self, width: int, code: int, direction: str, components: int) -> None:
        super().__init__()
        self.layers = Layers(width, code, 1 if direction == "none" else 5, along_y=direction == "y")
        self.out_conv = Conv(width, 3 * components, 1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        if self.layers.along_y:
            x, code = x.transpose(2, 3), code.transpose(2, 3)
        for layer in self.layers.layers:
            x = layer(x, code) if isinstance(layer, Layer) else x
        out: Tensor = self.out_conv(x)
        return out.transpose(2, 3) if self.layers.along_y else out


class Signal(nn.Module):
    """The signal decoder."""

    def __init__(self, code: int, width: int) -> None:
        super().__init__()
        inner = [nn.Sequential(Conv(n, width, 3, "reflect"), nn.ReLU()) for n in (code, width, width)]
        self.net = nn.ModuleList([*inner, Conv(width, 1, 3, "reflect")])


class Hub(nn.Module):
    """The whole model."""

    def __init__(
        self,
        *,
        width: int = 8,
        halves: Sequence[bool] = (True, False, True),
        direction: str = "x",
        is_later: bool = True,
        components: int = 3,
    ) -> None:
        super().__init__()
        self.vae = Ladder(width, width // 2, halves, is_later=is_later)
        self.ar_decoder = Noise(6, width, direction, components)
        self.s_decoder = Signal(width, width)
        if is_later:
            self.register_buffer("data_mean", torch.full((1, 1, 1, 1), 120.0))
            self.register_buffer("data_std", torch.full((1, 1, 1, 1), 35.0))

    def forward(self, x: Tensor, noise: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Map intensities to the signal, and to the raw numbers of the noise's density."""
        x = (x - 120) / 35
        code = h = self.vae(x, noise)
        for layer in self.s_decoder.net:
            h = layer(h)
        return 120 + 35 * h, self.ar_decoder(x, code)
