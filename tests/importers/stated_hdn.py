"""HDN stated again in plain PyTorch, with the names that its authors' weights have; sizes and noise are arguments."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """Half of a 1-wide convolution, weighed by the sigmoid of the other half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, 1)
        self.nonlin = nn.ELU()

    def forward(self, h: Tensor) -> Tensor:
        value, weight = self.conv(h).chunk(2, dim=1)
        out: Tensor = self.nonlin(value) * weight.sigmoid()
        return out


class Residual(nn.Module):
    """A residual block, as `block`."""

    def __init__(self, width: int, *, gated: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.BatchNorm2d(width), nn.ELU(), nn.Conv2d(width, width, 3, padding=1), nn.Dropout2d(0.2)]
        self.block = nn.Sequential(*layers, *([Gate(width)] if gated else []))

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = h + self.block(h)
        return out


class Resized(nn.Module):
    """A residual block, as `res`, after what changes the size, as `pre_conv`."""

    def __init__(self, width: int, way: str = "", *, gated: bool = True) -> None:
        super().__init__()
        self.pre_conv: nn.Module | None = None
        if way == "down":
            self.pre_conv = nn.Conv2d(width, width, 3, stride=2, padding=1)
        if way == "up":
            self.pre_conv = nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1)
        self.res = Residual(width, gated=gated)

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.res(h if self.pre_conv is None else self.pre_conv(h))
        return out


class BottomUp(nn.Module):
    """A level on the way up, as `net`."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.net = nn.Sequential(Resized(width, "down"), *(Resized(width) for _ in range(blocks - 1)))


class Joined(nn.Module):
    """Two features joined, as `layer`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Conv2d(2 * width, width, 1), Residual(width))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        out: Tensor = self.layer(torch.cat((a, b), dim=1))
        return out


class Stochastic(nn.Module):
    """The convolutions around the latents of a level."""

    def __init__(self, width: int, latents: int, *, is_top: bool) -> None:
        super().__init__()
        if not is_top:
            self.conv_in_p = nn.Conv2d(width, 2 * latents, 3, padding=1)
        self.conv_in_q = nn.Conv2d(width, 2 * latents, 3, padding=1)
        self.conv_out = nn.Conv2d(latents, width, 3, padding=1)


class TopDown(nn.Module):
    """A level on the way down."""

    def __init__(self, width: int, latents: int, blocks: int, *, is_top: bool) -> None:
        super().__init__()
        if is_top:
            self.top_prior_params = nn.Parameter(torch.randn(1, 2 * latents, 2, 2))
        up = (Resized(width, "up"), *(Resized(width) for _ in range(blocks - 1)))
        self.deterministic_block = nn.Sequential(*up)
        self.stochastic = Stochastic(width, latents, is_top=is_top)
        if not is_top:
            self.merge = Joined(width)
            self.skip_connection_merger = Joined(width)

    def forward(self, bottom_up: Tensor, above: Tensor | None, noise: Tensor, *, blind: bool) -> Tensor:
        seen = bottom_up if above is None else above if blind else self.merge(bottom_up, above)
        mean, log_variance = self.stochastic.conv_in_q(seen).chunk(2, dim=1)
        h = self.stochastic.conv_out(mean if blind else mean + (log_variance / 2).exp() * noise)
        out: Tensor = self.deterministic_block(h if above is None else self.skip_connection_merger(h, above))
        return out


class Likelihood(nn.Module):
    """The last layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.parameter_net = nn.Conv2d(width, 1, 3, padding=1)


class Mixture:
    """A noise model as the authors keep it in a model."""

    def __init__(self) -> None:
        self.weight = torch.randn(6, 2)
        self.min_signal, self.max_signal = torch.tensor([90.0]), torch.tensor([700.0])
        self.min_sigma = 50


class LadderVAE(nn.Module):
    """The whole model."""

    def __init__(self, *, width: int = 8, latents: int = 4, levels: int = 3, blocks: int = 2) -> None:
        super().__init__()
        self.data_mean, self.data_std = torch.tensor([120.0]), torch.tensor([35.0])
        self.use_uncond_mode_at: list[int] = []
        self.noiseModel: Mixture | None = Mixture()
        self.device, self.dropout = torch.device("cpu"), 0.2
        self.first_bottom_up = nn.Sequential(nn.Conv2d(1, width, 5, padding=2), nn.ELU(), Resized(width, gated=False))
        self.bottom_up_layers = nn.ModuleList(BottomUp(width, blocks) for _ in range(levels))
        self.top_down_layers = nn.ModuleList(
            TopDown(width, latents, blocks, is_top=level == levels - 1) for level in range(levels)
        )
        self.final_top_down = nn.Sequential(*(Resized(width) for _ in range(blocks)))
        self.likelihood = Likelihood(width)

    def forward(self, x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Map intensities to intensities, with noise per level, finest first."""
        h = self.first_bottom_up((x - self.data_mean) / self.data_std)
        features: list[Tensor] = []
        for level in self.bottom_up_layers:
            assert isinstance(level, BottomUp)
            h = level.net(h)
            features.append(h)
        above: Tensor | None = None
        for n in reversed(range(len(features))):
            blind = n in self.use_uncond_mode_at
            above = self.top_down_layers[n](features[n], above, noise[n], blind=blind)
        out: Tensor = self.likelihood.parameter_net(self.final_top_down(above))
        return out * self.data_std + self.data_mean
