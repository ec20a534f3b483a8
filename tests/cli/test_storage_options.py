"""``--compression``, ``--pyramid``, ``--chunk``, ``--shard`` and ``--ngff`` of predict and denoise."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from quietscope.io import read_image, write_image
from quietscope.methods import METHODS
from tests import tiny
from tests.cli.command_line import Quietscope, refused

FEW = ("--samples", "2", "--device", "cpu")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with m.safetensors and a.tif, 40 rows of 600 pixels."""
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    write_image(tmp_path / "a.tif", np.random.default_rng(0).poisson(150, (40, 600)).astype(np.uint16), "YX")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_predict_writes_a_pyramid_in_shards(quietscope: Quietscope, lab: Path) -> None:
    words = ("-o", "b.ome.zarr", "--shard", "--chunk", "64", "--compression", "deflate", *FEW)
    assert quietscope("predict", "m.safetensors", "a.tif", *words)[0] == 0
    group = zarr.open_group(str(lab / "b.ome.zarr"), mode="r")
    assert [group[name].shape for name in "01"] == [(40, 600), (20, 300)]
    assert (group["0"].chunks, group["0"].shards) == ((40, 64), (40, 256))
    assert (
        quietscope("predict", "m.safetensors", "a.tif", "-o", "c.ome.zarr", "--no-pyramid", "--ngff", "0.4", *FEW)[0]
        == 0
    )
    assert [name for name, _ in zarr.open_group(str(lab / "c.ome.zarr"), mode="r").arrays()] == ["0"]
    assert (lab / "c.ome.zarr" / ".zattrs").is_file()
    np.testing.assert_array_equal(read_image(lab / "b.ome.zarr"), read_image(lab / "c.ome.zarr"))


def test_predict_writes_compressed_tiff_with_a_pyramid(quietscope: Quietscope, lab: Path) -> None:
    words = ("-o", "out", "--compression", "lzw", "--pyramid", *FEW)
    assert quietscope("predict", "m.safetensors", "a.tif", *words)[0] == 0
    with tifffile.TiffFile(lab / "out" / "a_denoised.ome.tif") as file:
        assert file.pages[0].compression.name == "LZW"
        assert [level.shape for level in file.series[0].levels] == [(40, 600), (20, 300)]


def test_denoise_refuses_before_it_learns(quietscope: Quietscope, lab: Path) -> None:
    words = ("denoise", "a.tif", "-o", "out", "--method", "noise2void", "--steps", "1", "--compression", "lzw")
    refused(quietscope(*words, "--format", "ome.zarr"), "zstd or deflate or none compression")
    assert not (lab / "out").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-o", "b.ome.zarr", "--compression", "lzw"), "zstd or deflate or none compression"),
        (("-o", "b.npy", "--pyramid"), "--pyramid"),
        (("-o", "out/", "--format", "png", "--dtype", "input", "--chunk", "64"), "--chunk 64"),
        (("-o", "out/", "--shard"), "OME-Zarr"),
        (("-o", "b.ome.zarr", "--ngff", "0.4", "--shard"), "0.5"),
        (("-o", "b.ome.zarr", "--compression", "lz4"), "lz4"),
        (("-o", "b.ome.zarr", "--chunk", "100"), "multiple of 16"),
    ],
)
def test_what_a_format_lacks_is_one_line(
    quietscope: Quietscope, lab: Path, words: tuple[str, ...], expected: str
) -> None:
    before = sorted(lab.iterdir())
    refused(quietscope("predict", "m.safetensors", "a.tif", *words, *FEW), expected)
    assert sorted(lab.iterdir()) == before


def test_a_picture_of_whole_numbers_is_written_as_its_refusal_says(quietscope: Quietscope, lab: Path) -> None:
    words = ("predict", "m.safetensors", "a.tif", "-o", "x.png", *FEW)
    refused(quietscope(*words), "write to x.tif instead, or pass `--dtype input`")
    assert quietscope(*words, "--dtype", "input")[0] in {0, 3}
    assert (lab / "x.png").is_file()
