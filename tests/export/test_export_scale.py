"""The stabilised scale for export is the stabilised scale: everywhere, and beyond both ends."""

import pytest
import torch

from quietscope.data.stabilize import Stabilizer
from quietscope.export.export_scale import ExportScale, ExportStatistics

SCALES = {
    "photons": (lambda s: (0.5 * s).clamp(min=0) + 9.0, (0.0, 4000.0)),
    "dark below zero": (lambda s: (2.0 * (s + 50)).clamp(min=1e-2), (-80.0, 900.0)),
    "high offset": (lambda s: (s - 29_900).clamp(min=0.1), (29_900.0, 31_000.0)),
    "a unit range": (lambda s: 0.01 * s.abs() + 1e-4, (0.0, 1.0)),
    "one width": (torch.ones_like, (-1.0, 1.0)),
}


@pytest.mark.parametrize("name", SCALES)
def test_equal_to_the_scale_it_stands_for(name: str) -> None:
    variance, (low, high) = SCALES[name]
    scale = Stabilizer.of_variances([variance], torch.linspace(low, high, 257)[None])
    export = ExportScale(scale)
    length = high - low
    x = torch.cat((torch.linspace(low - length, high + length, 20_001), scale.intensity[0]))[None, None]
    torch.testing.assert_close(export(x), scale(x), rtol=1e-5, atol=1e-5)
    u = torch.cat((torch.linspace(-30, 30, 20_001), scale.stabilized[0]))[None, None]
    torch.testing.assert_close(export.inverse(u), scale.inverse(u), rtol=1e-5, atol=1e-5 * length)


def test_every_channel_has_its_own() -> None:
    variances = [lambda s: s.abs() + 1, lambda s: 3 * s.abs() + 5]
    scale = Stabilizer.of_variances(variances, torch.linspace(0, 500, 257).expand(2, -1))
    x = torch.rand(1, 2, 8, 8) * 700 - 100
    torch.testing.assert_close(ExportScale(scale)(x), scale(x))
    torch.testing.assert_close(ExportScale(scale).inverse(scale(x)), x, rtol=1e-4, atol=1e-2)


def test_statistics_for_export_are_the_same() -> None:
    x = torch.rand(1, 1, 4, 4) * 1e4
    statistics = ExportStatistics(torch.tensor([30_000.0]), torch.tensor([50.0]))
    torch.testing.assert_close(statistics.denormalize(statistics.normalize(x)), x, rtol=1e-4, atol=1e-2)
