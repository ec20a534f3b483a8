"""Whether an output follows the image, in scenes of a few spots above all; and training that does there by default."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.preparation import prepare
from quietscope.methods.divnoising import DivNoising, DivNoisingSettings
from quietscope.noise import Gaussian
from quietscope.testing.method_contract import toy_settings
from quietscope.training import collapse
from quietscope.training.budget import Budget
from quietscope.training.collapse import CollapseGuard
from quietscope.training.fit import fit
from quietscope.training.following import share_followed

SIGMA, GROUND = 10.0, 100.0
SETTINGS = DivNoisingSettings(depth=2, filters=16, latent_channels=16, blocks=1, stabilize=True)


def scene(num_frames: int = 8, side: int = 64, spots: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Make noisy frames (B, 1, Y, X) of some spots on a dark ground, and the same without noise."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    clean = np.full((num_frames, 1, side, side), GROUND)
    for frame in clean[:, 0]:
        for at in draw.uniform(6, side - 6, (spots, 2)):
            frame += 300 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 4.5)
    noisy = clean + draw.normal(0, SIGMA, clean.shape)
    return torch.from_numpy(noisy).float(), torch.from_numpy(clean).float()


def frames_of(noisy: Tensor) -> Frames:
    planes = noisy[:, 0].numpy()
    return Frames(((planes, Layout.of("QYX", planes.shape)),))


def build(noisy: Tensor) -> DivNoising:
    torch.manual_seed(0)
    return DivNoising(SETTINGS, prepare(frames_of(noisy), lambda _: None), [Gaussian(SIGMA)]).eval()


def answering(monkeypatch: pytest.MonkeyPatch, noisy: Tensor, answer: Callable[[Tensor], Tensor]) -> DivNoising:
    """Make a method that answers an image by a function of it."""
    method = build(noisy)
    monkeypatch.setattr(method, "encode", lambda x: (x,))
    monkeypatch.setattr(method, "decode", lambda encoding, _: answer(encoding[0]))
    return method


def blurred(x: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def test_an_output_follows_the_image_or_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy, clean = scene()
    dimmed: dict[str, Callable[[Tensor], Tensor]] = {
        "truth": lambda x: clean[: len(x)],
        "blur": blurred,
        "constant": lambda x: torch.full_like(x, GROUND),
        "pattern of the place": lambda x: clean[:1].expand_as(x),
        "hardly": lambda x: GROUND + 0.05 * (x - GROUND),
    }
    found = {name: share_followed(answering(monkeypatch, noisy, f), [noisy]) for name, f in dimmed.items()}
    assert found["truth"] > 0.9
    assert found["blur"] > 0.6
    assert abs(found["constant"]) < 1e-6
    assert abs(found["pattern of the place"]) < 1e-3
    assert found["hardly"] == pytest.approx(0.05, abs=0.01)
    parts = [*torch.split(noisy, 3)]
    assert share_followed(answering(monkeypatch, noisy, blurred), parts) == pytest.approx(found["blur"], rel=1e-5)


def test_noise_learnt_by_heart_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = GROUND + SIGMA * torch.randn(8, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert share_followed(answering(monkeypatch, noise, lambda x: x), [noise]) == 0.0


def test_gaps_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy, _ = scene()
    whole = share_followed(answering(monkeypatch, noisy, blurred), [noisy])
    noisy[..., :3] = torch.nan
    method = answering(monkeypatch, noisy.nan_to_num(GROUND), blurred)
    assert share_followed(method, [noisy]) == pytest.approx(whole, rel=0.05)


def test_two_spots_in_a_frame_are_no_collapse() -> None:
    """What a perfect posterior spends on them lies below the limit that counts as collapsed."""
    nats = 0.5 * collapse.COLLAPSED_KL
    asked = []

    def followed() -> float:
        asked.append(True)
        return 0.9

    living, dead = CollapseGuard(), CollapseGuard()
    assert not any(living.must_restart(n, n / 2000, nats, followed) for n in range(1, 1000))
    assert asked
    assert any(dead.must_restart(n, n / 2000, nats, lambda: 0.0) for n in range(1, 1000))


def test_a_collapse_in_a_scene_of_spots_is_cured_at_default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start collapses; the second is taught blind first."""
    monkeypatch.setattr(collapse, "CHECK_AFTER", 50)
    monkeypatch.setattr(collapse, "AVERAGED_STEPS", 10)
    noisy, clean = scene(side=64, spots=1)
    method, told = build(noisy), list[str]()
    settings = toy_settings(
        patch=32, learning_rate=2e-3, warmup_steps=20, clip_norm=1.0, keep="last", validate_every=100
    )
    report = fit(method, frames_of(noisy), settings, Budget(steps=260), device=torch.device("cpu"), notify=told.append)
    assert report.restarts == 1
    with torch.no_grad():
        zeros = [torch.zeros(spec.shape(len(noisy), (64, 64))) for spec in method.latents()]
        error = (method.decode(method.encode(noisy), zeros) - clean).square().mean()
    assert share_followed(method, [noisy]) > 0.5
    assert float(error) < 0.5 * float(clean.var())
