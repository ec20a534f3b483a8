"""`quietscope predict` with folders, patterns and lists, and the other verbs that take them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from quietscope.cli import run
from quietscope.io import read_image, write_image
from quietscope.methods import METHODS
from tests import tiny
from tests.cli.command_line import Quietscope, refused

FEW = ("--samples", "2", "--device", "cpu")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with m.safetensors, two images in folders of plate/, and a file that is none."""
    tiny.denoiser(METHODS["noise2void"]).save(tmp_path / "m.safetensors")
    rng = np.random.default_rng(0)
    for name in ("day1/a", "day2/a"):
        (tmp_path / "plate" / name).parent.mkdir(parents=True)
        write_image(tmp_path / "plate" / f"{name}.tif", rng.poisson(150, (24, 24)).astype(np.uint16), "YX")
    (tmp_path / "plate" / "notes.txt").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


BOTH = ["day1/a_denoised.ome.tif", "day2/a_denoised.ome.tif", "predicted.csv", "predicted.jsonl"]


@pytest.mark.parametrize("named", [["plate/"], ["plate/**/*.tif"], ["plate/day1", "plate/day2"]])
def test_folders_and_patterns_keep_their_tree(quietscope: Quietscope, lab: Path, named: list[str]) -> None:
    status, out, err = quietscope("predict", "m.safetensors", *named, "-o", "out/", *FEW)
    assert status == 0, err
    assert "2 of 2" in out
    assert "denoising 100%: 2/2 a.tif" in out
    assert results(lab / "out") == BOTH


def test_files_of_one_name_are_told_apart(quietscope: Quietscope, lab: Path) -> None:
    words = ("plate/day1/a.tif", "plate/day2/a.tif", "-o", "out", "--save", "mean", "--format", "npy", *FEW)
    assert quietscope("predict", "m.safetensors", *words)[0] == 0
    assert results(lab / "out")[:2] == ["day1_a_denoised.npy", "day2_a_denoised.npy"]


def test_one_image_may_go_into_a_folder_too(quietscope: Quietscope, lab: Path) -> None:
    status, out, _ = quietscope("predict", "m.safetensors", "plate/day1/a.tif", "-o", "out", "--json", *FEW)
    assert status == 0
    assert [record["files"] for record in json.loads(out)] == [{"denoised": "out/a_denoised.ome.tif"}]


def test_json_has_a_record_for_each_and_a_failure_ends_in_2(quietscope: Quietscope, lab: Path) -> None:
    (lab / "plate" / "day1" / "b.tif").write_bytes(b"nonsense")
    status, out, err = quietscope("predict", "m.safetensors", "plate", "-o", "out", "--json", *FEW)
    assert status == 2
    [told] = [line for line in err.splitlines() if "not denoised" in line]
    assert "plate/day1/b.tif" in told
    records = json.loads(out)
    assert [record["source"] for record in records] == [f"plate/{name}.tif" for name in ("day1/a", "day1/b", "day2/a")]
    assert [record["error"] is None for record in records] == [True, False, True]
    status, out, err = quietscope("predict", "m.safetensors", "plate", "-o", "out", "--resume", *FEW)
    assert status == 2
    assert "2 of 3, 2 of them earlier" in out
    with (lab / "out" / "predicted.csv").open(newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == ["usable", "", "usable"]


def test_a_result_of_no_use_ends_in_3(quietscope: Quietscope, lab: Path) -> None:
    """The model makes a flat image of everything; an image with structure shows that."""
    y, x = np.mgrid[:192, :192]
    scene = 150 + 30 * np.sin(x / 9) * np.cos(y / 11)
    write_image(lab / "plate" / "scene.tif", np.random.default_rng(0).poisson(scene).astype(np.uint16), "YX")
    status, out, err = quietscope("predict", "m.safetensors", "plate", "-o", "out", *FEW)
    assert status == 3, out + err
    assert "failed: " in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plate", "-o", "o.tif"], ["a folder for the results of several images", "o.tif for 2 images", "--output"]),
        (["plate/*.png", "-o", "out"], ["images that fit plate/*.png", "got none"]),
        (["plate/notes.txt", "-o", "o.tif"], ["plate/notes.txt", "one of"]),
        (["plate/day1/a.tif", "-o", "o.tif", "--format", "npy"], ["--format for results in a folder"]),
        (["plate/day1/a.tif", "-o", "o.tif", "--resume"], ["a folder of results to go on in"]),
        (["plate", "-o", "out", "--resume", "--overwrite"], ["--resume or --overwrite"]),
        (["plate", "-o", "out", "--format", "jpg"], ["as format; got 'jpg'"]),
        (["plate", "plate/day1/a.tif", "plate/day1/a.tif", "-o", "out"], ["plate/day1/a.tif twice"]),
        (["plate", "-o", "m.safetensors/out"], ["a folder at m.safetensors/out"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    quietscope: Quietscope, lab: Path, words: list[str], told: list[str]
) -> None:
    refused(quietscope("predict", "m.safetensors", *words, *FEW), *told)
    assert sorted(path.name for path in lab.iterdir()) == ["m.safetensors", "plate"]


def test_a_second_run_is_refused_in_one_line(quietscope: Quietscope, lab: Path) -> None:
    assert quietscope("predict", "m.safetensors", "plate", "-o", "out", *FEW)[0] == 0
    again = ("predict", "m.safetensors", "plate", "-o", "out", *FEW)
    refused(quietscope(*again), "which exists", "of 1 more image", "--resume", "--overwrite")
    tiny.denoiser(METHODS["noise2void"], scene={"mean": 150.5}).save(lab / "m.safetensors", overwrite=True)
    refused(quietscope(*again, "--resume"), "results of this model", "--overwrite")
    assert quietscope(*again, "--overwrite")[0] == 0


def test_denoise_and_train_take_folders(quietscope: Quietscope, lab: Path, images: Path) -> None:
    words = ("--dry-run", "--json", "--config", images / "tiny.yaml", "--steps", "2", "--device", "cpu")
    status, out, err = quietscope("denoise", "plate/**/*.tif", "-o", "out", *words)
    assert status == 0, err
    assert [image["files"]["mean"] for image in json.loads(out)["images"]] == [f"out/{name}" for name in BOTH[:2]]
    assert quietscope("train", "plate", "-o", "run", *words)[0] == 0
    refused(quietscope("train", "plate/*.czi", "-o", "run", *words), "plate/*.czi")


def test_help_names_several_images(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "--help"]) == 0
    assert "MODEL IMAGES..." in capsys.readouterr().out


def test_results_may_lie_beside_the_images(quietscope: Quietscope, lab: Path) -> None:
    """They are not taken for images by the next run."""
    for more in ((), ("--overwrite",)):
        assert quietscope("predict", "m.safetensors", "plate", "-o", "plate", *more, *FEW)[0] == 0
    found = sorted(path.name for path in (lab / "plate" / "day1").iterdir())
    assert found == ["a.tif", "a_denoised.ome.tif"]
    assert read_image(lab / "plate" / "day1" / "a_denoised.ome.tif").shape == (24, 24)
