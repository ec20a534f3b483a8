"""Noise files: round trips, files from elsewhere, and every way in which a file can be wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch

from quietscope.errors import NoiseError, OutputError
from quietscope.io.tensor_file import TensorFileError, read_tensor_file, write_tensor_file
from quietscope.noise import Censored, Gaussian, GaussianMixture, Histogram, NoiseModel, PoissonGaussian
from quietscope.noise.noise_file import check_kind_fits, load_noise_model, save_noise_model
from quietscope.noise.noise_spec import AutoNoise, NoiseFile, SigmaNoise, parse_noise_spec

MIXTURE = GaussianMixture(torch.arange(18.0).reshape(9, 2) / 10.0, min_signal=3.5, max_signal=250.25, min_sigma=0.5)
HISTOGRAM = Histogram(
    torch.linspace(0.5, 254.5, 128), torch.full((128,), 2.0), torch.linspace(1.0, 3.0, 128).repeat(128, 1)
)
MODELS: list[NoiseModel] = [
    Gaussian(25.0),
    PoissonGaussian(17.1, 0.3, 2.1),
    MIXTURE,
    HISTOGRAM,
    Censored(MIXTURE, 0.0, 255.0, 1.0),
    Censored(PoissonGaussian(17.1, 0.3, 2.1), high=45.0),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_round_trip(model: NoiseModel, tmp_path: Path) -> None:
    path = tmp_path / "noise.safetensors"
    save_noise_model(path, model)
    again = load_noise_model(path)
    x, s = torch.tensor([10.0, 50.0]), torch.tensor([12.0, 40.0])
    assert type(again) is type(model)
    assert torch.equal(again.log_prob(x, s), model.log_prob(x, s))


def test_npz_round_trip_has_the_published_keys(tmp_path: Path) -> None:
    path = tmp_path / "noise.npz"
    save_noise_model(path, MIXTURE)
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive.files) == {"trained_weight", "min_signal", "max_signal", "min_sigma"}
    s = torch.tensor([12.0, 40.0])
    assert torch.equal(load_noise_model(path).variance(s), MIXTURE.variance(s))


@pytest.mark.parametrize("wrap", [np.float64, lambda value: np.array([value]), np.float32])
def test_npz_files_from_elsewhere(wrap: type[np.float64], tmp_path: Path) -> None:
    path = tmp_path / "theirs.npz"
    weight = np.zeros((9, 2), dtype=np.float32)
    np.savez(path, trained_weight=weight, min_signal=wrap(1.0), max_signal=wrap(9.0), min_sigma=wrap(50.0))
    model = load_noise_model(path)
    assert isinstance(model, GaussianMixture)
    assert (model.min_signal, model.max_signal, model.min_sigma) == (1.0, 9.0, 50.0)


def test_npz_is_for_mixtures_only(tmp_path: Path) -> None:
    with pytest.raises(NoiseError, match=r"noise\.safetensors"):
        save_noise_model(tmp_path / "noise.npz", Gaussian(25.0))
    assert not list(tmp_path.iterdir())


def test_existing_files_are_kept_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "noise.safetensors"
    save_noise_model(path, Gaussian(1.0))
    with pytest.raises(OutputError):
        save_noise_model(path, Gaussian(2.0))
    assert load_noise_model(path).describe() == Gaussian(1.0).describe()
    save_noise_model(path, Gaussian(2.0), overwrite=True)
    assert load_noise_model(path).describe() == Gaussian(2.0).describe()


def write_header(path: Path, header: dict[str, object]) -> Path:
    write_tensor_file(path, {}, header)
    return path


def test_other_kinds_and_versions_are_named(tmp_path: Path) -> None:
    model = write_header(tmp_path / "m.safetensors", {"kind": "model", "format_version": 1})
    with pytest.raises(NoiseError, match="a model file"):
        load_noise_model(model)
    newer = write_header(tmp_path / "n.safetensors", {"kind": "noise", "format_version": 99})
    with pytest.raises(NoiseError, match="pip install -U"):
        load_noise_model(newer)
    partial = write_header(tmp_path / "p.safetensors", {"kind": "noise", "format_version": 1})
    with pytest.raises(NoiseError, match="complete"):
        load_noise_model(partial)
    settings = {"kind": "noise", "format_version": 1, "model": "gaussian", "settings": {"sigma": "loud"}}
    with pytest.raises(NoiseError):
        load_noise_model(write_header(tmp_path / "q.safetensors", settings))


def test_limits_of_a_mixture_travel_in_the_npz(tmp_path: Path) -> None:
    path = tmp_path / "noise.npz"
    save_noise_model(path, Censored(MIXTURE, high=255.0, step=1.0))
    with np.load(path, allow_pickle=False) as archive:
        assert {"trained_weight", "min_signal", "max_signal", "min_sigma"} < set(archive.files)
    again = load_noise_model(path)
    assert isinstance(again, Censored)
    assert (again.limits.low, again.limits.high, again.limits.step) == (-np.inf, 255.0, 1.0)
    assert torch.equal(again.base.variance(torch.tensor([12.0])), MIXTURE.variance(torch.tensor([12.0])))


@pytest.mark.parametrize("model", [HISTOGRAM, Censored(HISTOGRAM, high=255.0)], ids=lambda model: model.kind)
def test_npy_round_trip_is_the_published_table(model: NoiseModel, tmp_path: Path) -> None:
    path = tmp_path / "noise.npy"
    save_noise_model(path, model)
    table = np.load(path, allow_pickle=False)
    assert table.shape == (3, 128, 128)
    assert np.allclose(table[0].sum(axis=1), 1.0)
    assert (table[1] < table[2]).all()
    again, s = load_noise_model(path), torch.tensor([12.0, 40.0])
    assert type(again) is Histogram
    assert torch.allclose(again.log_prob(s + 3.0, s), HISTOGRAM.log_prob(s + 3.0, s), atol=1e-3)


def test_npy_files_that_hold_no_histogram(tmp_path: Path) -> None:
    path = tmp_path / "noise.npy"
    for array in (np.zeros((512, 512)), np.zeros((3, 8, 8)), np.ones((3, 8, 8)), np.array([{"a": 1}], dtype=object)):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(NoiseError):
            load_noise_model(path)
    np.savez(tmp_path / "n.npz", a=np.zeros(3))
    path.write_bytes((tmp_path / "n.npz").read_bytes())
    with pytest.raises(NoiseError, match="archive"):
        load_noise_model(path)


def test_endings_are_checked_before_a_fit() -> None:
    for name, kind in (("n.npy", "histogram"), ("n.npz", "gaussian-mixture"), ("n.safetensors", "gaussian")):
        check_kind_fits(Path(name), kind)
    for name, kind in (("n.npy", "gaussian-mixture"), ("n.npz", "histogram"), ("n.txt", "gaussian")):
        with pytest.raises(NoiseError, match=r"n\.safetensors"):
            check_kind_fits(Path(name), kind)


def test_npy_is_for_histograms_only(tmp_path: Path) -> None:
    with pytest.raises(NoiseError, match=r"noise\.safetensors"):
        save_noise_model(tmp_path / "noise.npy", MIXTURE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".npy"])
@pytest.mark.parametrize("keep", [0, 10, 100, -20])
def test_truncated_files(suffix: str, keep: int, tmp_path: Path) -> None:
    path = tmp_path / f"noise{suffix}"
    save_noise_model(path, HISTOGRAM if suffix == ".npy" else MIXTURE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(NoiseError):
        load_noise_model(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".npy"])
def test_foreign_and_missing_files(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"noise{suffix}"
    with pytest.raises(NoiseError, match="does not exist"):
        load_noise_model(path)
    path.write_text("no noise here, only words " * 20)
    with pytest.raises(NoiseError):
        load_noise_model(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(NoiseError):
        load_noise_model(path)


def test_npz_with_other_contents(tmp_path: Path) -> None:
    np.savez(tmp_path / "image.npz", image=np.zeros((4, 4)))
    with pytest.raises(NoiseError, match="trained_weight"):
        load_noise_model(tmp_path / "image.npz")
    np.savez(tmp_path / "pickle.npz", trained_weight=np.array([{"a": 1}], dtype=object))
    with pytest.raises(NoiseError, match="damaged or of another kind"):
        load_noise_model(tmp_path / "pickle.npz")


@pytest.mark.parametrize("name", ["noise.txt", "noise", "noise.pt"])
def test_unknown_endings(name: str, tmp_path: Path) -> None:
    with pytest.raises(NoiseError, match="safetensors"):
        load_noise_model(tmp_path / name)
    with pytest.raises(NoiseError, match="safetensors"):
        save_noise_model(tmp_path / name, Gaussian(1.0))


def test_words_for_noise() -> None:
    assert parse_noise_spec(" auto ") == AutoNoise()
    assert parse_noise_spec("sigma=25") == SigmaNoise(25.0)
    assert parse_noise_spec("Sigma = 2.5e1") == SigmaNoise(25.0)
    assert parse_noise_spec("noise.npy") == NoiseFile(Path("noise.npy"))
    assert parse_noise_spec("my=noise.npz") == NoiseFile(Path("my=noise.npz"))
    assert parse_noise_spec("runs/noise.safetensors") == NoiseFile(Path("runs/noise.safetensors"))


@pytest.mark.parametrize("text", ["", "sigma", "sigma=", "sigma=-1", "sigma=nan", "sigma=0", "25", "noise.txt"])
def test_words_that_mean_nothing(text: str) -> None:
    with pytest.raises(NoiseError):
        parse_noise_spec(text)


def test_tensor_file_keeps_tensors_and_header(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    base = torch.arange(12.0).reshape(3, 4)
    header = {"kind": "noise", "format_version": 1, "nested": {"list": [1, 2.5, None, "ü"]}}
    write_tensor_file(path, {"rows": base[1:], "columns": base.T, "whole": base}, header)
    tensors, again = read_tensor_file(path)
    assert again == header
    assert torch.equal(tensors["rows"], base[1:])
    assert torch.equal(tensors["columns"], base.T)
    path.unlink()
    assert torch.equal(tensors["whole"] + 0, base)


def test_tensor_file_without_our_header(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    for metadata in (None, {"quietscope": "no json"}, {"quietscope": "[]"}, {"quietscope": '{"kind": 3}'}):
        save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors", metadata=metadata)
        with pytest.raises(TensorFileError):
            read_tensor_file(tmp_path / "a.safetensors")
    with pytest.raises(FileNotFoundError):
        read_tensor_file(tmp_path / "b.safetensors")


def test_tensor_file_refuses_what_json_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_tensor_file(tmp_path / "a.safetensors", {}, {"kind": "n", "format_version": 1, "x": float("nan")})
    assert not list(tmp_path.iterdir())
