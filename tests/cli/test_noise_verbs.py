"""Calibrating, showing and judging from the command line, on tiny images."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from quietscope import read_image
from quietscope.cli.verbs.noise_show import describe_noise
from quietscope.data.planes import honesty
from quietscope.io import write_image
from quietscope.noise import Censored, Gaussian, PoissonGaussian
from quietscope.noise.noise_file import load_noise_model, save_noise_model
from tests.cli.command_line import Quietscope, refused

SIDE = 64
GAIN, OFFSET = 3.0, 50.0
SIGMA = 4.0


def record(scene: np.ndarray, num_frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    signal = np.broadcast_to(scene, (num_frames, *scene.shape[-2:]))
    return (GAIN * rng.poisson((signal - OFFSET) / GAIN) + OFFSET + rng.normal(0, 2, signal.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """static.tif (TYX, 24 frames), fading.tif, few.tif, same.tif, two.tif (TCYX), dim.tif and bright.tif."""
    folder = tmp_path_factory.mktemp("scenes")
    y, x = np.mgrid[:SIDE, :SIDE]
    scene = 200 + 80 * np.sin(x / 5) * np.cos(y / 7)
    frames = record(scene, 24)
    fading = OFFSET + (scene - OFFSET) * np.linspace(1, 0.8, 24)[:, None, None]
    write_image(folder / "static.tif", frames, "TYX")
    write_image(folder / "fading.tif", record(fading, 24), "TYX")
    write_image(folder / "few.tif", frames[:9], "TYX")
    write_image(folder / "depth.tif", frames, "ZYX")
    write_image(folder / "same.tif", np.repeat(frames[:1], 12, axis=0), "TYX")
    write_image(folder / "two.tif", np.stack([frames, 2 * frames], axis=1), "TCYX")
    write_image(folder / "positions.tif", frames.reshape(2, 12, SIDE, SIDE), "PTYX")
    write_image(folder / "dim.tif", frames[:2], "TYX")
    write_image(folder / "bright.tif", record(scene * 3, 2), "TYX")
    return folder


@pytest.fixture(scope="module")
def posterior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A posterior that is right: mean, std, narrow (std / 2), samples, one, truth, second exposure, camera (a file)."""
    folder = tmp_path_factory.mktemp("posterior")
    rng = np.random.default_rng(0)
    shape, prior = (2, SIDE, SIDE), 10.0
    truth = rng.normal(100, prior, shape)
    std = 1 / np.sqrt(1 / SIGMA**2 + 1 / prior**2)
    mean = std**2 * (100 / prior**2 + (truth + rng.normal(0, SIGMA, shape)) / SIGMA**2)
    images = {
        "mean": mean,
        "std": np.full(shape, std),
        "narrow": np.full(shape, std / 2),
        "negative": np.full(shape, -1.0),
        "truth": truth,
        "second": truth + rng.normal(0, SIGMA / np.sqrt(2), shape),
        "small": mean[:, :32],
    }
    for name, pixels in images.items():
        write_image(folder / f"{name}.ome.tif", pixels.astype(np.float32), "TYX")
    samples = (mean + std * rng.normal(size=(40, *shape))).astype(np.float32)
    for name, count in (("samples", 40), ("one", 1), ("two", 2)):
        write_image(folder / f"{name}.ome.tif", samples[:count], "RTYX")
    save_noise_model(folder / "camera.safetensors", Gaussian(SIGMA))
    return folder


@pytest.mark.parametrize("kind", ["poisson-gaussian", "histogram"])
def test_calibrate_finds_the_noise_of_a_static_scene(
    quietscope: Quietscope, scenes: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "noise.safetensors"
    words = ("noise", "calibrate", scenes / "static.tif", "-o", out, "--model", kind, "--data", scenes / "dim.tif")
    status, printed, err = quietscope(*words)
    assert (status, err) == (0, "")
    assert "24 frames" in printed
    import torch

    found = load_noise_model(out).variance(torch.tensor([150.0, 200.0, 250.0])).numpy()
    np.testing.assert_allclose(found, GAIN * (np.array([150, 200, 250]) - OFFSET) + 4, rtol=0.1)


def test_a_fit_says_how_well_it_fits_and_what_fits_better(quietscope: Quietscope, scenes: Path, tmp_path: Path) -> None:
    clean = np.asarray(read_image(scenes / "static.tif")).mean(axis=0, keepdims=True).repeat(24, axis=0)
    wide = OFFSET + 8 * (clean - OFFSET)  # from dark to bright, so that the noise differs by much
    write_image(tmp_path / "clean.tif", wide.astype(np.float32), "TYX")
    write_image(tmp_path / "noisy.tif", record(wide, 24), "TYX")
    fit = ("noise", "fit", tmp_path / "noisy.tif", "--clean", tmp_path / "clean.tif")
    right = quietscope(*fit, "-o", tmp_path / "right.safetensors", "--model", "poisson-gaussian")
    assert right[0] == 0
    assert "its sigma is right to" in right[1]
    assert "predicts pixels better" not in right[1]
    wrong = quietscope(*fit, "-o", tmp_path / "wrong.safetensors", "--model", "gaussian")
    assert wrong[0] == 0
    words = " ".join(wrong[1].split())
    assert "too low near" in words
    assert "too high near" in words
    assert "`--model poisson-gaussian` predicts pixels better" in words


def test_calibrate_makes_one_file_per_channel_and_counts_every_axis(
    quietscope: Quietscope, scenes: Path, tmp_path: Path
) -> None:
    words = ("--model", "poisson-gaussian")
    status, printed, _ = quietscope("noise", "calibrate", scenes / "two.tif", "-o", tmp_path / "n.safetensors", *words)
    assert status == 0
    assert "n_c0.safetensors" in printed
    first, second = (load_noise_model(tmp_path / f"n_c{channel}.safetensors") for channel in (0, 1))
    assert isinstance(first, PoissonGaussian)
    assert isinstance(second, PoissonGaussian)
    assert second.gain == pytest.approx(2 * first.gain, rel=0.01)
    status, printed, _ = quietscope(
        "noise", "calibrate", scenes / "positions.tif", "-o", tmp_path / "p.safetensors", *words
    )
    assert (status, "24 frames" in printed) == (0, True)


@pytest.mark.parametrize(
    ("frames", "data", "said"),
    [("fading", "dim", "fade by"), ("static", "bright", "the noise model was fitted on")],
)
def test_calibrate_warns_of_what_spoils_it(
    quietscope: Quietscope, scenes: Path, tmp_path: Path, frames: str, data: str, said: str
) -> None:
    words = ("-o", tmp_path / "n.safetensors", "--model", "poisson-gaussian", "--data", scenes / f"{data}.tif")
    status, _, err = quietscope("noise", "calibrate", scenes / f"{frames}.tif", *words)
    assert status == 0
    assert said in err
    assert all(line.startswith("note:") for line in err.strip().splitlines())


def test_calibrate_takes_the_data_of_the_same_series(quietscope: Quietscope, scenes: Path, tmp_path: Path) -> None:
    static, dim, bright = (np.asarray(read_image(scenes / f"{name}.tif")) for name in ("static", "dim", "bright"))
    for name, others in (("frames", (static[:2], static)), ("data", (dim, bright))):
        with tifffile.TiffWriter(tmp_path / f"{name}.ome.tif") as writer:
            for pixels in others:
                writer.write(pixels, metadata={"axes": "TYX"[-pixels.ndim :]})
    words = ("-o", tmp_path / "n.safetensors", "--model", "gaussian", "--series", 1)
    frames, data = tmp_path / "frames.ome.tif", tmp_path / "data.ome.tif"
    _, _, err = quietscope("noise", "calibrate", frames, "--data", data, *words)
    assert "the noise model was fitted on" in err
    _, _, err = quietscope("noise", "calibrate", frames, "--data", scenes / "dim.tif", *words, "--overwrite")
    assert "fitted on" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{}/few.tif"], ["at least 10 frames", "got 9"]),
        (["{}/depth.tif"], ["got 1", "--axes TYX"]),
        (["{}/same.tif"], ["all the same"]),
        (["{}/none.tif"], ["none.tif"]),
        (["{}/static.tif", "--model", "magic"], ["'magic'", "gaussian-mixture"]),
        (["{}/static.tif", "--data", "{}/two.tif"], ["channel"]),
        (["{}/static.tif", "-o", "{}/n.tif"], ["n.tif"]),
    ],
)
def test_calibrate_refuses(
    quietscope: Quietscope, scenes: Path, tmp_path: Path, words: list[str], said: list[str]
) -> None:
    before = sorted(scenes.iterdir())
    out = [] if "-o" in words else ["-o", tmp_path / "n.safetensors"]
    refused(quietscope("noise", "calibrate", *[word.replace("{}", str(scenes)) for word in words], *out), *said)
    assert sorted(scenes.iterdir()) == before
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    path = tmp_path / "camera.safetensors"
    save_noise_model(path, PoissonGaussian(GAIN, OFFSET, 2.0))
    return path


def test_show_draws_beside_the_file_and_keeps_what_is_there(quietscope: Quietscope, camera: Path) -> None:
    status, printed, err = quietscope("noise", "show", camera)
    assert (status, err) == (0, "")
    picture = camera.with_suffix(".png")
    assert str(picture.name) in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    picture.write_bytes(b"precious")
    status, printed, err = quietscope("noise", "show", camera)
    assert status == 0
    assert "sigma" in printed
    assert "--overwrite" in err
    assert picture.read_bytes() == b"precious"
    refused(quietscope("noise", "show", camera, "-o", picture), "--overwrite")
    assert quietscope("noise", "show", camera, "--overwrite")[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("low", "high", "signals"),
    [
        (-np.inf, 255.0, ["0", "10", "30", "100", "255"]),
        (20.0, np.inf, ["20", "30", "100", "300", "1000", "3000", "10000", "30000"]),
        (0.0, 65535.0, ["0", "10", "30", "100", "300", "1000", "3000", "10000", "30000", "65535"]),
    ],
)
def test_show_ends_at_the_limits_of_the_sensor(
    quietscope: Quietscope, tmp_path: Path, low: float, high: float, signals: list[str]
) -> None:
    path = tmp_path / "censored.safetensors"
    save_noise_model(path, Censored(Gaussian(SIGMA), low=low, high=high, step=1.0))
    status, printed, err = quietscope("noise", "show", path)
    assert status == 0, err
    rows = [line.split() for line in printed.replace("│", " ").splitlines()]
    assert [row[0] for row in rows if len(row) == 2 and row[1] == f"{SIGMA:.4g}"] == signals
    assert f"at {signals[-1]}" in describe_noise(path)["sigma"]


def test_show_compares_with_data_and_with_pairs(
    quietscope: Quietscope, scenes: Path, camera: Path, tmp_path: Path
) -> None:
    status, printed, err = quietscope("noise", "show", camera, "--data", scenes / "static.tif")
    assert (status, err) == (0, "")
    assert "blind estimate" in printed
    frames = np.asarray(read_image(scenes / "static.tif"))
    clean = np.broadcast_to(frames.mean(axis=0), frames.shape)
    write_image(tmp_path / "clean.tif", clean.astype(np.float32), "TYX")
    words = ("--data", scenes / "static.tif", "--clean", tmp_path / "clean.tif", "-o", tmp_path / "pairs.png")
    status, printed, _ = quietscope("noise", "show", camera, *words)
    assert status == 0
    variance = GAIN * (clean - OFFSET) + 4
    expected = -0.5 * np.mean(np.log(2 * np.pi * variance) + (frames - clean) ** 2 / variance)
    assert float(printed.split("log-likelihood ")[1].split(" nats")[0]) == pytest.approx(expected, abs=0.003)
    assert (tmp_path / "pairs.png").exists()


def test_show_warns_where_the_data_lie_outside(quietscope: Quietscope, scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "n.safetensors"
    assert quietscope("noise", "calibrate", scenes / "static.tif", "-o", out, "--model", "histogram")[0] == 0
    assert "fitted on" in quietscope("noise", "show", out, "--data", scenes / "bright.tif")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--clean", "{}/dim.tif"], ["--data"]),
        (["--data", "{}/two.tif"], ["--channel 0"]),
        (["--data", "{}/two.tif", "--channel", "2"], ["from 0 to 1"]),
        (["--data", "{}/static.tif", "--clean", "{}/dim.tif"], ["reference"]),
        (["-o", "{}/picture.pdf"], [".png"]),
        (["-o", "{}/nowhere/picture.png"], ["nowhere"]),
    ],
)
def test_show_refuses(quietscope: Quietscope, scenes: Path, camera: Path, words: list[str], said: list[str]) -> None:
    before = sorted(scenes.iterdir())
    refused(quietscope("noise", "show", camera, *[word.replace("{}", str(scenes)) for word in words]), *said)
    assert sorted(scenes.iterdir()) == before
    assert [path.name for path in camera.parent.iterdir()] == [camera.name]


def measured(printed: str, level: str = "90 %") -> float:
    [line] = [line for line in printed.splitlines() if line.strip("│ ").startswith(level)]
    return float(line.strip("│ ").split("│")[1].strip(" %"))


def test_evaluate_tells_an_honest_spread_from_a_narrow_one(quietscope: Quietscope, posterior: Path) -> None:
    pair = (posterior / "mean.ome.tif", posterior / "truth.ome.tif")
    status, printed, err = quietscope("evaluate", *pair, "--std", posterior / "std.ome.tif")
    assert (status, err) == (0, "")
    assert "PSNR" in printed
    assert measured(printed) == pytest.approx(90, abs=1.5)
    assert "about right" in printed
    printed = quietscope("evaluate", *pair, "--std", posterior / "narrow.ome.tif")[1]
    assert measured(printed) < 65
    assert "too narrow by a factor of about 2" in printed


def test_evaluate_allows_for_few_samples_as_denoise_does(quietscope: Quietscope, posterior: Path) -> None:
    image, std, truth = (read_image(posterior / f"{name}.ome.tif") for name in ("mean", "std", "truth"))
    words = ("evaluate", posterior / "mean.ome.tif", posterior / "truth.ome.tif", "--std", posterior / "std.ome.tif")
    exact, allowed = (" ".join(quietscope(*words, *more)[1].split()) for more in ([], ["--num-samples", 5]))
    assert honesty(image, std, truth).describe() in exact
    assert "taken as exact" in exact
    told = honesty(image, std, truth, num_samples=5)
    assert told.describe().endswith("(allowing for 5 samples)")
    assert told.describe() in allowed
    assert "taken as exact" not in allowed
    assert told.measured[2] > honesty(image, std, truth).measured[2] + 0.03


def test_evaluate_tells_a_reference_of_another_offset(quietscope: Quietscope, posterior: Path, tmp_path: Path) -> None:
    truth = read_image(posterior / "truth.ome.tif")
    write_image(tmp_path / "low.ome.tif", np.asarray(truth.data) - 300, truth.axes)
    status, _, err = quietscope("evaluate", posterior / "mean.ome.tif", tmp_path / "low.ome.tif")
    assert status == 0
    assert "300 above the clean reference" in " ".join(err.split())
    assert "with scale and offset fitted its PSNR is" in " ".join(err.split())


def test_evaluate_judges_samples(quietscope: Quietscope, posterior: Path) -> None:
    pair = (posterior / "mean.ome.tif", posterior / "truth.ome.tif")
    status, printed, err = quietscope("evaluate", *pair, "--samples", posterior / "samples.ome.tif")
    assert (status, err) == (0, "")
    assert measured(printed) == pytest.approx(90, abs=1.5)
    assert measured(printed, "50 %") == pytest.approx(50, abs=2.5)


@pytest.mark.parametrize("spread", ["std", "samples"])
@pytest.mark.parametrize("noise", ["camera.safetensors", f"sigma={SIGMA}"])
def test_evaluate_folds_in_the_noise_of_a_second_exposure(
    quietscope: Quietscope, posterior: Path, spread: str, noise: str
) -> None:
    pair = (posterior / "mean.ome.tif", posterior / "second.ome.tif")
    words = (f"--{spread}", posterior / f"{spread}.ome.tif")
    assert measured(quietscope("evaluate", *pair, *words)[1]) < 86  # its noise counts as an error
    name = noise if "=" in noise else posterior / noise
    status, printed, err = quietscope("evaluate", *pair, *words, "--noise", name, "--num-exposures", 2)
    assert status == 0
    assert measured(printed) == pytest.approx(90, abs=1.5)
    assert "noisy image" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--std", "{}/std.ome.tif", "--samples", "{}/samples.ome.tif"], ["both"]),
        (["--std", "{}/std.ome.tif", "--num-exposures", "2"], ["--noise"]),
        (["--std", "{}/std.ome.tif", "--noise", "sigma=3", "--num-exposures", "0"], ["at least one exposure"]),
        (["--noise", "sigma=3"], ["--std"]),
        (["--num-samples", "50"], ["--std with --num-samples"]),
        (["--std", "{}/std.ome.tif", "--num-samples", "2"], ["at least 3 samples"]),
        (["--std", "{}/std.ome.tif", "--noise", "auto"], ["'auto'"]),
        (["--std", "{}/std.ome.tif", "--noise", "sigma=3,sigma=4"], ["commas"]),
        (["--std", "{}/small.ome.tif"], ["2 x 32 x 64"]),
        (["--std", "{}/samples.ome.tif"], ["40 x 2 x 64 x 64"]),
        (["--samples", "{}/std.ome.tif"], ["2 x 64 x 64"]),
        (["--samples", "{}/one.ome.tif"], ["at least 3 samples"]),
        (["--samples", "{}/two.ome.tif"], ["at least 3 samples", "2 x 2 x 64 x 64"]),
        (["--samples", "{}/none.ome.tif"], ["none.ome.tif"]),
        (["--std", "{}/negative.ome.tif"], ["-1"]),
    ],
)
def test_evaluate_refuses(quietscope: Quietscope, posterior: Path, words: list[str], said: list[str]) -> None:
    pair = (posterior / "mean.ome.tif", posterior / "truth.ome.tif")
    refused(quietscope("evaluate", *pair, *[word.replace("{}", str(posterior)) for word in words]), *said)
