"""Images that do not go together, or are not whole: one line, which says which of them and what to do."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from quietscope.io import write_image
from quietscope.methods import METHODS
from tests import tiny
from tests.cli.command_line import Quietscope, refused

TRAIN = ("-o", "run", "--method", "noise2void", "--steps", "1", "--device", "cpu")


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with in/yx.tif, and so on for other axes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for axes, shape in (("YX", (32, 32)), ("CYX", (2, 32, 32)), ("TYX", (4, 32, 32)), ("ZYX", (4, 32, 32))):
        write_image(f"in/{axes.lower()}.ome.tif", rng.poisson(150, shape).astype(np.uint16), axes)
    return tmp_path


@pytest.mark.parametrize("verb", ["train", "denoise"])
def test_images_of_several_numbers_of_channels(quietscope: Quietscope, lab: Path, verb: str) -> None:
    told = quietscope(verb, "in/yx.ome.tif", "in/cyx.ome.tif", "in/tyx.ome.tif", *TRAIN)
    refused(told, "got in/yx.ome.tif of 1 and in/cyx.ome.tif of 2; train one model for each kind of image")
    refused(quietscope(verb, "in", *TRAIN), "in/cyx.ome.tif of 2 and in/tyx.ome.tif of 1 (and 2 more")
    assert not (lab / "run").exists()


def test_a_plane_among_volumes(quietscope: Quietscope) -> None:
    told = quietscope("train", "in/zyx.ome.tif", "in/yx.ome.tif", "--dims", "3", *TRAIN)
    refused(told, "a Z axis for 3-D in in/yx.ome.tif; got axes 'YX'; pass a volume")


def test_images_whose_frames_follow_each_other_along_unlike_axes(quietscope: Quietscope) -> None:
    alike = ("--neighbours", "1", *TRAIN)
    told = quietscope("train", "in/tyx.ome.tif", "in/zyx.ome.tif", *alike)
    refused(told, "an axis T or Z of all images", "got axes 'ZYX' in in/zyx.ome.tif; name it, e.g. `--axes TYX`")
    told = quietscope("train", "in/zyx.ome.tif", "in/yx.ome.tif", *alike)
    refused(told, "got axes 'YX' in in/yx.ome.tif; leave out `--neighbours`")


def test_a_file_of_a_vendor_that_was_cut(quietscope: Quietscope, lab: Path) -> None:
    tiny.denoiser(METHODS["noise2void"]).save(lab / "m.safetensors")
    with mrcfile.new("in/cut.mrc") as file:
        file.set_data(np.random.default_rng(0).poisson(150, (4, 64, 64)).astype(np.int16))
    whole = Path("in/cut.mrc").read_bytes()
    Path("in/cut.mrc").write_bytes(whole[: len(whole) // 2])
    for verb in ("predict", "denoise"):
        words = ("m.safetensors",) if verb == "predict" else ()
        refused(
            quietscope(verb, *words, "in/cut.mrc", "-o", "out.tif" if words else "out"), "in/cut.mrc to be complete"
        )
