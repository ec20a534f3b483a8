"""Every method in every format: it runs there, gives what PyTorch gives, and carries its card."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from quietscope.deploy import open_session, read_card
from quietscope.errors import ExportError, OutputError
from quietscope.export import TARGETS, Graph, check, check_export, export_model, target_of
from quietscope.export.bioimage import exact_scale
from quietscope.export.onnx import OPSET, to_onnx
from quietscope.methods import METHODS
from quietscope.methods.base import PointMethod
from quietscope.methods.direct import DirectDenoiser
from tests.exported import CASES, GetExported
from tests.tiny import denoiser, untrained


def test_every_method_is_exported() -> None:
    assert CASES.keys() == METHODS.keys()
    assert {suffix for suffix, *_ in CASES.values()} == {each.suffix for each in TARGETS.values()}


@pytest.mark.parametrize("method", CASES)
def test_an_exported_method_is_the_same(exported: GetExported, method: str) -> None:
    done = exported(method)
    trained = done.denoiser
    assert done.difference < 1e-4
    assert done.num_bytes == sum(each.stat().st_size for each in done.path.parent.iterdir())
    assert {*done.files} == {*done.path.parent.iterdir()}
    card = read_card(done.path)
    graph = Graph.of(target_of(done.path).view(trained.method))
    assert card.method == method
    assert card.outputs == graph.output_names
    assert card.input_names == graph.input_names
    assert card.size_multiple == trained.method.size_multiple
    assert card.orientations == trained.method.orientations
    assert card.spread_factor == 1.25
    assert card.pixel_size_um == {"Y": 0.1, "X": 0.1}
    assert card.configuration["method"] == method
    assert card.bytes_per_pixel > 0


def test_sizes_and_samples_are_free_and_named(exported: GetExported) -> None:
    """The opset is what is said, too."""
    import onnx

    model = onnx.load(exported("hdn").path)
    assert [each.version for each in model.opset_import if not each.domain] == [OPSET]
    names = {each.name: [size.dim_param or size.dim_value for size in each.type.tensor_type.shape.dim]
             for each in (*model.graph.input, *model.graph.output)}  # fmt: skip
    assert names["x"] == [1, 2, "height", "width"]
    assert names["noise_0"] == ["samples", 4, "noise_0_height", "noise_0_width"]
    assert names["sample"][0] == "samples"


def test_intensities_are_not_rounded(exported: GetExported) -> None:
    """OpenVINO computes in bfloat16 where the machine can; intensities must not be rounded to it."""
    done = exported("deconoising")
    method = done.denoiser.method
    assert done.path.suffix == ".xml"
    assert isinstance(method, PointMethod)
    x = Graph.of(method).example_inputs((32, 32), seed=3)[0]
    with torch.no_grad():
        wanted = method.predict(x).numpy()
    found = open_session(done.path).run(x.numpy())["denoised"]
    assert np.abs(found - wanted).max() < 0.05 * float(method.statistics.std)


def test_a_package_of_the_model_zoo_passes_its_own_test(
    exported: GetExported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import warnings

    path = exported("divnoising").path
    with zipfile.ZipFile(path) as package:
        assert {"test_x.npy", "test_denoised.npy", "cover.png", "model.onnx"} <= set(package.namelist())
        package.extractall(tmp_path / "opened")
    description = tmp_path / "opened" / "rdf.yaml"  # of an open archive the library lets the handle lie about
    monkeypatch.setenv("BIOIMAGEIO_PERFORM_IO_CHECKS", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from bioimageio.core import load_description, test_model

        summary = test_model(description)
        described = load_description(description)
    assert summary.status == "passed", summary.format()
    axes = {axis.id: axis for axis in described.inputs[0].axes}
    assert axes["x"].size.step == 2
    assert described.outputs[0].axes[-1].halo == 32
    assert axes["x"].scale == pytest.approx(0.1, rel=1e-9)
    assert described.cite[0].doi
    assert described.license == "BSD-3-Clause"
    card = read_card(path)
    assert card.outputs == ("denoised",)
    assert card.method == "divnoising"
    x = np.full((1, 1, 8, 8), 300, np.float32)
    assert open_session(path).run(x)["denoised"].shape == x.shape


@pytest.mark.parametrize("halo", [32, 48, 96])
@pytest.mark.parametrize("size", [0.1, 0.065, 0.108, 0.1625, 0.35, 1.3, 6.45, 1e-3, 250.7])
def test_any_pixel_size_is_valid_in_a_package(exported: GetExported, size: float, halo: int) -> None:
    """48 pixels times 0.1 um, divided by 0.1 um, are not 48 in float64, and the specification wants them to be."""
    from bioimageio.spec import ValidationContext
    from bioimageio.spec.model import v0_5

    scale = exact_scale(size, halo)
    assert scale == pytest.approx(size, rel=1e-9, abs=0)
    path = exported("divnoising").path
    with zipfile.ZipFile(path) as package:
        described = YAML(typ="safe").load(package.read("rdf.yaml"))
    (given,), (made,) = described["inputs"], described["outputs"]
    for mine, other in zip(given["axes"][2:], made["axes"][2:], strict=True):
        mine["size"]["min"] = 2 * halo + mine["size"]["step"]
        mine["scale"] = other["scale"] = scale
        other["halo"] = halo
    with ValidationContext(perform_io_checks=False, root=path.parent):
        valid = v0_5.ModelDescr.model_validate(described)
    halos = v0_5.get_halos({each.id: each for each in (*valid.inputs, *valid.outputs)})
    assert {sides for of_tensor in halos.values() for sides in of_tensor.values()} == {(halo, halo)}
    x = valid.inputs[0].axes[-1]
    reference = valid.outputs[0].axes[-1]
    for pixels in range(halo, 20_000, 101):
        assert reference.size.get_size(reference, x, ref_size=pixels) == pixels


def test_a_file_that_computes_something_else_does_not_appear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = denoiser(DirectDenoiser)
    monkeypatch.setattr(check, "TOLERANCE", 0.0)
    with pytest.raises(ExportError, match="nothing was written"):
        export_model(trained, tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_targets_are_refused_before_the_work(tmp_path: Path) -> None:
    trained = denoiser(DirectDenoiser)
    with pytest.raises(ExportError, match=r"\.onnx \(ONNX\), \.xml \(OpenVINO\)"):
        export_model(trained, tmp_path / "model.tflite")
    (tmp_path / "model.bin").write_bytes(b"mine")
    with pytest.raises(OutputError, match="overwrite=True"):
        export_model(trained, tmp_path / "model.xml")
    assert (tmp_path / "model.bin").read_bytes() == b"mine"
    assert check_export(tmp_path / "model.xml", overwrite=True).name == "OpenVINO"
    assert len(TARGETS) == len({each.suffix for each in TARGETS.values()})


class Strange(torch.nn.Module):
    """A layer that no exchange format has."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x)


def test_an_operator_that_a_target_lacks_is_named() -> None:
    method = untrained(DirectDenoiser)
    method.unet.register_module("head", torch.nn.Sequential(method.unet.head, Strange()))
    with pytest.raises(ExportError, match="bessel_j0") as found:
        to_onnx(Graph.of(method))
    assert "\n" not in str(found.value)


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ExportError, match=r'pip install "quietscope\[export\]"'):
        to_onnx(Graph.of(untrained(DirectDenoiser)))


def test_what_bfloat16_costs_is_told_apart_from_what_the_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = denoiser(DirectDenoiser)
    trained.configuration = trained.configuration.model_copy(update={"training": {"precision": "auto"}})
    for gains in (True, False):
        monkeypatch.setattr("quietscope.export.gains_from_bf16", lambda device, gains=gains: gains)
        exported = export_model(trained, tmp_path / "model.pt2", overwrite=True)
        assert exported.difference is not None
        assert exported.difference < 1e-5
        if gains:
            assert exported.lower_difference is not None
            assert 1e-4 < exported.lower_difference < 0.5
        else:
            assert exported.lower_difference is None
