"""What is judged does not depend on how an image was cut: bands of rows are put together from any blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from quietscope.errors import SizeError
from quietscope.io import Image
from quietscope.tiling import bands as bands_module
from quietscope.tiling import judged as judged_module
from quietscope.tiling.bands import Bands
from quietscope.tiling.judged import Judged, unexplained_regions

SIZES = {"T": 2, "C": 2, "S": 3, "Z": 3, "Y": 96, "X": 72}
Array = npt.NDArray[Any]


def blocks(axes: str, shape: Sequence[int], tile: int, whole: str = "CS") -> Iterator[tuple[int | slice, ...]]:
    """Cut an image as a walk over tiles does: axes of `whole` at once, Y and X in tiles, others one by one."""
    parts: list[list[int | slice]] = []
    for letter, size in zip(axes, shape, strict=True):
        if letter in "YX":
            parts.append([slice(start, min(size, start + tile)) for start in range(0, size, tile)])
        else:
            parts.append([slice(0, size)] if letter in whole else list(range(size)))
    yield from product(*parts)


@pytest.mark.parametrize("axes", ["YX", "XY", "TCYX", "CTXY", "ZYX", "YXS", "CZYX"])
@pytest.mark.parametrize(("tile", "whole"), [(17, "CS"), (32, "CSZ"), (200, "")])
def test_bands_hold_what_was_written_whatever_the_blocks(
    axes: str, tile: int, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands_module, "ROWS", 32)
    shape = [SIZES[letter] + (letter == "Y") * 5 for letter in axes]
    pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    bands, found = Bands(axes, shape), {}
    for key in blocks(axes, shape, tile, whole):
        for band in bands.put(key, pixels[key]):
            flat = pixels[band.key].T if axes.index("X") < axes.index("Y") else pixels[band.key]
            np.testing.assert_array_equal(band.pixels, flat)
            assert band.top % 32 == 0
            found[band.channel, band.number] = band
    assert len(found) == bands.num_channels * bands.per_channel
    assert sum(band.pixels.size for band in found.values()) == pixels.size
    assert not bands._begun


def blurred(axes: str, seed: int = 0) -> tuple[Array, Array]:
    """Spots and noise, and what remains of them after a blur that is too wide."""
    rng = np.random.default_rng(seed)
    shape = [SIZES[letter] for letter in axes]
    plane = [2.0 if letter in "YX" else 0.0 for letter in axes]
    spots = np.where(rng.random(shape) < 0.002, 4000.0, 0.0)
    noisy = 100.0 + gaussian_filter(spots, plane) + rng.normal(0.0, 5.0, shape)
    return noisy.astype(np.float32), gaussian_filter(noisy, [2 * width for width in plane]).astype(np.float32)


@pytest.mark.parametrize("axes", ["YX", "TCYX", "ZYX", "YXS"])
def test_regions_and_verdict_do_not_depend_on_the_tile(axes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands_module, "ROWS", 32)
    monkeypatch.setattr(judged_module, "PIXELS_AT_ONCE", 3 * 32 * 72)  # several searches, the last one larger
    noisy, denoised = blurred(axes)
    image = Image(noisy, axes)
    expected = unexplained_regions(image, Image(denoised, axes))
    assert expected.count > 3
    verdicts = []
    for tile, whole in ((16, "CS"), (64, "CSZ"), (41, "CST"), (500, "CSZT")):
        judged = Judged(image)
        for key in blocks(axes, noisy.shape, tile, whole):
            judged[key] = denoised[key]
        assert judged.unexplained == expected
        verdicts.append(judged.verdict())
    for other in verdicts[1:]:
        assert other.level == verdicts[0].level
        for one, same in zip(other.figures, verdicts[0].figures, strict=True):
            assert asdict(one) == pytest.approx(asdict(same), rel=1e-9, nan_ok=True)


def test_a_small_image_in_small_tiles_fails_as_it_does_in_one() -> None:
    rng = np.random.default_rng(0)
    signal = 100.0 + 16_000.0 * gaussian_filter(rng.normal(size=(128, 128)), 12)
    noisy = (signal + rng.normal(0.0, 5.0, signal.shape)).astype(np.float32)
    flat, levels = np.full_like(noisy, noisy.mean()), set()
    for tile in (128, 64, 30):
        judged = Judged(Image(noisy, "YX"))
        for key in blocks("YX", noisy.shape, tile):
            judged[key] = flat[key]
        levels.add(judged.verdict().level)
    assert levels == {"failed"}


def test_places_are_those_of_the_image() -> None:
    rng = np.random.default_rng(0)
    shape = (2, 3, 2, 300, 80)
    denoised = np.full(shape, 100.0, np.float32)
    noisy = (denoised + rng.normal(0.0, 5.0, shape)).astype(np.float32)
    noisy[1, 2, 1, 280:288, 40:48] += 30.0
    found = unexplained_regions(Image(noisy, "TZCYX"), Image(denoised, "TZCYX"))
    assert found.count == 1
    (region,) = found.regions
    assert region.kind == "too dark"
    assert (region.plane, region.channel) == ({"T": 1, "Z": 2}, 1)
    assert (region.y, region.x, region.side) == (280, 40, 8)


def test_of_very_many_regions_the_surest_are_listed_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from quietscope.metrics import unexplained

    noisy, denoised = blurred("TCYX")
    whole = unexplained_regions(Image(noisy, "TCYX"), Image(denoised, "TCYX"))
    monkeypatch.setattr(unexplained, "MOST_LISTED", 3)
    few = unexplained_regions(Image(noisy, "TCYX"), Image(denoised, "TCYX"))
    assert few.regions == whole.regions[:3]
    assert (few.count, few.kinds) == (whole.count, whole.kinds)


def test_a_result_of_another_size_is_refused() -> None:
    with pytest.raises(SizeError, match="64 x 64"):
        unexplained_regions(Image(np.zeros((64, 64)), "YX"), Image(np.zeros((64, 32)), "YX"))
