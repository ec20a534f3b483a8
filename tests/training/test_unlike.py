"""A network that comes trained says so where it is of no use."""

from typing import Any

import torch

from quietscope.data.normalize import Statistics
from quietscope.methods.instant import Instant, InstantSettings
from quietscope.noise import PoissonGaussian
from quietscope.training.unlike import tell_if_unlike
from tests.tiny import untrained

NOISE = PoissonGaussian(gain=0.0, read_noise=10.0)


def said(scene: torch.Tensor, **changes: Any) -> list[str]:
    x = scene + 10.0 * torch.randn(8, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    statistics = Statistics.of_frames(x.numpy())
    method = Instant.build(InstantSettings(**changes), statistics, [NOISE]).eval()
    lines: list[str] = []
    tell_if_unlike(method, x, lines.append)
    return lines


def waves(period: float) -> torch.Tensor:
    place = torch.arange(64.0)
    return 500.0 + 60.0 * torch.sin(6.283 * place / period) * torch.ones(64, 1)


def test_smooth_structure_is_known() -> None:
    assert said(waves(16.0)) == []


def test_a_network_that_knows_nothing_is_told() -> None:
    """Random weights, as those of a network of another shape are: the hidden pixel is what replaced it."""
    (line,) = said(waves(16.0), widths=(4, 4), blocks=(1, 1))
    assert "unlike" in line
    assert "noise2void" in line


def test_what_has_not_come_trained_is_not_asked() -> None:
    from quietscope.methods.noise2void import Noise2Void

    lines: list[str] = []
    tell_if_unlike(untrained(Noise2Void), torch.randn(2, 1, 16, 16), lines.append)
    assert lines == []


def test_pixels_never_measured_do_not_count() -> None:
    method = untrained(Instant)
    x = 150 + 30 * torch.randn(4, 1, 32, 32)
    gap = x.clone()
    gap[:, :, :16] = torch.nan
    with torch.no_grad():
        found = method.hidden_errors(gap)
        assert found is not None
        for errors in found:
            assert bool(torch.isfinite(errors).all())


def test_hidden_pixels_say_nothing_where_their_noise_is_seen_beside_them() -> None:
    changes = {"widths": (4, 4), "blocks": (1, 1), "direction": "x", "correlation": (0.5, 0.0, 0.0, 0.0)}
    assert said(waves(16.0), **changes) == []
