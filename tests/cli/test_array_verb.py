"""``quietscope array``: the script says what was typed, is checked before it is written, and runs as it stands."""

import inspect
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from quietscope.cli import make_app
from quietscope.cli.typed_options import words_of
from quietscope.cli.verbs.array import array
from quietscope.cli.verbs.predict import predict
from quietscope.io import write_image
from quietscope.methods import METHODS
from quietscope.pipeline.chunks import array_plan
from quietscope.pipeline.chunks.chunk_trial import Trial
from tests.cli.command_line import Quietscope, refused
from tests.tiny import denoiser

NOT_OF_A_TASK = {"chunks", "resume", "json", "format", "preview", "dry_run"}
"""What of `predict` is settled for the tasks of an array, or makes no sense in one."""
GIVEN = ["--time", "30m", "--memory", "2"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model, and an image of 4 chunks, in a folder whose name a shell would take apart."""
    folder = tmp_path_factory.mktemp("it's $HOME")
    noisy = np.random.default_rng(0).poisson(100, (4, 64, 96)).astype(np.uint16)
    write_image(folder / "noisy.ome.zarr", noisy, "TYX")
    denoiser(METHODS["hdn"]).save(folder / "model.safetensors")
    return {"model": folder / "model.safetensors", "image": folder / "noisy.ome.zarr"}


def words(files: dict[str, Path], output: Path, *more: object) -> list[object]:
    return ["array", files["model"], files["image"], "-o", output, *more]


def task(script: str) -> list[str]:
    """Return the words of the command that a task runs, as a shell reads them, with 7 as the number of the task."""
    [line] = [line for line in script.splitlines() if line.startswith("exec ")]
    show = "printf '%s\\n' " + line.removeprefix("exec ")
    names = dict.fromkeys(("SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "PBS_ARRAYID", "LSB_JOBINDEX"), "7")
    told = subprocess.run(["bash", "-c", show], env={**os.environ, **names}, capture_output=True, text=True, check=True)
    return told.stdout.splitlines()


def called(*typed: object) -> dict[str, Any]:
    """Return what a verb is called with."""
    _, bound, _ = make_app().parse_args([str(word) for word in typed], exit_on_error=False, print_error=False)
    return dict(bound.arguments)


@pytest.mark.parametrize(
    "options",
    [
        ["--samples", "4", "--save", "mean,std", "--augment", "--dtype", "input", "--tile", "64", "--overwrite"],
        ["--no-pyramid", "--chunk", "32", "--shard", "--compression", "none", "--insist", "--seed", "7"],
        ["--frames", "0:3", "--region", "0:64,32:96", "--device", "cpu", "--mask", "nan", "--ngff", "0.4", "--pyramid"],
        ["--axes", "TYX", "--max-memory", "1.5", "--pairs", "0", "--samples", "2"],
    ],
)
def test_tasks_get_what_was_typed(
    files: dict[str, Path], tmp_path: Path, quietscope: Quietscope, options: list[str]
) -> None:
    status, script, err = quietscope(*words(files, tmp_path / "clean.ome.zarr", "--parts", 9, *GIVEN, *options))
    assert status == 0, err
    program, found = task(script)[:3], task(script)[3:]
    assert program[1:] == ["-m", "quietscope"]
    ours = called("predict", files["model"], files["image"], "-o", tmp_path / "clean.ome.zarr", *options)
    theirs = called(*found)
    assert theirs.pop("chunks").of_parts == "7/9"
    assert theirs == ours


def test_every_option_of_predict_is_one_of_array() -> None:
    asked, taken = inspect.signature(predict).parameters, inspect.signature(array).parameters
    assert set(asked) - set(taken) - {"images"} <= NOT_OF_A_TASK
    shared = (set(asked) & set(taken)) - {"model", "output"}
    assert {"prediction", "storing", "part", "mask", "using"} <= shared
    assert {name: taken[name].annotation for name in shared} == {name: asked[name].annotation for name in shared}


def test_channels_and_words_that_look_like_options_come_back() -> None:
    options = ["--channels", "DAPI", "1", "--series=-3"]
    values = called("predict", "m", "i", "-o", "o", *options)
    asked = {name: values[name] for name in ("part", "series")}
    again = called("predict", "m", "i", "-o", "o", *words_of(predict, asked))
    assert again == values


def test_names_are_whole_wherever_the_script_is_run(
    files: dict[str, Path], tmp_path: Path, quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files["model"].parent)
    write_image("mask.tif", np.ones((64, 96), np.uint8), "YX")
    typed = ["array", "model.safetensors", "noisy.ome.zarr", "-o", "clean.ome.zarr", "--parts", 2, "--mask", "mask.tif"]
    _, script, _ = quietscope(*typed, *GIVEN)
    monkeypatch.chdir(tmp_path)
    values = called(*task(script)[3:])
    assert values["model"] == files["model"]
    assert values["images"] == [files["image"]]
    assert values["output"] == files["image"].parent / "clean.ome.zarr"
    assert values["mask"] == str(files["image"].parent / "mask.tif")


@pytest.mark.parametrize(
    ("engine", "lines"),
    [
        ("slurm", ["--array=1-3", "--cpus-per-task=2", "--mem=1908M", "--time=26:30:00"]),
        ("pbs", ["-J 1-3", "-l select=1:ncpus=2:mem=1908mb", "-l walltime=26:30:00"]),
        ("torque", ["-t 1-3", "-l nodes=1:ppn=2,mem=1908mb", "-l walltime=26:30:00"]),
        ("lsf", ['-J "quietscope[1-3]"', "-n 2", '-R "span[hosts=1] rusage[mem=1908MB]"', "-M 1908MB", "-W 1590"]),
    ],
)
def test_each_engine_is_told_in_its_own_words(
    files: dict[str, Path], tmp_path: Path, quietscope: Quietscope, engine: str, lines: list[str]
) -> None:
    more = ["--directive", "--partition=long", "--directive", "-q x", "--setup", "module load apptainer"]
    program = ["--program", "apptainer exec 'my qs.sif' quietscope", "--cores", 2]
    asked = ["--parts", 3, "--engine", engine, "--time", "26h30m", "--memory", "2", *more, *program]
    status, script, _ = quietscope(*words(files, tmp_path / "clean.ome.zarr", *asked))
    assert status == 0
    mark = {"slurm": "#SBATCH", "lsf": "#BSUB"}.get(engine, "#PBS")
    told = [line.removeprefix(f"{mark} ") for line in script.splitlines() if line.startswith(mark)]
    assert [line for line in (*lines, "--partition=long", "-q x") if line not in told] == []
    assert script.startswith("#!/bin/bash\n")
    *_, setup, threads, command = script.splitlines()
    assert setup == "module load apptainer"
    assert "OMP_NUM_THREADS=2" in threads
    assert task(script)[:4] == ["apptainer", "exec", "my qs.sif", "quietscope"]
    assert command.endswith('/3"')


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--parts", "1"], ["2 parts or more"]),
        (["--parts", "0"], ["2 parts or more"]),
        (["--parts", "three"], ["--parts"]),
        ([], ["--parts"]),
        (["--parts", "3", "--engine", "sge"], ["slurm, pbs, torque, lsf", "'sge'"]),
        (["--parts", "3", "--cores", "0"], ["1 core or more"]),
        (["--parts", "3", "--time", "soon"], ["a duration", "--time 10m"]),
        (["--parts", "3", "--memory", "0"], ["gigabytes", "--memory"]),
        (["--parts", "3", "--directive", "a\nrm -r ."], ["one line after `--directive`"]),
        (["--parts", "3", "--setup", " "], ["one line after `--setup`"]),
        (["--parts", "3", "--program", "'a"], ["a command after --program"]),
        (["--parts", "3", "--script", "no/where.sh"], ["an existing folder"]),
        (["--parts", "3", "--save", "deconvolved", *GIVEN], ["deconvolved"]),
        (["--parts", "3", "--channels", "4", *GIVEN], ["channels"]),
    ],
)
def test_mistakes_are_one_line(
    files: dict[str, Path], tmp_path: Path, quietscope: Quietscope, options: list[str], expected: list[str]
) -> None:
    refused(quietscope(*words(files, tmp_path / "clean.ome.zarr", *options)), *expected)


def test_what_no_array_can_write_is_refused(files: dict[str, Path], tmp_path: Path, quietscope: Quietscope) -> None:
    parts = ["--parts", "3", *GIVEN]
    refused(quietscope(*words(files, tmp_path / "clean.tif", *parts)), "OME-Zarr results", "clean.ome.zarr")
    refused(quietscope(*words(files, tmp_path, *parts)), "one image in a file")
    none = {**files, "image": tmp_path / "none.tif"}
    refused(quietscope(*words(none, tmp_path / "clean.ome.zarr", *parts)), "none.tif")
    none = {**files, "model": tmp_path / "none.safetensors"}
    refused(quietscope(*words(none, tmp_path / "clean.ome.zarr", *parts)), "none.safetensors")
    write_image(tmp_path / "clean.ome.zarr", np.zeros((4, 4), np.uint8), "YX")
    refused(quietscope(*words(files, tmp_path / "clean.ome.zarr", *parts)), "which exists", "--overwrite")


def test_a_script_replaces_a_script_and_nothing_else(
    files: dict[str, Path], tmp_path: Path, quietscope: Quietscope
) -> None:
    script, output = tmp_path / "job.sh", tmp_path / "clean.ome.zarr"
    for parts in (2, 3):
        status, out, err = quietscope(*words(files, output, "--parts", parts, "--script", script, *GIVEN))
        assert (status, out) == (0, "")
        assert f"`sbatch {script}`" in err
        assert f"/{parts}" in script.read_text()
    other = tmp_path / "other.sh"
    other.write_text("echo mine\n")
    refused(quietscope(*words(files, output, "--parts", 2, "--script", other, *GIVEN)), "other.sh")
    refused(quietscope(*words(files, output, "--parts", 2, "--script", files["image"], *GIVEN)), "noisy.ome.zarr")
    assert other.read_text() == "echo mine\n"
    assert not list(tmp_path.glob(".*"))


def test_more_parts_than_chunks_are_told(files: dict[str, Path], tmp_path: Path, quietscope: Quietscope) -> None:
    _, _, err = quietscope(*words(files, tmp_path / "clean.ome.zarr", "--parts", 9, *GIVEN))
    assert "9 parts, but 4 chunks: 5 tasks will find nothing to do" in err


def test_time_and_memory_follow_from_one_chunk(
    files: dict[str, Path], tmp_path: Path, quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(start=10.0, chunk=100.0, num_bytes=5 << 30)
    monkeypatch.setattr(array_plan, "try_chunk", lambda job, cut, cores: trial)
    _, script, err = quietscope(*words(files, tmp_path / "clean.ome.zarr", "--parts", 2))
    assert "--time=00:12:00" in script  # 2 (120 + 10 + 2 x 100 s) and what pyramid and verdict take
    assert "--mem=6400M" in script  # a quarter more
    assert "a task does up to 2" in err
    _, script, _ = quietscope(*words(files, tmp_path / "clean.ome.zarr", "--parts", 2, "--time", "5m"))
    assert "--time=00:05:00" in script
    assert "--mem=6400M" in script
    _, script, _ = quietscope(*words(files, tmp_path / "clean.ome.zarr", "--parts", 2, "--memory", "1"))
    assert "--time=00:12:00" in script
    assert "--mem=954M" in script


def test_the_script_runs_as_it_stands(files: dict[str, Path], tmp_path: Path, quietscope: Quietscope) -> None:
    output, whole, script = tmp_path / "clean.ome.zarr", tmp_path / "whole.ome.zarr", tmp_path / "job.sh"
    asked = ["--parts", 2, "--engine", "pbs", "--script", script, "--chunk", 32, "--samples", 2]
    status, _, err = quietscope(*words(files, output, *asked))
    assert status == 0, err
    assert not output.exists()
    for k in (2, 1):
        done = subprocess.run(
            ["bash", script], env={**os.environ, "PBS_ARRAY_INDEX": str(k)}, capture_output=True, check=False
        )
        assert done.returncode in (0, 3), done.stderr  # the model has hardly learnt
        assert output.exists() == (k == 1)
    quietscope("predict", files["model"], files["image"], "-o", whole, "--chunk", 32, "--samples", 2)
    ours, theirs = (np.asarray(zarr.open_group(str(path), mode="r")["0"]) for path in (output, whole))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_an_image_of_other_channels_is_refused_though_nothing_is_tried(
    quietscope: Quietscope, files: dict[str, Path], tmp_path: Path
) -> None:
    write_image(tmp_path / "two.ome.zarr", np.zeros((2, 64, 96), np.uint16), "CYX")
    words = ("array", files["model"], tmp_path / "two.ome.zarr", "-o", tmp_path / "x.ome.zarr", "--parts", "2")
    refused(quietscope(*words, *GIVEN, "--insist"), "expected 1 channel, as in training; got 2")
