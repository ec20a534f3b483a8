"""Blind spots: which pixels are hidden, and that what replaces them is never themselves."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quietscope.data.hidden_pixels import BlindSpots, MaskAxes, Replacement


def spots(
    *,
    spatial_dims: int = 2,
    share: float = 0.05,
    replacement: Replacement = "uniform",
    mask_axes: MaskAxes = "none",
    mask_extent: int = 1,
) -> BlindSpots:
    return BlindSpots(
        spatial_dims=spatial_dims,
        share=share,
        window=5,
        replacement=replacement,
        mask_axes=mask_axes,
        mask_extent=mask_extent,
    )


def numbered(*shape: int) -> torch.Tensor:
    """Make an image whose every pixel has a value of its own."""
    total = int(torch.tensor(shape).prod())
    return torch.arange(total, dtype=torch.float32).reshape(shape)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(5, 23),
    st.integers(5, 23),
    st.sampled_from(("uniform", "median")),
    st.sampled_from(("none", "x", "y", "both")),
    st.integers(0, 1000),
)
def test_a_hidden_pixel_never_keeps_its_value(
    height: int, width: int, replacement: Replacement, axes: MaskAxes, seed: int
) -> None:
    """At the borders too, where the published code may pick the pixel itself."""
    x = numbered(2, 1, height, width)
    # The median of numbered pixels may be the pixel's own number, taken from no pixel: shuffle them.
    x = x.flatten()[torch.randperm(x.numel(), generator=torch.Generator().manual_seed(seed))].reshape(x.shape)
    torch.manual_seed(seed)
    blind = spots(replacement=replacement, mask_axes=axes, mask_extent=5, share=0.2).apply(x)
    assert blind.weight.sum() > 0
    before, after = blind.at_spots(x)[:, 0], blind.at_spots(blind.pixels)[:, 0]
    chosen = blind.weight > 0
    if replacement == "uniform":
        assert bool((before != after)[chosen].all())
        assert bool(torch.isin(blind.pixels, x).all())
    else:
        assert bool(torch.isfinite(blind.pixels).all())


def test_a_pixel_of_the_window_may_be_the_hidden_one_as_published_for_bsd68() -> None:
    """One in 25 hidden pixels stays as it is, and every place of the window gives as many replacements."""
    x = numbered(400, 1, 9, 9)
    torch.manual_seed(0)
    blind = spots(replacement="uniform_with_centre", share=1 / 81).apply(x)
    index, after = blind.index[:, 0], blind.at_spots(blind.pixels)[:, 0, 0].long() % 81
    rows, columns = index // 9, index % 9
    inner = (rows >= 2) & (rows < 7) & (columns >= 2) & (columns < 7)
    offsets = torch.stack((after // 9 - rows, after % 9 - columns), dim=1)[inner]
    assert int(offsets.abs().max()) == 2
    places = (offsets[:, 0] + 2) * 5 + offsets[:, 1] + 2
    counts = torch.bincount(places, minlength=25).double()
    chi_square = float(((counts - counts.mean()).square() / counts.mean()).sum())
    assert chi_square < 50, "24 degrees of freedom"
    assert counts[12] > 0


def test_pixels_elsewhere_stay_and_the_share_is_right() -> None:
    torch.manual_seed(0)
    x = numbered(8, 2, 61, 67)
    blind = spots(share=0.02).apply(x)
    changed = blind.pixels != x
    assert torch.equal(changed[:, 0], changed[:, 1])
    share = float(changed[:, 0].float().mean())
    assert share == pytest.approx(0.02, rel=0.15)
    assert float(blind.weight.sum()) == float(changed[:, 0].sum())
    at = blind.index[blind.weight > 0]
    rows = torch.bincount(at // 67, minlength=61)
    assert int(rows.max()) <= 8 * 10, "spots are spread over the image"


@pytest.mark.parametrize(("axes", "line"), [("x", (0, 1)), ("y", (1, 0))])
def test_a_line_is_hidden_and_gives_no_replacement(axes: MaskAxes, line: tuple[int, int]) -> None:
    """A network may not see noise that is correlated with the spot's: every pixel of the line comes from off it."""
    x = numbered(1, 1, 15, 15)
    blinder = spots(mask_axes=axes, mask_extent=7, share=1 / 225)
    assert len(blinder.hidden_offsets) == 7
    assert len(blinder.source_offsets) == 25 - 5
    torch.manual_seed(4)
    blind = blinder.apply(x)
    y0, x0 = divmod(int(blind.index[0, 0]), 15)
    changed = (blind.pixels != x)[0, 0].nonzero().tolist()
    expected = [(y0 + k * line[0], x0 + k * line[1]) for k in range(-3, 4)]
    assert changed == [list(place) for place in expected if min(place) >= 0 and max(place) < 15]
    for row, column in changed:
        source_y, source_x = divmod(int(blind.pixels[0, 0, row, column]), 15)
        assert (source_y != y0) if axes == "x" else (source_x != x0)
        assert max(abs(source_y - y0), abs(source_x - x0)) <= 2


def test_both_axes_hide_a_cross() -> None:
    assert len(spots(mask_axes="both", mask_extent=5).hidden_offsets) == 9


def test_the_median_is_that_of_the_window_without_its_middle() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 4] = 1000.0
    x[0, 0, 3:6, 3:6] += torch.arange(9.0).reshape(3, 3)
    blinder = BlindSpots(spatial_dims=2, share=1 / 81, window=3, replacement="median")
    for seed in range(400):
        torch.manual_seed(seed)
        blind = blinder.apply(x)
        if int(blind.index[0, 0]) == 4 * 9 + 4:
            assert float(blind.pixels[0, 0, 4, 4]) == 4.0  # median of 0, 1, 2, 3, 5, 6, 7, 8
            return
    raise AssertionError("no seed hid the middle")


def test_three_dimensions_and_thin_volumes() -> None:
    torch.manual_seed(0)
    for size in ((1, 12, 12), (6, 12, 10)):
        x = numbered(2, 1, *size)
        blind = spots(spatial_dims=3, share=0.05, mask_axes="y", mask_extent=3).apply(x)
        assert blind.pixels.shape == x.shape
        chosen = blind.weight > 0
        assert bool((blind.at_spots(x) != blind.at_spots(blind.pixels))[:, 0][chosen].all())


def test_mean_square_counts_the_spots_alone() -> None:
    torch.manual_seed(0)
    x = numbered(2, 1, 12, 12)
    blind = spots().apply(x)
    wrong = x + 7.0
    wrong.view(2, -1).scatter_(1, blind.index, blind.at_spots(x + 3.0)[:, 0])
    assert float(blind.mean_square(wrong, x)) == pytest.approx(9.0)
