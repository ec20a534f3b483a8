"""Fine-tuning brings a pruned method back towards the full one, whatever its own loss wants."""

import copy

import numpy as np
import torch

from quietscope.compression.fine_tune import Apprentice, Master, fine_tune
from quietscope.compression.prune import prune
from quietscope.data.frames import Frames
from quietscope.io import as_images
from quietscope.methods.deconoising import DecoNoising
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.noise2void import Noise2Void
from quietscope.testing.method_contract import toy_settings
from quietscope.training.budget import Budget
from tests.compression.networks import Kind, build_method


def tuned(full: Kind, planes: np.ndarray, steps: int) -> tuple[Kind, Kind]:
    """Return the method with half of its channels, before and after `steps` of fine-tuning."""
    pruned = copy.deepcopy(full)
    prune(pruned, 0.5)
    before = copy.deepcopy(pruned)
    frames = Frames.of(as_images(planes, "QYX"), 2)
    report = fine_tune(pruned, full, frames, toy_settings(schedule="plateau"), Budget(steps=steps))
    assert report.steps == steps
    assert not pruned.training
    return before, pruned


def test_a_direct_denoiser_learns_from_the_full_one_alone(planes: np.ndarray) -> None:
    full = build_method("direct", DirectDenoiser)
    before, after = tuned(full, planes, 60)
    x = torch.from_numpy(planes[:4, None].astype(np.float32))
    with torch.no_grad():
        wanted, first, last = (method.predict(x) for method in (full, before, after))
    assert (last - wanted).square().mean() < 0.5 * (first - wanted).square().mean()


def test_a_deconvolved_image_counts_as_well() -> None:
    full = build_method("deconoising add", DecoNoising)
    other = copy.deepcopy(full)
    bias = other.get_parameter("unet.head.bias")
    bias.data += 1.0 / full.settings.output_scale
    x = torch.full((2, 1, 32, 32), 150.0)
    loss = Apprentice(other, Master(full), 0.0, 1.0).loss(x)
    assert set(loss.terms) == {"full"}
    assert abs(float(loss.terms["full"]) - 2.0) < 0.2  # one for each of the two; zeros beyond the border blur in


def test_own_loss_and_full_method_are_added() -> None:
    full = build_method("noise2void", Noise2Void)
    x = torch.rand(2, 1, 32, 32) * 60 + 120
    torch.manual_seed(0)
    own = full.loss(x)
    torch.manual_seed(0)
    both = Apprentice(copy.deepcopy(full), Master(full), 1.0, 1.0).loss(x)
    assert set(both.terms) == {"full", *own.terms}
    torch.testing.assert_close(both.total, own.total)  # a method is no distance from itself


def test_a_posterior_learns_by_its_own_loss_and_its_full_model_stays(planes: np.ndarray) -> None:
    full = build_method("dvlae gated", DVLAE)
    kept = copy.deepcopy(full.state_dict())
    before, after = tuned(full, planes, 3)
    assert all(torch.equal(kept[name], value) for name, value in full.state_dict().items())
    moved = [name for name, value in after.named_parameters() if not torch.equal(value, before.state_dict()[name])]
    assert any(name.startswith("noise_decoder.") for name in moved)
    assert any(name.startswith("signal_decoder.") for name in moved)
