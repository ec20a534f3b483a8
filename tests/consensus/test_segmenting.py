"""Segmentation of samples: objects with intervals, segmenters that do wrong, and what is written."""

import csv
import io
import shlex
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quietscope import read_image
from quietscope.consensus import Segmented, segment, segmenters
from quietscope.consensus.groups import groups_in
from quietscope.consensus.objects import objects_of
from quietscope.consensus.segment_files import counts_csv, write_segmented
from quietscope.consensus.segmenters import SEGMENTERS, Chosen
from quietscope.consensus.thresholding import threshold, watershed
from quietscope.errors import AxesError, ChannelError, OutputError, QuietScopeError, SettingsError
from quietscope.io import as_image, write_image
from quietscope.methods.hdn import HDN
from tests import tiny
from tests.consensus.known_samples import bright, fails_on_bright

Pixels = npt.NDArray[np.float32]
MODEL = tiny.denoiser(HDN)
IMAGE = np.random.default_rng(0).normal(150, 30, (3, 16, 24)).astype(np.float32)


def found_in(image: Any = IMAGE, segmenter: Any = bright, axes: str = "TYX", **settings: Any) -> Segmented:
    return segment(MODEL, image, segmenter, axes=axes, **{"num_samples": 3, **settings})


def test_every_frame_has_its_objects() -> None:
    found = found_in()
    assert (found.axes, found.spatial, found.labels.shape) == ("TYX", "YX", IMAGE.shape)
    assert [frame.at for frame in found.frames] == [{"T": 0}, {"T": 1}, {"T": 2}]
    for frame in found.frames:
        assert [each.probability for each in frame.objects] == [1.0, 1.0]
        assert (frame.count.value, frame.count.low, frame.count.high) == (2, 2, 2)
        assert frame.objects[0].area.value == 16 * 12
        assert frame.objects[1].position[1].value == pytest.approx(17.5)
    drawn = MODEL.sample(IMAGE, num_samples=3, axes="TYX")
    left = found.frames[1].objects[0].intensity
    assert left.value == pytest.approx(np.median(drawn[:, 1, :, :12].mean(axis=(1, 2))), rel=1e-5)
    np.testing.assert_allclose(found.mean, drawn.mean(axis=0), rtol=1e-5)


def test_volumes_are_segmented_whole_where_that_is_asked_for() -> None:
    found = found_in(axes="ZYX", dims=3)
    assert [frame.at for frame in found.frames] == [{}]
    assert [len(each.position) for each in found.frames[0].objects] == [3, 3]
    assert found.frames[0].objects[0].area.value == 3 * 16 * 12


def test_counts_say_how_much_wider_than_the_samples_their_intervals_are(tmp_path: Path) -> None:
    wider = tiny.denoiser(HDN, card={"spread_factor": 2.0})
    for model, widening in ((tiny.denoiser(HDN), 1.0), (wider, 2.0)):
        found = segment(model, IMAGE[0], bright, num_samples=4, axes="YX")
        path = tmp_path / f"{widening}.csv"
        path.write_text(counts_csv(replace(found, frames=(replace(found.frames[0], counts=np.array([1, 2, 3])),))))
        assert groups_in(path)["count"][0].tolist() == [2 - widening, 2, 2 + widening]


def test_processes_find_the_same() -> None:
    alone, several = found_in(IMAGE[0], axes="YX"), found_in(IMAGE[0], axes="YX", processes=2)
    np.testing.assert_array_equal(alone.labels, several.labels)
    assert alone.frames[0].objects == several.frames[0].objects


def test_a_channel_is_chosen_and_others_are_refused() -> None:
    model = tiny.denoiser(HDN, scene={"channels": 2})
    image = np.stack([IMAGE[0], IMAGE[1] / 3])
    found = segment(model, image, bright, axes="CYX", channel=1, num_samples=2)
    assert found.labels.shape == (16, 24)
    np.testing.assert_allclose(found.mean, model.sample(image, num_samples=2, axes="CYX")[:, 1].mean(axis=0), rtol=1e-4)
    with pytest.raises(ChannelError, match="from 0 to 1"):
        segment(model, image, bright, axes="CYX", channel=2, num_samples=2)
    with pytest.raises(AxesError, match="ZYX"):
        segment(model, image, bright, axes="CYX", dims=3, num_samples=2)


@pytest.mark.parametrize(
    ("segmenter", "said"),
    [
        (lambda image: image, "labels in integers; got float32"),
        (lambda image: np.zeros((2, 2), int), "16 x 24; got 2 x 2"),
        (lambda image: -np.ones(image.shape, int), "labels from 0 up; got -1"),
        (lambda image: None, "labels in integers; got None"),
        (lambda image: np.full(image.shape, 2**63, np.uint64), "labels below"),
        (lambda image: sys.exit(3), "half of 3 samples; got 3 failures.*SystemExit: 3"),
    ],
)
def test_segmenters_that_do_wrong_are_refused(segmenter: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        found_in(segmenter=segmenter)


def test_an_image_without_objects_has_none(tmp_path: Path) -> None:
    found = found_in(IMAGE[0], lambda image: np.zeros(image.shape, int), "YX")
    assert "no object in any of 3 samples" in found.note
    assert (found.frames[0].objects, found.frames[0].count.high, found.labels.max()) == ((), 0, 0)
    write_segmented(found, tmp_path / "out")
    assert len((tmp_path / "out" / "objects.csv").read_text().splitlines()) == 1
    assert (tmp_path / "out" / "counts.csv").read_text().splitlines()[1] == "0,0,0,0,1,0,0,0"


def test_a_least_probability_is_looked_at_before_a_sample_is_drawn() -> None:
    with pytest.raises(SettingsError, match="a least probability from 0 to 1; got nan"):
        found_in(segmenter=lambda image: pytest.fail("drawn"), least_probability=float("nan"))


def test_a_sample_that_cannot_be_segmented_is_told_and_left_out() -> None:
    calls = iter(range(100))

    def second_fails(image: Pixels) -> npt.NDArray[np.int64]:
        if next(calls) == 1:
            raise RuntimeError("first line\ntoo bright to look at")
        return bright(image)

    (frame,) = found_in(IMAGE[0], second_fails, "YX", num_samples=4).frames
    assert [each.words for each in frame.failures] == ["sample 1 is left out: too bright to look at"]
    assert frame.objects[0].num_samples == 3


def test_more_than_half_has_to_work() -> None:
    with pytest.raises(SettingsError, match=r"the segmenter to work on at least half.*sample 2: too bright"):
        found_in(IMAGE[0] + 1000, fails_on_bright, "YX")


def test_files_are_whole_and_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", IMAGE[0], "YX", pixel_size_um={"Y": 0.5, "X": 0.5})
    found = found_in(tmp_path / "a.tif", axes="YX")
    files = write_segmented(found, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in files.values())
    labels = read_image(tmp_path / "out" / "labels.tif")
    np.testing.assert_array_equal(np.asarray(labels.data), found.labels)
    assert labels.pixel_size_um == {"Y": 0.5, "X": 0.5}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "objects.csv").read_text())))
    assert [row["object"] for row in rows] == ["1", "2"]
    assert float(rows[0]["area_um2"]) == float(rows[0]["area"]) / 4
    assert float(rows[1]["x_um"]) == float(rows[1]["x"]) / 2
    with pytest.raises(OutputError, match="which exists"):
        write_segmented(found, tmp_path / "out")
    write_segmented(found, tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("stands", [False, True])
def test_of_files_that_cannot_all_be_written_none_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: bool
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    if stands:
        out.mkdir()
        (out / "labels.tif").write_text("of a run before")
    monkeypatch.setattr("matplotlib.image.imsave", full)
    found = found_in(IMAGE[0], axes="YX")
    with pytest.raises(OSError, match="No space"):
        write_segmented(found, out, overwrite=True)
    assert [path.name for path in tmp_path.rglob("*")] == (["out", "labels.tif"] if stands else [])


def test_the_picture_shows_what_was_measured_around_a_gap(tmp_path: Path) -> None:
    from matplotlib.image import imread

    image = IMAGE[0].copy()
    image[:4, :4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = segment(MODEL, replace(as_image(image, "YX"), mask="nan"), bright, num_samples=3)
        write_segmented(found, tmp_path / "out")
    drawn = imread(tmp_path / "out" / "overlay.png")
    assert (drawn[:3, :3, :3] == 0).all()
    assert np.ptp(drawn[6:-2, 2:9, 2]) > 0.2


def test_labels_lie_beside_an_ome_zarr_image(tmp_path: Path) -> None:
    from ome_zarr_models.v05.image import Image as ZarrImage
    from ome_zarr_models.v05.image_label import ImageLabel

    write_image(tmp_path / "a.ome.zarr", IMAGE, "TYX")
    found = found_in(tmp_path / "a.ome.zarr")
    target = write_segmented(found, tmp_path / "out")["zarr"]
    import zarr

    np.testing.assert_allclose(np.asarray(read_image(target).data), found.mean)
    np.testing.assert_array_equal(np.asarray(read_image(target / "labels" / "objects").data), found.labels)
    group = zarr.open_group(str(target), mode="r")
    assert ZarrImage.from_zarr(group).ome_attributes.multiscales
    for name in ("objects", "probability_percent"):
        ImageLabel.from_zarr(zarr.open_group(str(target / "labels" / name), mode="r"))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (Chosen(name="nonsense"), "a segmenter among threshold, watershed"),
        (Chosen(name="no_such_module:f"), "that can be imported"),
        (Chosen(name="os:no_such"), "that can be imported"),
        (Chosen(name="os:sep"), "a function os:sep; got a str"),
        (Chosen(name="cellpose"), "a model of yours for cellpose"),
        (Chosen(name="stardist"), "a model of yours for stardist"),
        (Chosen(name="watershed", weights="x"), "weights for cellpose or stardist"),
        (Chosen(name="watershed", diameter=-1.0), "a diameter above 0"),
        (Chosen(name="os:getcwd", diameter=3.0), "a diameter for threshold"),
        (Chosen(name="prog {input}"), "without {output}"),
        (Chosen(name="no-such-program {input} {output}"), "a program no-such-program"),
        (Chosen(name="'prog {input} {output}"), "a command"),
    ],
)
def test_segmenters_that_are_none_are_refused(chosen: Chosen, said: str) -> None:
    with pytest.raises(QuietScopeError, match=said):
        chosen.segmenter()


def test_a_program_segments(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import sys, tifffile\nimage = tifffile.imread(sys.argv[1])\n"
        "tifffile.imwrite(sys.argv[2], (image > 0).astype('uint16'))\n"
    )
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {{input}} {{output}}"
    labels = Chosen(name=command).segmenter()(np.array([[1.0, -1.0]], np.float32))
    assert labels.tolist() == [[1, 0]]
    script.write_text("import sys\nsys.exit('one\\nno cells today')\n")
    with pytest.raises(RuntimeError, match="no cells today"):
        Chosen(name=command).segmenter()(np.ones((2, 2), np.float32))


def test_a_program_that_wrote_no_image_has_failed_on_that_sample(tmp_path: Path) -> None:
    script = tmp_path / "second.py"
    script.write_text(
        "import pathlib, shutil, sys\n"
        f"count = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "count.write_text(count.read_text() + 'x' if count.exists() else 'x')\n"
        "from quietscope import read_image, write_image\n"
        "image = read_image(sys.argv[1])\n"
        "if len(count.read_text()) == 2:\n"
        "    pathlib.Path(sys.argv[2]).write_text('no image')\n"
        "else:\n"
        "    write_image(sys.argv[2], (image.data[:] > 0).astype('uint8'), image.axes)\n"
    )
    command = shlex.join([sys.executable, str(script)]) + " {input} {output}"
    (frame,) = found_in(IMAGE[0], Chosen(name=command).segmenter(), "YX").frames
    assert [each.sample for each in frame.failures] == [1]
    assert "wrote no image" in frame.failures[0].line


def test_cellpose_and_stardist_get_the_models_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins take the arguments that both packages document, and note which model was asked for."""
    asked: list[Any] = []

    class Cellpose:
        def __init__(self, gpu: bool, pretrained_model: str) -> None:
            asked.append(pretrained_model)

        def eval(self, image: Pixels, **options: Any) -> Any:
            asked.append(options)
            return (image > 0).astype(np.uint16), None, None

    class StarDist:
        def __init__(self, config: None, name: str, basedir: str) -> None:
            asked.append((basedir, name))

        def predict_instances(self, image: Pixels) -> Any:
            asked.append(float(image.max()) <= 1.01)
            return (image > 0.5).astype(np.int32), {}

    for package, members in (("cellpose", {"CellposeModel": Cellpose}), ("stardist", {"StarDist2D": StarDist})):
        module = ModuleType(f"{package}.models")
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setitem(sys.modules, f"{package}.models", module)
    image = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    for name, weights in (("cellpose", "mine.pth"), ("stardist", "models/mine")):
        labels = Chosen(name=name, weights=weights, diameter=12.0).segmenter()(image)
        assert labels.tolist() == [[0, 1], [0, 1]]
    assert asked == ["mine.pth", {"diameter": 12.0, "do_3D": False, "z_axis": None}, ("models", "mine"), True]


@pytest.mark.parametrize("name", ["cellpose", "stardist"])
def test_what_is_not_installed_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=f"pip install {name}"):
        Chosen(name=name, weights="mine").segmenter()


def test_segmenters_of_others_see_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Model:
        def predict_instances(self, image: Pixels) -> tuple[Pixels, None]:
            seen.append(image)
            return image, None

        def eval(self, image: Pixels, **_: Any) -> tuple[Pixels]:
            seen.append(image)
            return (image,)

    for name in ("_stardist_model", "_cellpose_model"):
        monkeypatch.setattr(segmenters, name, lambda *_: Model())
    image = IMAGE[0].copy()
    image[:4, :4] = np.nan
    segmenters.stardist(image, "weights", 12.0)
    segmenters.cellpose(image, "weights", 12.0)
    script = "import sys, shutil; shutil.copy(*sys.argv[1:])"
    seen.append(segmenters.of_command(image, shlex.join([sys.executable, "-c", script]) + " {input} {output}"))
    for each in seen:
        assert np.isfinite(each).all()
        assert each[0, 0] == each.min()


def test_another_package_declares_a_segmenter() -> None:
    assert SEGMENTERS.group == "quietscope.segmenters"
    assert list(SEGMENTERS)[:2] == ["threshold", "watershed"]


def two_discs(shape: tuple[int, ...], apart: float) -> Pixels:
    grids = np.indices(shape)
    middle = [length / 2 for length in shape]
    image = np.zeros(shape, np.float32)
    for side in (-1, 1):
        centre = [*middle[:-1], middle[-1] + side * apart / 2]
        image[sum(np.square(grid - at) for grid, at in zip(grids, centre, strict=True)) <= 100.0] = 50.0
    return image + np.random.default_rng(0).normal(100, 2, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(48, 80), (28, 28, 64)])
def test_touching_discs_are_parted_by_the_watershed_alone(shape: tuple[int, ...]) -> None:
    image = two_discs(shape, 17.0)
    assert watershed(image, diameter=20).max() == 2
    assert threshold(image, diameter=20).max() == 1
    apart = two_discs(shape, 26.0)
    assert threshold(apart, diameter=20).max() == 2


def test_units_do_not_matter_and_nothing_is_found_in_nothing() -> None:
    image = two_discs((48, 80), 17.0)
    np.testing.assert_array_equal(watershed(image, 20), watershed(1000 * image - 7, 20))
    assert watershed(np.full((20, 20), 3.0, np.float32)).max() == 0


def test_pixels_that_were_never_measured_are_background() -> None:
    image = two_discs((48, 80), 26.0)
    image[:, :6] = np.nan
    labels = watershed(image, diameter=20)
    assert labels.max() == 2
    assert (labels[:, :6] == 0).all()
    found = objects_of(np.ones(image.shape, int), image)
    assert found.intensity[0] == pytest.approx(np.nanmean(image))


def test_samples_lie_nowhere_when_all_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found_in(IMAGE[0], axes="YX")
    with pytest.raises(SettingsError):
        found_in(IMAGE[0], segmenter=lambda image: image, axes="YX")
    assert list(tmp_path.iterdir()) == []
