"""The package under examples/fractal, installed beside QuietScope: Fractal's own tools take it, and its task runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import zarr
from ome_zarr_models import open_ome_zarr

from quietscope import Results, Storage, plan_predict, read_image, run
from quietscope.io import write_image
from quietscope.methods import METHODS
from tests.tiny import denoiser

PACKAGE = Path(__file__).parents[2] / "examples" / "fractal"
WINDOW = {"min": 0, "max": 65535, "start": 0, "end": 500}
OMERO = {"channels": [{"label": "DAPI", "wavelength_id": "A01_C01", "color": "0000FF", "window": WINDOW}]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package and install it into a folder of its own, without the network."""
    folder = tmp_path_factory.mktemp("fractal")
    shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder / "site")]
    subprocess.run([*command, str(folder / "source")], check=True, timeout=300)
    return folder / "site"


@pytest.fixture(params=["0.4", "0.5"])
def plate(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A plate of one well with two fields of one channel, with labels; and model.safetensors beside it."""
    denoiser(METHODS["noise2void"]).save(tmp_path / "model.safetensors")
    folder, is_new = tmp_path / "plate.zarr", request.param == "0.5"
    described: dict[str, dict[str, Any]] = {
        "": {"plate": {"wells": [{"path": "B/03", "rowIndex": 0, "columnIndex": 0}], "columns": [{"name": "03"}]}},
        "B/03": {"well": {"images": [{"path": "0", "acquisition": 1}, {"path": "1", "acquisition": 1}]}},
    }
    described[""]["plate"] |= {"rows": [{"name": "B"}], "acquisitions": [{"id": 1}], "version": "0.4"}
    root = zarr.open_group(str(folder), mode="w", zarr_format=3 if is_new else 2)
    for name, values in described.items():
        group = root.require_group(name) if name else root
        group.attrs.update({"ome": {"version": "0.5", **values}} if is_new else values)
    rng = np.random.default_rng(0)
    for field in "01":
        image = folder / "B" / "03" / f"{field}.ome.zarr"
        write_image(
            image, rng.poisson(150, (1, 2, 40, 48)).astype(np.uint16), "CZYX", storage=Storage(ngff=request.param)
        )
        image = image.rename(image.with_name(field))
        group = zarr.open_group(str(image), mode="r+")
        found = dict(group.attrs)
        group.attrs.update({"ome": {**found["ome"], "omero": OMERO}} if is_new else {"omero": OMERO})
        labels: dict[str, Any] = {"labels": []}
        group.require_group("labels").attrs.update({"ome": {"version": "0.5", **labels}} if is_new else labels)
        group.require_group("tables").attrs.update({"tables": ["FOV_ROI_table"]})
    return folder


def perform(site: Path, folder: Path, name: str = "", **arguments: Any) -> subprocess.Popen[str]:
    """Start the task as Fractal does."""
    file = folder / f"args{name}.json"
    file.write_text(json.dumps(arguments))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    script = site / "quietscope_fractal" / executable(site)
    command = [sys.executable, str(script), "--args-json", str(file), "--out-json", str(folder / f"out{name}.json")]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def task_of(site: Path) -> dict[str, Any]:
    manifest = json.loads((site / "quietscope_fractal" / "__FRACTAL_MANIFEST__.json").read_text())
    assert manifest["manifest_version"] == "2"
    [task] = manifest["task_list"]
    return dict(task)


def executable(site: Path) -> str:
    return str(task_of(site)["executable_parallel"])


def ended(process: subprocess.Popen[str], status: int = 0) -> str:
    _, said = process.communicate(timeout=240)
    assert process.returncode == status, said
    return said


def described(folder: Path) -> dict[str, Any]:
    attributes = dict(zarr.open_group(str(folder), mode="r").attrs)
    return dict(attributes.get("ome", attributes))


def test_fractals_own_tools_find_the_manifest_up_to_date(site: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    tool = "import sys; from fractal_task_tools._cli import main; sys.exit(main())"
    command = [sys.executable, "-c", tool, "check", "--package", "quietscope-fractal"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stderr


def test_arguments_are_what_the_schema_says(site: Path) -> None:
    schema = task_of(site)["args_schema_parallel"]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"zarr_url": "/a/B/03/0", "model_file": "/m", "num_samples": None, "augment": True}, schema)
    for wrong in ({"zarr_url": "/a"}, {"zarr_url": "/a", "model_file": "/m", "output_image_name": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_fields_of_a_well_are_denoised_side_by_side(site: Path, plate: Path, tmp_path: Path) -> None:
    well = plate / "B" / "03"
    tasks = [
        perform(site, tmp_path, field, zarr_url=f"{well / field}/", model_file=str(tmp_path / "model.safetensors"))
        for field in "01"
    ]
    said = [ended(task) for task in tasks]
    assert "verdict: " in said[0]
    for field in "01":
        told = json.loads((tmp_path / f"out{field}.json").read_text())
        new = well / f"{field}denoised"
        assert told == {"image_list_updates": [{"zarr_url": str(new), "origin": str(well / field)}]}
        assert described(new)["omero"] == OMERO
        assert zarr.open_group(str(new), mode="r")["tables"].attrs["tables"] == ["FOV_ROI_table"]
        assert (new / "labels").is_dir()
        assert read_image(new).data.dtype == np.uint16
    images = described(well)["well"]["images"]
    assert {each["path"] for each in images} == {"0", "1", "0denoised", "1denoised"}
    assert {each["acquisition"] for each in images} == {1}
    open_ome_zarr(zarr.open_group(str(plate), mode="r"))
    assert {path.name for path in well.iterdir()} - {"zarr.json", ".zattrs", ".zgroup", ".quietscope.lock"} == {
        *"01",
        "0denoised",
        "1denoised",
    }
    plain = tmp_path / "plain.ome.zarr"
    results = Results(dtype="input")
    run(plan_predict(tmp_path / "model.safetensors", well / "0", plain, results=results))
    np.testing.assert_array_equal(np.asarray(read_image(well / "0denoised").data), np.asarray(read_image(plain).data))


def test_the_input_is_replaced_only_where_asked(site: Path, plate: Path, tmp_path: Path) -> None:
    well, model = plate / "B" / "03", str(tmp_path / "model.safetensors")
    before = np.asarray(read_image(well / "0").data)
    alike: dict[str, Any] = {"zarr_url": str(well / "0"), "model_file": model, "keep_type": False}
    ended(perform(site, tmp_path, "first", **alike, overwrite_input=True))
    after = read_image(well / "0").data
    assert after.dtype == np.float32
    assert not np.array_equal(np.asarray(after), before)
    assert (well / "0" / "tables").is_dir()
    assert json.loads((tmp_path / "outfirst.json").read_text()) == {
        "image_list_updates": [{"zarr_url": str(well / "0")}]
    }
    assert len(described(well)["well"]["images"]) == 2


def test_mistakes_are_told_in_one_line(site: Path, plate: Path, tmp_path: Path) -> None:
    well, model = plate / "B" / "03", str(tmp_path / "model.safetensors")
    said = ended(perform(site, tmp_path, "a", zarr_url=str(well / "0"), model_file=f"{model}x"), status=2)
    assert "model.safetensorsx" in said
    assert "Traceback" not in said
    (well / "0denoised").mkdir()
    said = ended(perform(site, tmp_path, "b", zarr_url=str(well / "0"), model_file=model, overwrite=True), status=2)
    assert "of another kind" in said
    assert not (tmp_path / "outb.json").exists()
    assert len(described(well)["well"]["images"]) == 2
