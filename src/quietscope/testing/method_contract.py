"""What every method must hold to, as checks that any test suite can run.

A third party that adds a method, and declares it in the entry-point group "quietscope.methods", runs the same checks as
QuietScope does:

    @pytest.mark.parametrize("case", method_cases("mine", Configuration.of({"method": "mine"})), ids=str)
    def test_contract(case):
        case.run()

A check fails with an AssertionError. They train for some hundred steps; a small network, by
``"network": {"filters": 8}`` in the configuration, makes that seconds.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.data.normalize import Statistics
from quietscope.methods import METHODS
from quietscope.methods.base import (
    BuiltMethod,
    LatentSpec,
    LearningMethod,
    Method,
    PointMethod,
    PosteriorMethod,
    SamplingMethod,
)
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.generative import GenerativeMethod, PriorMethod
from quietscope.model.file import ModelCard, load_model, save_model
from quietscope.nn.hardware import place
from quietscope.nn.seeding import seeded
from quietscope.noise import PoissonGaussian
from quietscope.presets import Configuration
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit
from quietscope.training.settings import TrainingSettings

BuildMethod = Callable[[], BuiltMethod]


@dataclass(frozen=True)
class MethodCase:
    """One promise of one method."""

    name: str
    check: Callable[[], None]

    def run(self) -> None:
        """Keep it, or raise AssertionError."""
        self.check()

    def __str__(self) -> str:
        return self.name


def method_cases(name: str, configuration: Configuration, build: BuildMethod | None = None) -> list[MethodCase]:
    """List the promises of a method.

    Args:
        name: Name for the cases.
        configuration: Names the method, and its settings.
        build: Makes an untrained method for `toy_frames`, always the same, of these settings; `untrained` of the
            configuration if None.

    Returns:
        The cases.
    """
    build = untrained(configuration) if build is None else build
    return [
        MethodCase(f"{name}: loss falls on a toy", lambda: _loss_falls(build)),
        MethodCase(f"{name}: extreme pixels keep the loss finite", lambda: _finite_at_extremes(build)),
        MethodCase(f"{name}: pixels never measured weigh nothing", lambda: _pixels_never_measured(build)),
        MethodCase(f"{name}: a saved model comes back equal", lambda: _save_load(build, configuration)),
        MethodCase(f"{name}: a resumed run equals an uninterrupted one", lambda: _resume(build)),
        MethodCase(f"{name}: prediction changes no state", lambda: _prediction_is_pure(build)),
        MethodCase(f"{name}: it predicts, or it samples", lambda: _is_of_one_kind(build)),
        MethodCase(f"{name}: prediction gives images like those that came in", lambda: _shape_is_kept(build)),
        MethodCase(f"{name}: decoding is emitting what was inferred", lambda: _decode_is_emit_of_infer(build)),
        MethodCase(f"{name}: the prior gives images, and no noise the same one", lambda: _prior_is_a_map(build)),
    ]


def untrained(configuration: Configuration) -> BuildMethod:
    """Return what makes an untrained method for `toy_frames`, always with the same weights.

    Args:
        configuration: Names the method, and its settings.

    Returns:
        The maker; it gives a method that needs a noise model one of the toy's.
    """

    def build() -> BuiltMethod:
        kind = METHODS[configuration.method]
        with seeded(1):
            statistics = Statistics(torch.tensor([150.0]), torch.tensor([30.0]))
            noise = [PoissonGaussian(gain=0.5, offset=0.0, read_noise=5.0)] if kind.needs_noise else []
            return kind.build(configuration.method_settings(), statistics, noise)

    return build


def toy_frames(method: Method, num_frames: int = 4, size: int = 32) -> Frames:
    """Make noisy blobs that a method can learn in seconds: brightness 100 to 200, noise of deviation 10."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    planes = [150 + 50 * np.sin(6 * y + n) * np.cos(5 * x - n) for n in range(num_frames)]
    noisy = np.stack(planes) + rng.normal(0, 10, (num_frames, size, size))
    if method.spatial_dims == 3:
        noisy = np.stack([noisy] * 4, axis=1)
    axes = "QYX" if method.spatial_dims == 2 else "QZYX"
    array = noisy.astype(np.float32)
    return Frames(((array, Layout.of(axes, array.shape, method.spatial_dims)),))


def toy_settings(**changes: object) -> TrainingSettings:
    """Return settings for runs of a few steps on `toy_frames`."""
    base: dict[str, object] = {
        "patch": 16,
        "patch_z": 4,
        "batch_size": 4,
        "optimizer": "adam",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "validate_every": 4,
        "validation_patches": 8,
        "precision": "float32",
    }
    return TrainingSettings.model_validate({**base, **changes})


def train_toy(
    method: LearningMethod,
    steps: int,
    *,
    folder: Path | None = None,
    stop_at: int | None = None,
    validate_every: int = 4,
) -> FitReport:
    """Train on the toy; ``stop_at`` ends the run there as Ctrl-C would, a later call on the folder resumes it."""
    import signal

    def watch(state: object) -> None:
        if getattr(state, "step", 0) == stop_at:
            signal.raise_signal(signal.SIGINT)

    resume = folder is not None and (folder / "resume.ckpt").exists()
    return fit(
        method,
        toy_frames(method),
        toy_settings(validate_every=validate_every),
        Budget(steps=steps),
        device=torch.device("cpu"),
        folder=folder,
        resume=resume,
        watch=watch if stop_at else None,
    )


def _loss_falls(build: BuildMethod) -> None:
    found = [_losses(build, 20)]  # most methods need no more
    if not _falls(*found[0]):
        found.append(_losses(build, 60))
    assert _falls(*found[-1]), found


def _falls(before: float, after: float) -> bool:
    return after < before - 0.05


def _losses(build: BuildMethod, steps: int) -> tuple[float, float]:
    """Return the loss on the toy before and after training."""
    method = build()
    x = torch.from_numpy(np.stack([*toy_frames(method)]))
    before = float(_loss(method, x))
    train_toy(method, steps, validate_every=steps // 2)
    return before, float(_loss(method, x))


def _loss(method: LearningMethod, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), seeded(0):
        return method.eval().loss(x).total


def _finite_at_extremes(build: BuildMethod) -> None:
    method = build().train()
    x = torch.from_numpy(np.stack([*toy_frames(method)]))
    x[0].fill_(0.0)
    x[1].fill_(65535.0)
    loss = method.loss(x).total
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in method.parameters())


def _pixels_never_measured(build: BuildMethod) -> None:
    method = build().train()
    x = torch.from_numpy(np.stack([*toy_frames(method)]))
    x[0, ..., : x.shape[-1] // 2] = torch.nan
    x[1] = torch.nan
    loss = method.loss(x).total
    torch.autograd.backward(loss)
    assert torch.isfinite(loss), "NaN stands for pixels that were never measured: they weigh nothing"
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in method.parameters())


def _save_load(build: BuildMethod, configuration: Configuration) -> None:
    method = build()
    train_toy(method, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(path, method, ModelCard(configuration=configuration, axes="QYX", pixel_size_um={"X": 0.1}))
        loaded, card = load_model(path)
    assert card.axes == "QYX"
    assert card.pixel_size_um == {"X": 0.1}
    mine, theirs = method.state_dict(), loaded.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    if isinstance(method, DirectDenoiser) and isinstance(loaded, DirectDenoiser):
        loaded.learn_from(method.teacher)  # no part of a model file, and the loss is a distance from its samples
    place(loaded, "cpu", loaded.spatial_dims)
    x = torch.from_numpy(np.stack([*toy_frames(method)]))
    assert torch.equal(_loss(method, x), _loss(loaded, x))


def _resume(build: BuildMethod) -> None:
    whole, halves = build(), build()
    with tempfile.TemporaryDirectory() as folder:
        one = train_toy(whole, 7, folder=Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        first = train_toy(halves, 7, folder=Path(folder), stop_at=5)
        assert first.interrupted
        assert first.steps == 5
        halves = build()
        two = train_toy(halves, 7, folder=Path(folder))
    assert one.steps == two.steps == 7
    assert one.best_validation_loss == two.best_validation_loss
    for name, value in one.last_state.items():
        assert torch.equal(value, two.last_state[name]), name
    for name, value in whole.state_dict().items():
        assert torch.equal(value, halves.state_dict()[name]), name


def _prediction_is_pure(build: BuildMethod) -> None:
    from quietscope.prediction import predict_frame

    method = build().train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    generator = torch.get_rng_state()
    first = predict_frame(method, toy_frames(method)[0], kinds=("mean",), num_samples=2)
    second = predict_frame(method, toy_frames(method)[0], kinds=("mean",), num_samples=2)
    assert np.array_equal(first.mean, second.mean)
    assert method.training
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def _is_of_one_kind(build: BuildMethod) -> None:
    method = build()
    assert isinstance(method, PointMethod) != isinstance(method, PosteriorMethod), type(method).__mro__


def _toy_input(method: Method) -> torch.Tensor:
    """Return two different toy frames, (2, C, *S), S a multiple of what the method wants."""
    x = torch.from_numpy(np.stack([*toy_frames(method)][:2]))
    repeats = [-(-m // n) for m, n in zip(method.size_multiple, x.shape[2:], strict=True)]
    x = x.repeat(1, 1, *repeats)
    box = tuple(slice(0, n // m * m) for m, n in zip(method.size_multiple, x.shape[2:], strict=True))
    index = (slice(None), slice(None), *box)
    return x[index]


def _toy_noise(latents: Sequence[LatentSpec], x: torch.Tensor) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(
            len(x),
            spec.channels,
            *(n // r for n, r in zip(x.shape[2:], spec.reduction, strict=True)),
            generator=generator,
        )
        for spec in latents
    ]


def _shape_is_kept(build: BuildMethod) -> None:
    method = build().eval()
    x = _toy_input(method)
    kept = x.clone()
    with torch.inference_mode():
        pairs = []
        if isinstance(method, PointMethod):
            pairs.append((method.predict(x), method.predict(x)))
        if isinstance(method, SamplingMethod):
            encoding, noise = method.encode(x), _toy_noise(method.latents(), x)
            pairs.append((method.decode(encoding, noise), method.decode(encoding, noise)))
    assert pairs, "it neither predicts nor samples"
    assert torch.equal(x, kept)
    for first, second in pairs:
        assert torch.equal(first, second)
        assert first.shape == x.shape
        assert first.dtype == torch.float32
        assert bool(torch.isfinite(first).all())


def _decode_is_emit_of_infer(build: BuildMethod) -> None:
    method = build().eval()
    if not isinstance(method, GenerativeMethod):
        return
    x = _toy_input(method)
    with torch.inference_mode():
        encoding, noise = method.encode(x), _toy_noise(method.latents(), x)
        decoded, latents = method.decode(encoding, noise), method.infer(encoding, noise)
        emitted = method.emit(latents)
    for spec, z in zip(method.latents(), latents, strict=True):
        reduced = tuple(n // r for n, r in zip(x.shape[2:], spec.reduction, strict=True))
        assert z.shape == (len(x), spec.channels, *reduced), (spec, z.shape)
    assert torch.allclose(decoded, emitted, rtol=1e-5, atol=1e-3), float((decoded - emitted).abs().max())


def _prior_is_a_map(build: BuildMethod) -> None:
    method = build().eval()
    if not isinstance(method, PriorMethod):
        return
    x = _toy_input(method)
    noise = _toy_noise(method.prior_latents(), x)
    with torch.inference_mode():
        first, second = method.generate(noise), method.generate(noise)
        other = method.generate([level + 1.0 for level in noise])
        typical = method.generate([torch.zeros_like(level) for level in noise])
    assert torch.equal(first, second)
    assert first.shape == x.shape
    assert bool(torch.isfinite(first).all())
    assert not torch.equal(first, other)
    assert torch.allclose(typical[0], typical[1], rtol=1e-5, atol=1e-3)
