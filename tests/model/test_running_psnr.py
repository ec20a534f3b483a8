"""The PSNR of a method in training is that of the clean image, on measured pixels, and judging leaves no trace."""

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.io import Image
from quietscope.methods import METHODS
from quietscope.methods.base import BuiltMethod
from quietscope.metrics import psnr
from quietscope.model.judge_by import quality_by
from quietscope.model.running_psnr import RunningPsnr, passes_of
from tests.model.test_error_estimate import CLEAN, NOISY, Blurred, OneBlur, blur
from tests.tiny import untrained

SMALL = Image(NOISY[:, :64, :64], "QYX")


@pytest.fixture(scope="module")
def second() -> Denoiser:
    denoiser = Denoiser(method="instant", noise="sigma=10", steps=2, network={"direction": "none"}, device="cpu")
    return denoiser.fit(NOISY, axes="QYX", notify=lambda line: None, progress=False)


def test_it_is_the_true_one_and_that_of_a_result(second: Denoiser) -> None:
    image = Image(NOISY, "QYX")
    made = blur(torch.from_numpy(NOISY)[:, None]).numpy()[:, 0]
    told = RunningPsnr(second, image, "float32")(OneBlur())
    assert told == pytest.approx(psnr(made, CLEAN), abs=0.6)
    signal = second.denoise(image, progress=None).mean
    slope, offset = np.polyfit(made.ravel().astype(np.float64), signal.ravel().astype(np.float64), 1)
    (quality,) = quality_by(second, image, Image((slope * made + offset).astype(np.float32), "QYX"))
    assert told == pytest.approx(quality.psnr, abs=0.02)
    assert RunningPsnr(second, image, "float32")(Blurred(0.1)) == pytest.approx(told, abs=0.1)


class Stretched(OneBlur):
    """Gives what it gives otherwise on another scale."""

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return 0.9 * super().predict(x) + 11.0


def test_scale_and_offset_that_wander_while_a_method_learns_do_not_count(second: Denoiser) -> None:
    judge = RunningPsnr(second, SMALL, "float32")
    assert judge(Stretched()) == pytest.approx(judge(OneBlur()), abs=0.01)


def test_pixels_that_were_never_measured_do_not_count(second: Denoiser) -> None:
    holed = NOISY.copy()
    holed[:, :160] = np.nan  # where next to nothing would be wrong
    told = RunningPsnr(second, Image(holed, "QYX", mask="nan"), "float32")(OneBlur())
    whole = RunningPsnr(second, Image(NOISY[:, 160:], "QYX"), "float32")(OneBlur())
    assert told == pytest.approx(whole, abs=0.8)


@pytest.mark.parametrize("kind", [each for name, each in METHODS.items() if name != "instant"], ids=lambda k: k.name)
def test_every_method_is_judged_twice_alike_and_goes_on_learning(kind: type[BuiltMethod], second: Denoiser) -> None:
    method, judge = untrained(kind), RunningPsnr(second, SMALL, "float32")
    method.train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    first = judge(method)
    assert np.isfinite(first)
    assert judge(method) == first
    assert method.training
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert passes_of(kind) in (1, 4)
    weights = [each for each in method.parameters() if each.requires_grad]
    if kind.name != "direct":  # which learns from a teacher
        torch.autograd.backward(method.loss(torch.from_numpy(NOISY[:, None, :32, :32])).total)
        assert any(each.grad is not None for each in weights)
