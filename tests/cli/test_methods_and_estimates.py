"""Other methods than HDN, other estimates than the mean, images from the prior, honest uncertainty: from the shell."""

from pathlib import Path

import numpy as np
import pytest

from quietscope import Denoiser, read_image
from quietscope.cli import run
from quietscope.cli.options import PredictionOptions
from quietscope.errors import SettingsError
from quietscope.io import write_image
from quietscope.model.judge_by import judge_by
from quietscope.pipeline.opinion import second_opinion
from quietscope.setup.bootstrap import bootstrap_noise
from tests.cli.command_line import Quietscope, refused

TINY = {
    "divnoising": "network: {depth: 1, filters: 8, latent_channels: 4, blocks: 1}",
    "noise2void": "network: {depth: 1, filters: 8}",
    "pn2v": "network: {depth: 1, filters: 8, samples: 20}",
}
TRAINING = "training: {patch: 16, batch_size: 2, validate_every: 2, validation_patches: 2, precision: float32}"

BESIDE = ("model.safetensors", "config.yaml", "overview.png", "regions.csv", "report.html", "report.json")


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configs")
    for method, network in TINY.items():
        (folder / f"{method}.yaml").write_text(f"{network}\n{TRAINING}\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(images: Path, configs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model files by method, trained for a few steps."""
    folder, found = tmp_path_factory.mktemp("trained"), {}
    for method in TINY:
        words = ["train", images / "cells.tif", "-o", folder / method, "--method", method, "--steps", "3"]
        words += ["--config", configs / f"{method}.yaml", "--device", "cpu"]
        assert run([str(word) for word in words]) == 0
        found[method] = folder / method / "model.safetensors"
    return found


def test_denoise_with_divnoising(quietscope: Quietscope, images: Path, configs: Path, tmp_path: Path) -> None:
    words = [
        "denoise",
        images / "cells.tif",
        "-o",
        tmp_path,
        "--method",
        "divnoising",
        "--steps",
        "3",
        "--samples",
        "4",
    ]
    status, out, err = quietscope(*words, "--config", configs / "divnoising.yaml", "--clean", images / "clean.tif")
    assert status == 0, err
    names = {"cells_denoised.ome.tif", "cells_std.ome.tif", *BESIDE}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert "divnoising" in out
    assert "4 samples" in out
    assert "90 % interval covers" in out


def test_a_mean_alone_takes_ten_samples_in_pairs(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    for words, wanted in (("mean", 10), ("mean,std", 50), ("map", 50)):
        options = PredictionOptions(save=words)
        assert options.request(0, options.results().asked).num_samples == wanted
    assert PredictionOptions(samples=7).request(0, {"mean"}).num_samples == 7

    def mean(*options: str) -> np.ndarray:
        words = ["predict", trained["divnoising"], images / "cells.tif", "-o", tmp_path / "mean.tif", "--overwrite"]
        status, _, err = quietscope(*words, *options)
        assert status in (0, 3), err  # what three steps have taught is of no use
        return np.asarray(read_image(tmp_path / "mean.tif").data)

    np.testing.assert_array_equal(mean(), mean("--samples", "10", "--pairs", "5"))
    assert np.abs(mean() - mean("--samples", "10", "--pairs", "0")).max() > 1e-3
    too_many = ["predict", trained["divnoising"], images / "cells.tif", "-o", tmp_path / "no.tif", "--pairs", "6"]
    refused(quietscope(*too_many), "from 0 to 5 pairs among 10 samples; got 6", "--pairs 0")


def test_denoise_with_pn2v_writes_a_deviation_and_draws_no_samples(
    quietscope: Quietscope, images: Path, configs: Path, tmp_path: Path
) -> None:
    words = ["denoise", images / "cells.tif", "-o", tmp_path, "--method", "pn2v", "--noise", "sigma=8", "--steps", "3"]
    status, out, err = quietscope(*words, "--config", configs / "pn2v.yaml", "--clean", images / "clean.tif")
    assert status == 0, err
    names = {"cells_denoised.ome.tif", "cells_std.ome.tif", *BESIDE}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert "90 % interval covers" in out
    assert "0 samples" not in out
    refused(
        quietscope(*words, "--config", configs / "pn2v.yaml", "--save", "samples", "--overwrite"),
        "mean and std alone from pn2v, which draws no samples",
    )


def test_a_deviation_without_samples_is_recalibrated(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    model, cells, clean = trained["pn2v"], images / "cells.tif", images / "clean.tif"
    status, out, err = quietscope("recalibrate", model, cells, "--clean", clean, "-o", tmp_path / "honest.safetensors")
    assert status == 0, err
    assert "deviations are multiplied by" in out
    assert Denoiser.load(tmp_path / "honest.safetensors").spread != 1.0


def test_denoise_with_noise2void_writes_no_deviation(
    quietscope: Quietscope, images: Path, configs: Path, tmp_path: Path
) -> None:
    words = ["denoise", images / "cells.tif", "-o", tmp_path, "--method", "noise2void", "--steps", "3"]
    status, out, err = quietscope(*words, "--config", configs / "noise2void.yaml", "--clean", images / "clean.tif")
    assert status == 0, err
    names = {"cells_denoised.ome.tif", *BESIDE}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert "one pass" in out


def test_a_point_method_refuses_what_it_cannot_give(
    quietscope: Quietscope, images: Path, configs: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    base = ["denoise", images / "cells.tif", "-o", tmp_path / "x", "--method", "noise2void", "--steps", "3"]
    refused(quietscope(*base, "--save", "mean,std"), "std", "no samples")
    refused(quietscope(*base, "--estimate", "map"), "map", "no samples")
    refused(quietscope(*base, "--noise", "sigma=3"), "no noise model", "noise2void")
    refused(quietscope("generate", trained["noise2void"], "-o", tmp_path / "g.tif"), "noise2void", "--method hdn")
    model, cells, clean = trained["noise2void"], images / "cells.tif", images / "clean.tif"
    for words in (base, ["predict", model, cells, "-o", tmp_path / "p.tif"]):
        refused(quietscope(*words, "--pairs", "3"), "no pairs of samples from noise2void", "--pairs 3")
    assert quietscope("predict", model, cells, "-o", tmp_path / "p.tif", "--pairs", "0")[0] == 0
    (tmp_path / "p.tif").unlink()
    with pytest.raises(SettingsError, match="pairs=3"):
        Denoiser.load(model, device="cpu").denoise(read_image(cells), pairs=3)
    refused(quietscope("recalibrate", model, cells, "--clean", clean, "-o", tmp_path / "m.safetensors"), "noise2void")
    assert not list(tmp_path.iterdir())


def test_predict_writes_every_estimate(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    words = ["predict", trained["divnoising"], images / "cells.tif", "-o", tmp_path / "out.ome.tif", "--samples", "9"]
    status, _, err = quietscope(
        *words, "--estimate", "map", "--save", "mean,std,quantiles,samples", "--quantiles", "0.1,0.5,0.9", "--augment"
    )
    assert status == 0, err
    read = {path.name: np.asarray(read_image(path)) for path in tmp_path.iterdir()}
    samples = read["out_samples.ome.tif"]
    assert samples.shape == (9, 2, 64, 64)
    np.testing.assert_allclose(read["out_mean.ome.tif"], samples.mean(0), rtol=1e-4)
    np.testing.assert_allclose(read["out_std.ome.tif"], samples.std(0, ddof=1), rtol=1e-2, atol=1e-2)
    expected = np.quantile(samples, (0.1, 0.5, 0.9), axis=0)
    np.testing.assert_allclose(read["out_quantiles.ome.tif"], expected, rtol=1e-4)
    most_probable = read["out.ome.tif"]
    assert most_probable.shape == (2, 64, 64)
    assert not np.array_equal(most_probable, read["out_mean.ome.tif"])
    assert (most_probable <= samples.max(0) + 0.01).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--quantiles", "0.5,much"], ["0.5,much"]),
        (["--quantiles", "1.5"], ["between 0 and 1"]),
        (["--bandwidth", "0"], ["bandwidth"]),
        (["--bandwidth", "0.5"], ["--bandwidth", "no map"]),
        (["--save", "mean", "--quantiles", "0.5"], ["--quantiles", "no quantiles"]),
        (["--estimate", "median"], ["median"]),
    ],
)
def test_estimates_that_mean_nothing(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path, words: list[str], said: list[str]
) -> None:
    base = ["predict", trained["divnoising"], images / "cells.tif", "-o", tmp_path / "out.tif"]
    refused(quietscope(*base, *words), *said)
    assert not list(tmp_path.iterdir())


def test_generate_is_reproducible_and_noise_adds_to_it(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    words = ["generate", trained["divnoising"], "--num", "3", "--size", "33,50", "--seed", "5", "-o"]
    for name, more in (("a", []), ("b", []), ("noisy", ["--with-noise"]), ("cool", ["--temperature", "0.1"])):
        status, _, err = quietscope(*words, tmp_path / f"{name}.ome.tif", *more)
        assert status == 0, err
    read = {path.name[:-8]: read_image(path) for path in tmp_path.iterdir()}
    pixels = {name: np.asarray(image) for name, image in read.items()}
    assert pixels["a"].shape == (3, 33, 50)
    assert read["a"].pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.1})
    assert np.array_equal(pixels["a"], pixels["b"])
    noise = pixels["noisy"] - pixels["a"]
    model = Denoiser.load(trained["divnoising"], device="cpu").noise_models[0]
    import torch

    assert noise.var() == pytest.approx(float(model.variance(torch.from_numpy(pixels["a"])).mean()), rel=0.15)
    assert pixels["cool"].std(axis=0).mean() < pixels["a"].std(axis=0).mean()


def test_generate_makes_a_picture_and_says_its_greys(
    quietscope: Quietscope, trained: dict[str, Path], tmp_path: Path
) -> None:
    words = ["generate", trained["divnoising"], "--num", "3", "--size", "32", "-o"]
    assert quietscope(*words, tmp_path / "g.npy")[0] == 0
    status, _, err = quietscope(*words, tmp_path / "g.png")
    drawn, picture = np.load(tmp_path / "g.npy"), np.asarray(read_image(tmp_path / "g.png"))
    low, high = np.quantile(drawn, (0.001, 0.999))
    assert (status, f"from {low:.5g} (black) to {high:.5g} (white)" in err) == (0, True)
    grey = np.clip((drawn - low) / (high - low) * 255, 0, 255).round()
    np.testing.assert_array_equal(picture, np.block([[grey[0], grey[1]], [grey[2], np.zeros((32, 32))]]))


def test_generate_between_two_images(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    frames = np.asarray(read_image(images / "cells.tif"))
    for n in range(2):
        write_image(tmp_path / f"{n}.tif", frames[n], "YX")
    ends = ["--between", tmp_path / "0.tif", tmp_path / "1.tif"]
    status, _, err = quietscope("generate", trained["divnoising"], "-o", tmp_path / "way.tif", "--num", "4", *ends)
    assert status == 0, err
    way = np.asarray(read_image(tmp_path / "way.tif"))
    assert way.shape == (4, 64, 64)
    assert not np.array_equal(way[0], way[-1])
    mixed = quietscope("generate", trained["divnoising"], "-o", tmp_path / "x.tif", "--size", "32", *ends)
    refused(mixed, "--between alone")


@pytest.mark.parametrize(
    "words", [["--num", "0"], ["--size", "big"], ["--size", "0"], ["--size", "8,8,8"], ["--temperature", "-1"]]
)
def test_generations_that_mean_nothing(
    quietscope: Quietscope, trained: dict[str, Path], tmp_path: Path, words: list[str]
) -> None:
    refused(quietscope("generate", trained["divnoising"], "-o", tmp_path / "out.tif", *words))
    assert not list(tmp_path.iterdir())


def test_recalibrate_stores_a_factor_that_predict_uses(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    new, cells = tmp_path / "honest.safetensors", images / "cells.tif"
    words = ["recalibrate", trained["divnoising"], cells, "--clean", images / "clean.tif", "-o", new, "--samples", "12"]
    status, out, err = quietscope(*words)
    assert status == 0, err
    assert "90 % interval" in out
    factor = Denoiser.load(new, device="cpu").card.spread_factor
    assert factor != 1.0
    assert "instead of" not in out
    words[1:] = [new, cells, "--clean", images / "clean.tif", "-o", tmp_path / "again.safetensors", "--samples", "20"]
    said = " ".join(quietscope(*words)[1].split())
    again = Denoiser.load(tmp_path / "again.safetensors", device="cpu").card.spread_factor
    assert again != factor
    assert f"multiplied by {again:.3g} instead of {factor:.3g} from now on" in said
    for name, model in (("before", trained["divnoising"]), ("after", new)):
        save = ["--save", "mean,std,quantiles", "--quantiles", "0.1,0.9", "--samples", "6"]
        assert quietscope("predict", model, cells, "-o", tmp_path / f"{name}.npy", *save)[0] == 0
    before, after = (
        {kind: np.load(tmp_path / f"{name}{kind}.npy") for kind in ("", "_std", "_quantiles")}
        for name in ("before", "after")
    )
    assert np.array_equal(before[""], after[""]), "the mean stays"
    np.testing.assert_allclose(after["_std"], factor * before["_std"], rtol=1e-4)
    widths = [np.ptp(each["_quantiles"], axis=0) for each in (before, after)]
    np.testing.assert_allclose(widths[1], factor * widths[0], rtol=1e-3, atol=1e-2)
    assert "recalibrated" in quietscope("info", new)[1]


def test_recalibrate_folds_the_noise_of_a_second_exposure_in(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    """Against the same clean image, seen through more and more noise that is folded in, the factor stays about one."""
    model = Denoiser.load(trained["divnoising"], device="cpu")
    clean = np.asarray(read_image(images / "clean.tif"))
    import torch

    generator, factors = torch.Generator().manual_seed(0), {}
    for count in (1, 16):
        drawn = [model.noise_models[0].sample(torch.from_numpy(clean), generator) for _ in range(count)]
        write_image(tmp_path / f"{count}.tif", torch.stack(drawn).mean(0).numpy(), "TYX")
        new = tmp_path / f"{count}.safetensors"
        words = ["--second", tmp_path / f"{count}.tif", "--num-exposures", count, "--samples", "12", "-o", new]
        status, _, err = quietscope("recalibrate", trained["divnoising"], images / "cells.tif", *words)
        assert status == 0, err
        factors[count] = Denoiser.load(new, device="cpu").card.spread_factor
    honest = Denoiser.load(trained["divnoising"], device="cpu")
    honest.recalibrate(images / "cells.tif", images / "clean.tif", num_samples=12)
    assert factors[16] == pytest.approx(honest.card.spread_factor, rel=0.1)
    assert factors[1] == pytest.approx(honest.card.spread_factor, rel=0.2)


def test_recalibrate_wants_at_most_one_reference(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    base = ["recalibrate", trained["divnoising"], images / "cells.tif", "-o", tmp_path / "m.safetensors"]
    refused(quietscope(*base, "--clean", images / "clean.tif", "--samples", "2"), "at least 10 samples")
    refused(quietscope(*base, "--clean", images / "clean.tif", "--num-exposures", "2"), "--second")
    refused(quietscope(*base, "--second", images / "clean.tif", "--num-exposures", "0"), "at least 1")
    both = ["--clean", images / "clean.tif", "--second", images / "cells.tif"]
    refused(quietscope(*base, *both), "both")
    write_image(tmp_path / "small.tif", np.ones((2, 8, 8), np.float32), "TYX")
    refused(quietscope(*base, "--clean", tmp_path / "small.tif"), "(1, 8, 8)")


def test_recalibrate_does_without_a_reference(
    quietscope: Quietscope, images: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    new, cells = tmp_path / "honest.safetensors", images / "cells.tif"
    status, out, err = quietscope("recalibrate", trained["divnoising"], cells, "-o", new, "--samples", "12")
    assert status == 0, err
    assert "estimated" in out
    assert "by `instant`" in out
    alike, image = Denoiser.load(trained["divnoising"], device="cpu"), read_image(cells)
    second = second_opinion(alike.configuration, [image], "cpu")
    assert second is not None
    [(found, _)] = judge_by(alike, second, image, num_samples=12)
    assert Denoiser.load(new, device="cpu").spread == pytest.approx(found.spread_factor, rel=1e-3)
    refused(quietscope("recalibrate", trained["noise2void"], cells, "-o", tmp_path / "n.safetensors"), "noise model")


@pytest.mark.usefixtures("brief_fits")
def test_bootstrap_from_the_shell_and_in_training(
    quietscope: Quietscope, images: Path, configs: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise.safetensors"
    status, out, err = quietscope("noise", "bootstrap", images / "cells.tif", "-o", noise, "--steps", "4")
    assert status == 0, err
    assert "held-out log-likelihood" in out
    assert "chosen: " in out
    assert quietscope("noise", "show", noise)[0] == 0
    words = ["noise", "bootstrap", images / "cells.tif", "-o", noise, "--steps", "4"]
    refused(quietscope(*words), "noise.safetensors")
    status, out, err = quietscope(*words, "--overwrite", "--model", "histogram")
    assert status == 0, err
    assert "histogram" in out.lower()
    refused(quietscope(*words, "--overwrite", "--model", "magic"), "'magic'")
    refused(quietscope(*words, "--overwrite", "--model", "censored"), "'censored'")
    refused(quietscope(*words[:-1], "0", "--overwrite"), "at least one step")


@pytest.mark.usefixtures("brief_fits")
def test_a_run_with_bootstrap_resumes_with_the_same_noise(
    quietscope: Quietscope, images: Path, configs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bootstrap_noise.__kwdefaults__ is not None
    monkeypatch.setitem(bootstrap_noise.__kwdefaults__, "steps", 2)
    base = ["train", images / "cells.tif", "-o", tmp_path / "run"]
    first = ["--noise", "bootstrap", "--steps", "2", "--method", "divnoising", "--config", configs / "divnoising.yaml"]
    status, _, err = quietscope(*base, *first)
    assert status == 0, err
    assert "bootstrap: Noise2Void" in err
    kept = (tmp_path / "run" / "bootstrap_c0.safetensors").read_bytes()
    status, _, err = quietscope(*base, "--resume", "--steps", "4")
    assert status == 0, err
    assert "bootstrap: Noise2Void" not in err
    assert (tmp_path / "run" / "bootstrap_c0.safetensors").read_bytes() == kept
