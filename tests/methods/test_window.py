"""Frames that a method sees at once: the middle one is denoised, and its blind spots are blind."""

from typing import Any

import pytest
import torch

from quietscope.data.normalize import Statistics
from quietscope.methods import METHODS
from quietscope.methods.base import BuiltMethod, LearningMethod
from quietscope.methods.blind_spot import BlindSpotMethod, hide
from quietscope.methods.missing import split_gaps
from quietscope.methods.pn2v import PN2V
from quietscope.methods.window import middle, middle_known, mismatched, with_middle
from quietscope.nn.seeding import seeded
from quietscope.noise import Gaussian
from tests.tiny import configuration

ABLE = tuple(name for name, method in METHODS.items() if method.has_setting("neighbours"))


def built(name: str, channels: int = 1, neighbours: int = 1, **settings: Any) -> BuiltMethod:
    """Return an untrained method, which needs no image to know the axis of its neighbours."""
    kind = METHODS[name]
    settings = {"direction": "x", **settings} if name == "dvlae" else settings
    chosen = configuration(name, **settings).method_settings().model_copy(update={"neighbours": neighbours})
    statistics = Statistics(torch.full((channels,), 100.0), torch.full((channels,), 10.0))
    with seeded(0):
        return kind.build(chosen, statistics, [Gaussian(5.0)] * channels if kind.needs_noise else [])


def test_the_middle_is_found_and_put_back() -> None:
    x = torch.arange(10.0).reshape(1, 10, 1, 1)
    assert middle(x, 2).flatten().tolist() == [4.0, 5.0]
    assert middle(x, 10) is x
    frame = torch.tensor([-4.0, -5.0]).reshape(1, 2, 1, 1)
    assert with_middle(x, frame).flatten().tolist() == [0, 1, 2, 3, -4, -5, 6, 7, 8, 9]
    assert with_middle(frame, 2 * frame).flatten().tolist() == [-8, -10]
    assert middle_known(None, 1) is None
    gaps = x.clone()
    gaps[0, 5] = torch.nan
    filled, known = split_gaps(gaps, torch.tensor([100.0, 200.0]))
    assert filled.flatten().tolist() == [0, 1, 2, 3, 4, 200, 6, 7, 8, 9]
    seen = middle_known(known, 2)
    assert seen is not None
    assert seen.flatten().tolist() == [True, False]


@pytest.mark.parametrize("name", [name for name in ABLE if hasattr(METHODS[name].settings_type, "blind_spots")])
def test_a_blind_spot_is_hidden_in_its_frame_and_its_neighbours_are_seen(name: str) -> None:
    method = built(name, channels=2, neighbours=2)
    assert isinstance(method, BlindSpotMethod | PN2V)
    x = torch.arange(2 * 10 * 32 * 32, dtype=torch.float32).reshape(2, 10, 32, 32)
    blinded, shown = hide(method.blind_spots, x, 2)
    inside = blinded.weight[:, None] > 0
    own, seen = (blinded.at_spots(middle(each, 2)) for each in (x, shown))
    assert bool(torch.where(inside, own != seen, True).all())
    assert torch.equal(shown[:, :4], x[:, :4])
    assert torch.equal(shown[:, 6:], x[:, 6:])
    assert torch.equal(middle(shown, 2), blinded.pixels)


@pytest.mark.parametrize("name", ABLE)
def test_a_loss_is_that_of_the_middle_frame_and_learns_from_all(name: str) -> None:
    """Intensities of a neighbour may be anything: only what is predicted from them is compared with the middle."""
    method = built(name, channels=2)
    assert isinstance(method, LearningMethod)
    x = 100.0 + 10.0 * torch.randn(2, 6, 32, 32, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    with seeded(0):
        torch.autograd.backward(method.loss(x).total)
    assert x.grad is not None
    assert bool((x.grad.abs().amax((0, 2, 3)) > 0).all())
    gaps = x.detach().clone()
    gaps[:, 2:4] = torch.nan  # the middle frame: nothing is left to compare with
    with seeded(0):
        terms = method.loss(gaps).terms
    assert terms["nll" if "nll" in terms else "mse"] == 0.0


def test_residual_networks_add_the_middle_frame() -> None:
    method = built("noise2void", channels=2, residual=True)
    assert isinstance(method, BlindSpotMethod)
    with torch.no_grad():
        method.unet.head.weight.zero_()
        assert method.unet.head.bias is not None
        method.unet.head.bias.zero_()
        x = 100.0 + 10.0 * torch.randn(1, 6, 16, 16)
        torch.testing.assert_close(method.predict(x), x[:, 2:4])


@pytest.mark.parametrize("batch", [1, 3])
def test_neighbours_that_do_not_fit_come_in_boxes_and_leave_the_middle_alone(batch: int) -> None:
    x = torch.arange(batch * 6 * 32 * 32, dtype=torch.float32).reshape(batch, 6, 32, 32)
    with seeded(0):
        found = torch.stack([mismatched(x, 2, 0.5) for _ in range(64)])
        assert torch.equal(mismatched(x, 2, 0.0), x)
    assert torch.equal(found[:, :, 2:4], x[:, 2:4].expand(64, -1, -1, -1, -1))
    changed = (found != x)[:, :, [0, 1, 4, 5]]
    boxes = changed.any(2)
    assert torch.equal(boxes, changed.all(2))  # a box goes through all neighbours
    rows, columns = boxes.any(-1), boxes.any(-2)
    assert torch.equal(boxes, rows[..., None] & columns[..., None, :])
    assert 0.3 < float(rows.any(-1).float().mean()) < 0.7
    assert int(rows.sum(-1)[rows.any(-1)].min()) >= 8
