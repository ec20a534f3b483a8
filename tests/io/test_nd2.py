"""ND2 files, as the library tells of them: nothing writes them, so that its file object is stood in for."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope.errors import ImageFileError, MissingPixelsWarning, SeriesWarning
from quietscope.io import read_image
from tests.io.vendor import check_pixels_of

RNG = np.random.default_rng(0)
MAGIC = b"\xda\xce\xbe\x0a"
LOOPS = {"T": "TimeLoop", "P": "XYPosLoop", "Z": "ZStackLoop", "N": "NETimeLoop", "U": "CustomLoop"}


class StandIn:
    """What `nd2.ND2File` is for frames (frame, Y, X, C, S) that lie along loops."""

    is_legacy = False

    def __init__(
        self, pixels: npt.NDArray[Any], loops: Sequence[tuple[str, int]], missing: Sequence[int] = (), gap: int = 0
    ) -> None:
        frames, height, width, channels, samples = pixels.shape
        self._pixels, self._missing = pixels, set(missing)
        self.dtype = pixels.dtype
        points = [SimpleNamespace(name=f"Position {n + 3}") for n in range(dict(loops).get("P", 0))]
        told = SimpleNamespace(points=points, periodMs=500.0)
        self.experiment = [SimpleNamespace(type=LOOPS[kind], count=count, parameters=told) for kind, count in loops]
        self.attributes = SimpleNamespace(
            sequenceCount=frames,
            channelCount=channels,
            componentCount=channels * samples,
            heightPx=height,
            widthPx=width,
            compressionType=None,
        )
        color = SimpleNamespace(r=255, g=128, b=0)
        volume = SimpleNamespace(axesCalibrated=(True, True, True))
        self.metadata = SimpleNamespace(
            channels=[
                SimpleNamespace(
                    channel=SimpleNamespace(name=f"dye {n}", color=color, emissionLambdaNm=500.0 + n), volume=volume
                )
                for n in range(channels)
            ]
        )
        size = pixels[0].nbytes
        offsets = {n: 16 + n * size + gap for n in range(frames) if n not in self._missing}
        self._rdr = SimpleNamespace(_frame_offsets=offsets)

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def voxel_size(self) -> tuple[float, float, float]:
        return 0.1, 0.2, 0.5

    def read_frame(self, number: int) -> npt.NDArray[Any]:
        stored = self._pixels[number] if number not in self._missing else np.zeros_like(self._pixels[number])
        return stored.transpose(2, 0, 1, 3).squeeze()

    def frame_metadata(self, number: int) -> SimpleNamespace:
        return SimpleNamespace(channels=[SimpleNamespace(time=SimpleNamespace(relativeTimeMs=1000.0 * number))])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a.nd2").write_bytes(MAGIC + bytes(1 << 17))
    return tmp_path / "a.nd2"


def stand_in(monkeypatch: pytest.MonkeyPatch, file: StandIn) -> None:
    monkeypatch.setitem(sys.modules, "nd2", SimpleNamespace(ND2File=lambda _: file))


def test_positions_are_series(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(0, 60000, (2 * 3 * 4, 20, 30, 2, 1), np.uint16)
    stand_in(monkeypatch, StandIn(pixels, (("T", 2), ("P", 3), ("Z", 4))))
    expected = pixels.reshape(2, 3, 4, 20, 30, 2).transpose(1, 0, 2, 5, 3, 4)  # PTZCYX
    with pytest.warns(SeriesWarning, match="holds 3 images"):
        first = read_image(path)
    assert (first.axes, first.channel_names) == ("TZCYX", ("dye 0", "dye 1"))
    assert first.series_names == ("Position 3", "Position 4", "Position 5")
    assert first.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 0.5})
    assert first.frame_interval_s == 12.0  # 12 frames lie between the first of each time, one second each
    assert first.details.colors == ("FF8000", "FF8000")
    check_pixels_of(first, expected[0])
    check_pixels_of(read_image(path, series=2), expected[2])
    with pytest.raises(ImageFileError, match="series 3"):
        read_image(path, series=3)


def test_colour(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(0, 255, (5, 20, 30, 1, 3), np.uint8)
    stand_in(monkeypatch, StandIn(pixels, (("N", 5),)))
    image = read_image(path)
    assert image.axes == "TYXS"
    check_pixels_of(image, pixels[:, :, :, 0])


def test_one_plane_and_components_that_are_channels(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(0, 255, (1, 20, 30, 1, 2), np.uint8)
    stand_in(monkeypatch, StandIn(pixels, ()))
    image = read_image(path)
    assert (image.axes, image.frame_interval_s, sorted(image.pixel_size_um)) == ("CYX", None, ["X", "Y"])
    check_pixels_of(image, pixels[0, :, :, 0].transpose(2, 0, 1))
    both = RNG.integers(0, 255, (1, 20, 30, 2, 2), np.uint8)
    stand_in(monkeypatch, StandIn(both, ()))
    check_pixels_of(read_image(path), both[0].transpose(2, 3, 0, 1).reshape(4, 20, 30))


def test_loops_that_nobody_knows_count_frames(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(0, 255, (6, 20, 30, 1, 1), np.uint8)
    stand_in(monkeypatch, StandIn(pixels, (("U", 2), ("T", 3))))
    image = read_image(path)
    assert image.layout().num_frames == 6
    check_pixels_of(image, pixels.reshape(2, 3, 20, 30))
    stand_in(monkeypatch, StandIn(pixels, ()))
    assert read_image(path).axes == "TYX"


def test_frames_that_were_never_recorded(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(1, 255, (6, 20, 30, 1, 1), np.uint8)
    stand_in(monkeypatch, StandIn(pixels, (("T", 3), ("Z", 2)), missing=(4, 5)))
    with pytest.warns(MissingPixelsWarning, match="2 frames are read"):
        image = read_image(path)
    check_pixels_of(image, pixels[:4].reshape(2, 2, 20, 30))


def test_a_frame_beyond_the_end(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    pixels = RNG.integers(1, 255, (6, 20, 30, 1, 1), np.uint8)
    stand_in(monkeypatch, StandIn(pixels, (("T", 6),), gap=1 << 17))
    with pytest.raises(ImageFileError, match="to be complete"):
        read_image(path)


def test_what_is_no_nd2_file_but_begins_like_one(path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"a\.nd2") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_lossy_compression_is_refused(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    file = StandIn(RNG.integers(1, 255, (1, 20, 30, 1, 1), np.uint8), ())
    file.attributes.compressionType = "lossy"
    stand_in(monkeypatch, file)
    with pytest.raises(ImageFileError, match="without loss"):
        read_image(path)
