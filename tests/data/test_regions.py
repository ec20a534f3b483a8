"""Regions held out of frames: a tenth of the area, at places from which nothing else is lost to training."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.data.patches import PatchPlan
from quietscope.data.regions import (
    Box,
    Clearance,
    Starts,
    pixels_outside,
    place_regions,
    starts_inside,
    starts_outside,
)

GAP = (5, 8)


def clearance(patch: tuple[int, int], least: tuple[int, int] | None = None) -> Clearance:
    return Clearance(patch=patch, least=least or (patch[0] // 2, patch[1] // 2), gap=GAP)


def near(size: Sequence[int], regions: Sequence[Box], gap: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Return which pixels of a frame lie in a region or its gap."""
    found = np.zeros(size, np.bool_)
    margins = [*(0 for _ in size[:-2]), *gap]
    for box in regions:
        found[tuple(slice(max(0, part.start - m), part.stop + m) for part, m in zip(box, margins, strict=True))] = True
    return found


def all_starts(spaces: Sequence[Starts]) -> list[tuple[int, ...]]:
    return [start for box in spaces for start in product(*box)]


@pytest.mark.parametrize(
    ("size", "patch", "number"),
    [
        ((128, 128), (16, 16), 4),
        ((128, 150), (16, 20), 4),
        ((80, 80), (32, 32), 1),
        ((30, 200), (24, 24), 1),
        ((200, 33), (24, 24), 1),
        ((3, 96, 96), (2, 32, 32), 1),
    ],
)
@pytest.mark.parametrize("seed", range(6))
def test_a_tenth_is_held_out_and_every_other_pixel_is_in_some_patch(
    size: tuple[int, ...], patch: tuple[int, ...], number: int, seed: int
) -> None:
    regions = place_regions(size, clearance((patch[-2], patch[-1])), np.random.default_rng(seed))
    assert len(regions) == number
    assert sum(np.prod([part.stop - part.start for part in box]) for box in regions) == pytest.approx(
        0.1 * np.prod(size), rel=0.1
    )
    kept_away = near(size, regions, GAP)
    assert (~kept_away).sum() == pixels_outside(size, regions, GAP)
    starts = all_starts(starts_outside(size, patch, regions, GAP))
    covered = np.zeros(size, np.bool_)
    allowed = set()
    for start in product(*(range(n - p + 1) for n, p in zip(size, patch, strict=True))):
        box = tuple(slice(s, s + p) for s, p in zip(start, patch, strict=True))
        if not kept_away[box].any():
            allowed.add(start)
            covered[box] = True
    assert len(starts) == len(set(starts))
    assert set(starts) == allowed
    assert np.array_equal(covered, ~kept_away)


def test_places_follow_from_the_seed_and_differ_between_seeds() -> None:
    drawn = [place_regions((256, 256), clearance((32, 32)), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("size", [(75, 75), (20, 500), (75, 50)])
def test_a_frame_too_small_has_no_region(size: tuple[int, int]) -> None:
    # Of 75 x 75 pixels a tenth is 24 x 24; 24 + 8 + 44 is one pixel too many.
    assert place_regions(size, clearance((44, 44)), np.random.default_rng(0)) == ()


def test_a_frame_just_large_enough_has_one_in_a_corner() -> None:
    [(rows, columns)] = place_regions((76, 76), clearance((44, 44)), np.random.default_rng(0))
    assert {(rows.start, rows.stop), (columns.start, columns.stop)} <= {(0, 24), (52, 76)}


def test_patches_of_a_region_begin_where_they_end_within_it() -> None:
    region = (slice(0, 3), slice(10, 30), slice(40, 56))
    assert starts_inside([region], (8, 16, 16)) == ((range(1), range(10, 15), range(40, 41)),)


def test_all_places_are_equally_likely_and_a_function_of_seed_and_index() -> None:
    spaces: tuple[tuple[Starts, ...], ...] = (((range(4, 5), range(7, 8)), (range(3), range(20, 21))),)
    plan = PatchPlan(sizes=((40, 40),), patch=(8, 8), seed=3, orientations=(0,), spaces=spaces)
    rows = plan.rows(0, 4000)
    places, counts = np.unique(rows[:, 1:3], axis=0, return_counts=True)
    assert places.tolist() == [[0, 20], [1, 20], [2, 20], [4, 7]]
    assert counts == pytest.approx(1000, abs=150)  # five standard deviations
    assert np.array_equal(plan.rows(1234, 5), rows[1234:1239])


def test_frames_are_drawn_by_their_weights() -> None:
    spaces = (((range(1), range(1)),),) * 2
    plan = PatchPlan(sizes=((9, 9),) * 2, patch=(8, 8), seed=0, orientations=(0,), spaces=spaces, weights=(30, 10))
    assert plan.rows(0, 4000)[:, 0].mean() == pytest.approx(0.25, abs=0.035)
