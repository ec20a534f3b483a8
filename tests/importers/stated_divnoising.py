"""DivNoising stated again in plain PyTorch, with the names that its authors' weights have."""

import torch.nn.functional as F
from torch import Tensor, nn


class Level(nn.Module):
    """Two convolutions, and on the way up a transposed one."""

    def __init__(self, before: int, after: int, *, is_up: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.convtranspose = nn.ConvTranspose2d(after, after, 2, stride=2) if is_up else None

    def forward(self, h: Tensor) -> Tensor:
        h = F.relu(self.conv2(F.relu(self.conv1(h))))
        out: Tensor = F.max_pool2d(h, 2) if self.convtranspose is None else self.convtranspose(h)
        return out


class Encoder(nn.Module):
    """From an image to mean and log-variance."""

    def __init__(self, widths: list[int], latents: int) -> None:
        super().__init__()
        self.convmu = nn.Conv2d(widths[-1], latents, 3, padding=1)
        self.convlogvar = nn.Conv2d(widths[-1], latents, 3, padding=1)
        self.down_convs = nn.ModuleList(map(Level, [1, *widths[:-1]], widths))


class Decoder(nn.Module):
    """From latents to an image."""

    def __init__(self, widths: list[int], latents: int) -> None:
        super().__init__()
        self.convrecon = nn.Conv2d(widths[0], 1, 3, padding=1)
        pairs = zip([latents, *widths[:0:-1]], widths[::-1], strict=True)
        self.up_convs = nn.ModuleList(Level(before, after, is_up=True) for before, after in pairs)


class VAE(nn.Module):
    """The whole network, for images whose mean and deviation are attributes."""

    def __init__(self, *, depth: int = 2, width: int = 6, latents: int = 5) -> None:
        super().__init__()
        self.data_mean, self.data_std = 120.0, 35.0
        widths = [width << level for level in range(depth)]
        self.encoder, self.decoder = Encoder(widths, latents), Decoder(widths, latents)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Map intensities to intensities, with noise for the latents."""
        h = (x - self.data_mean) / self.data_std
        for level in self.encoder.down_convs:
            h = level(h)
        h = self.encoder.convmu(h) + (self.encoder.convlogvar(h) / 2).exp() * noise
        for level in self.decoder.up_convs:
            h = level(h)
        out: Tensor = self.decoder.convrecon(h)
        return out * self.data_std + self.data_mean
