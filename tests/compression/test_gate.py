"""The gate measures what a model loses, with a clean reference and without, and stops what loses too much."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from quietscope.compression.gate import Runner, Trial, check_loss, cut, held_out_boxes, judge, rehearsal
from quietscope.data.frames import Frames
from quietscope.errors import CompressionError
from quietscope.io import as_images
from quietscope.methods.base import LatentSpec

SIDE = 64
Noise = Mapping[str, np.ndarray]
LEVEL = LatentSpec(level=0, channels=1, reduction=(1, 1), is_random=True)


def scene() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    clean = np.stack([400 + 200 * np.sin(x / 25 + n) * np.cos(y / 30) for n in range(4)])[:, None]
    return clean.astype(np.float32), rng.poisson(clean).astype(np.float32)


def smoother(width: int, error: float = 0.0) -> Runner:
    """A denoiser that everybody understands: a running mean over `width` pixels along both axes."""

    def run(x: np.ndarray, noise: Noise) -> dict[str, np.ndarray]:
        return {"denoised": uniform_filter(x, (1, 1, width, width), mode="mirror") + np.float32(error)}

    return run


def trial(kind: Literal["clean", "rehearsal"] = "clean") -> Trial:
    clean, noisy = scene()
    return Trial(noisy=tuple(noisy), truth=tuple(clean), kind=kind)


def test_the_loss_is_the_difference_of_psnr() -> None:
    images = trial()
    full, worse = (judge(smoother(5, error), images, (), 0) for error in (0.0, 3.0))
    mse = [float(np.mean((np.stack(each.estimates) - np.stack(images.truth)) ** 2)) for each in (full, worse)]
    assert worse.loss(full) == pytest.approx(10 * np.log10(mse[1] / mse[0]), rel=1e-4)
    assert full.loss(full) == 0.0
    assert worse.agreement(full) == pytest.approx(10 * np.log10(np.ptp(np.stack(full.estimates)) ** 2 / 9.0), rel=1e-3)


@pytest.mark.parametrize(("width", "error"), [(5, 1.0), (5, 3.0), (3, 0.0)])
def test_a_rehearsal_comes_near_the_true_loss(width: int, error: float) -> None:
    images = trial()
    run, other = smoother(5), smoother(width, error)
    true = judge(other, images, (), 0).loss(judge(run, images, (), 0))
    rehearsed = rehearsal(run, images.noisy, (), 0)
    found = judge(other, rehearsed, (), 0).loss(judge(run, rehearsed, (), 0))
    assert rehearsed.kind == "rehearsal"
    assert 0.6 * true - 0.02 < found < 2.5 * true + 0.02


def test_a_rehearsal_has_the_noise_of_the_images() -> None:
    images = trial()
    rehearsed = rehearsal(smoother(9), images.noisy, (), 0)
    real, fresh = (np.stack(each.noisy) - np.stack(each.truth) for each in (images, rehearsed))
    assert fresh.std() == pytest.approx(real.std(), rel=0.1)
    dark, bright = (np.stack(rehearsed.truth) < 350), (np.stack(rehearsed.truth) > 450)
    assert fresh[bright].std() > 1.1 * fresh[dark].std()  # the noise of photons grows with the signal
    flat = fresh - fresh.mean()
    assert abs(np.mean(flat[..., 1:] * flat[..., :-1])) < 0.05 * flat.var()
    removed = np.sort((np.stack(images.noisy) - np.stack(rehearsed.truth)).ravel())
    np.testing.assert_allclose(np.sort(fresh.ravel()), removed, atol=1e-2)


def test_samples_are_drawn_with_the_same_noise_for_all() -> None:
    def sampler(width: float) -> Runner:
        def run(x: np.ndarray, noise: Noise) -> dict[str, np.ndarray]:
            return {"sample": (x + width * noise["noise_0"]).astype(np.float32)}

        return run

    one, same, wider = (judge(sampler(width), trial(), (LEVEL,), 0) for width in (10.0, 10.0, 20.0))
    assert all(np.array_equal(a, b) for a, b in zip(one.estimates, same.estimates, strict=True))
    assert one.deviation == pytest.approx(10.0, rel=0.05)
    assert one.deviation is not None
    assert wider.deviation == pytest.approx(2 * one.deviation, rel=1e-3)


def test_deconvolved_images_are_compared_too() -> None:
    def deconvolver(error: float) -> Runner:
        def run(x: np.ndarray, noise: Noise) -> dict[str, np.ndarray]:
            return {"denoised": x, "deconvolved": x + error}

        return run

    full, other = (judge(deconvolver(error), trial(), (), 0) for error in (0.0, 2.0))
    assert other.loss(full) == 0.0
    assert other.agreement_deconvolved(full) == pytest.approx(10 * np.log10(np.ptp(scene()[1]) ** 2 / 4.0), rel=1e-3)
    assert judge(smoother(3), trial(), (), 0).agreement_deconvolved(judge(smoother(3), trial(), (), 0)) is None


def test_boxes_lie_in_the_frames_that_were_held_out() -> None:
    frames = Frames.of(as_images(np.zeros((12, 300, 40), np.uint16), "QYX"), 2)
    boxes = held_out_boxes(frames, [3, 7], (16, 16), 0)
    assert {index for index, _ in boxes} == {3, 7}
    assert all(image.shape == (1, 256, 256) for image in cut(frames, boxes))


def test_what_costs_too_much_is_named_step_by_step() -> None:
    check_loss({"pruning": 0.08, "int8": 0.02}, 0.1)
    check_loss({"pruning": -0.3, "int8": 0.35}, 0.1)
    with pytest.raises(CompressionError) as caught:
        check_loss({"pruning": 0.31, "conversion": 0.0, "int8": 0.02}, 0.1)
    line = str(caught.value)
    for words in ("0.1 dB", "pruning cost 0.31 dB", "int8 cost 0.02 dB", "`share`", "`budget`", "max_loss_db=0.33"):
        assert words in line
    with pytest.raises(CompressionError, match="nan dB"):
        check_loss({"int8": float("nan")}, 0.1)
