"""The report that a run writes by itself, and the one that is made anew from its folder."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import DenoisePlan, Denoiser, plan_denoise, plan_train, read_image, run, write_image
from quietscope.cli import run as command_line
from quietscope.data.measured import as_measured
from quietscope.errors import ModelFileError, OutputError
from quietscope.pipeline.measured_noise import diagnosis_of, noise_of
from quietscope.pipeline.report_files import remake, write_reports
from quietscope.report.sheet import RunRecord
from quietscope.report.sheet.channel_pictures import channels_of
from quietscope.wording import for_the_command_line
from tests.report.test_overview import overview
from tests.report.test_sheet import MOST_BYTES, Page, record

MakePlan = Callable[..., DenoisePlan]
MOST_SECONDS = 5.0


def told(folder: Path) -> RunRecord:
    return RunRecord.of_json((folder / "report.json").read_bytes())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, cells: Path, plan_of: MakePlan) -> Path:
    """The folder of a run of two images with references."""
    folder = tmp_path_factory.mktemp("done") / "out"
    run(plan_of(folder, "a", "b", clean=[cells / "clean_a.tif", cells / "clean_b.tif"]))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cells: Path, settings: dict[str, Any]) -> Path:
    """The folder of a training."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    run(plan_train(cells / "a.tif", folder, settings, device="cpu"))
    return folder


def test_a_run_reports_all_that_it_knows(done: Path) -> None:
    text = (done / "report.html").read_text(encoding="utf-8")
    page, found = Page(text), told(done)
    assert len(text.encode()) < MOST_BYTES
    assert [image.name for image in found.images] == ["a.tif", "b.tif"]
    assert found.images[0].files == ("a_denoised.ome.tif", "a_std.ome.tif")
    assert found.missing == ()
    [channel] = found.channels
    assert channel.clean is not None
    assert channel.deviation is not None
    assert len(channel.samples) == 3
    assert len(channel.correlation) == 11
    assert [curve.name for curve in found.curves][:1] == ["validation/loss"]
    assert len(found.noise) == 1
    assert found.noise[0].model
    assert found.noise[0].measured or found.noise[0].note
    assert found.diagnosis
    assert found.publications[1].link.startswith("https://doi.org/")
    assert {name for name, _ in found.versions} >= {"quietscope", "torch", "python"}
    for words in ("a.tif and 1 more", "Prakash", "SSIM", "coverage of the intervals of b.tif", "verdict of each image"):
        assert words in page.text


def test_pixels_are_those_of_the_results(done: Path) -> None:
    """The noisy image sets the contrast of both: what the slider compares is no more than what there is."""
    [channel] = told(done).channels
    assert (channel.noisy.low, channel.noisy.high) == (channel.denoised.low, channel.denoised.high)
    mean = np.asarray(read_image(done / "a_denoised.ome.tif"))
    assert (channel.denoised.height, channel.denoised.width) == mean.shape[-2:]


def test_a_training_reports_what_there_is_without_images(trained: Path) -> None:
    found, page = told(trained), Page((trained / "report.html").read_text(encoding="utf-8"))
    assert (found.verb, found.images, found.channels) == ("train", (), ())
    assert found.curves
    assert found.noise
    assert not page.all("img")
    assert "this run trained a model, and denoised none" in page.text
    assert "a.tif" in page.text


def test_a_method_without_samples_or_noise_model(cells: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    network = {"depth": 1, "filters": 8}
    values = {"method": "noise2void", "steps": 2, "network": network, "training": settings["training"]}
    run(plan_denoise(cells / "a.tif", tmp_path / "out", values, device="cpu"))
    found, page = told(tmp_path / "out"), Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert (found.noise, found.num_samples, found.deviates) == ((), 0, False)
    assert found.channels[0].deviation is None
    assert [words.partition(":")[0] for words in found.missing] == ["Samples", "PSNR, SSIM and coverage as measured"]
    assert "This method has no noise model." in page.text
    assert "No noise model was needed." in page.text
    assert not page.all("button")


def test_a_name_that_is_markup_is_shown_as_it_is(settings: dict[str, Any], tmp_path: Path) -> None:
    name = '<img src=x onerror=alert(1)>&".tif'
    frames = np.random.default_rng(0).poisson(200, (2, 48, 48)).astype(np.uint16)
    write_image(tmp_path / name, frames, "TYX")
    run(plan_denoise(tmp_path / name, tmp_path / "out", settings, device="cpu"))
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert name in page.text
    assert all(attributes["src"].startswith("data:") for attributes in page.all("img"))
    assert not [attributes for _, attributes in page.tags if "onerror" in attributes]


def test_it_is_made_anew_as_it_was(done: Path, tmp_path: Path) -> None:
    began = time.perf_counter()
    path, missing = remake(done, tmp_path / "again.html")
    assert time.perf_counter() - began < MOST_SECONDS
    assert missing == ()
    assert path.read_bytes() == (done / "report.html").read_bytes()
    with pytest.raises(OutputError, match="overwrite=True"):
        remake(done, path)
    remake(done, path, overwrite=True)
    assert remake(done)[0] == done / "report.html"  # its own is replaced without a word
    with pytest.raises(OutputError, match=r"\.html"):
        remake(done, tmp_path / "again.pdf")


def test_it_takes_seconds_whatever_there_is_to_show(done: Path, tmp_path: Path) -> None:
    """Of one processor, with everything that a run does for its report alone."""
    frames = np.random.default_rng(0).poisson(200, (2, 1024, 1024)).astype(np.uint16)
    write_image(tmp_path / "large.tif", frames, "TYX")
    image, denoiser = read_image(tmp_path / "large.tif"), Denoiser.load(done / "model.safetensors", device="cpu")
    as_measured(image)  # what every run does before anything else, and remembers
    shown = overview((384, 384), clean=True)
    shown = replace(shown, samples=np.repeat(shown.samples, 4, axis=0)[:10], deconvolved=shown.mean)
    began = time.process_time()
    noise, diagnosis = noise_of(denoiser, image), diagnosis_of(image)
    told = record(channels=channels_of(replace(shown, others=(shown,) * 5)), diagnosis=diagnosis)
    told = told.model_copy(update={"noise": noise})
    write_reports(told, {name: tmp_path / name for name in ("record", "report")}, lambda event: None, overwrite=False)
    assert time.process_time() - began < MOST_SECONDS
    assert (tmp_path / "report").stat().st_size < MOST_BYTES


def test_what_a_folder_lacks_is_said(trained: Path, tmp_path: Path) -> None:
    """Without the record, model and logs tell what they can; a record that is damaged is none."""
    folder = tmp_path / "run"
    (folder / "logs").mkdir(parents=True)
    for name in ("model.safetensors", "logs/metrics.csv"):
        (folder / name).write_bytes((trained / name).read_bytes())
    _, missing = remake(folder)
    [line] = missing
    assert "report.json" in line
    assert "is not in the folder" in line
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert f"Not in this report: {line}" in page.text
    assert page.all("svg")
    (folder / "logs" / "metrics.csv").unlink()
    (folder / "report.json").write_text("{}")
    _, missing = remake(folder)
    assert "cannot be read" in missing[0]
    assert "metrics.csv" in missing[1]


def test_a_run_without_a_record_shows_what_its_results_tell(done: Path, cells: Path, tmp_path: Path) -> None:
    """As runs of earlier versions have left them: the second image's noisy one is elsewhere by now."""
    folder = tmp_path / "out"
    folder.mkdir()
    for path in done.iterdir():
        if path.name not in ("report.json", "report.html"):
            (folder / path.name).write_bytes(path.read_bytes())
    (tmp_path / "a.tif").write_bytes((cells / "a.tif").read_bytes())
    _, missing = remake(folder)
    assert [line.partition(":")[0] for line in missing] == ["Verdicts, scores and times of images", "Training curves"]
    page, known = Page((folder / "report.html").read_text(encoding="utf-8")), told(done)
    assert "a.tif and 1 more" in page.text
    assert "judgement" not in page.text  # nobody remembers it
    assert "[number] noisy images without" in page.text
    pictures = {attributes["src"].partition(",")[2] for attributes in page.all("img")}
    [channel] = known.channels
    assert channel.deviation is not None
    assert {channel.noisy.png, channel.denoised.png, channel.deviation.png, channel.residual.png} == pictures
    (tmp_path / "a.tif").unlink()
    (folder / "b_denoised.ome.tif").write_bytes(b"II*\0 damaged")
    _, missing = remake(folder)
    assert any(line.startswith("Pictures:") for line in missing)
    assert any(line.startswith("b:") for line in missing)
    assert not Page((folder / "report.html").read_text(encoding="utf-8")).all("img")


def test_results_that_are_gone_are_told(done: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "report.json").write_bytes((done / "report.json").read_bytes())
    _, missing = remake(folder)
    assert [line.partition(",")[0] for line in missing] == [
        "a_denoised.ome.tif",
        "a_std.ome.tif",
        "b_denoised.ome.tif",
        "b_std.ome.tif",
        "model.safetensors",
    ]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, words in ((tmp_path, "neither"), (tmp_path / "none", "does not exist"), (tmp_path / "file", "a file")):
        with pytest.raises(ModelFileError, match=words):
            remake(place)
    assert not (tmp_path / "report.html").exists()


def test_a_report_of_somebody_else_stays(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    (folder / "report.html").write_text("precious")
    with for_the_command_line(), pytest.raises(OutputError, match="--overwrite"):
        remake(folder)
    assert command_line(["report", str(folder)]) == 2
    assert (folder / "report.html").read_text() == "precious"
    assert command_line(["report", str(folder), "--overwrite"]) == 0
    captured = capsys.readouterr()
    assert "report.json" in captured.err
    assert "report.html" in captured.out.replace("\n", "")


def test_it_is_among_what_a_plan_refuses_to_replace(cells: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    for name in ("report.html", "report.json"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("precious")
        for plan in (plan_train(cells / "a.tif", folder, settings), plan_denoise(cells / "a.tif", folder, settings)):
            assert folder / name in plan.files
            with pytest.raises(OutputError, match="overwrite=True"):
                run(plan)
        assert [path.name for path in folder.iterdir()] == [name]


def test_the_record_is_json_that_other_programs_read(done: Path) -> None:
    found = json.loads((done / "report.json").read_text(encoding="utf-8"))
    assert found["format_version"] == 1
    psnr = told(done).images[0].psnr
    assert psnr is not None
    assert found["images"][0]["psnr"][1] == pytest.approx(psnr[1])
