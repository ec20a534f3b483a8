"""Noise models from nothing but noisy images: a first denoiser makes a pseudo-signal, and models are fitted to it.

Prakash, Lalit, Tomancak, Krull, Jug, "Fully unsupervised probabilistic Noise2Void", ISBI 2020. The first denoiser is
Noise2Void, which needs no noise model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quietscope.data.frames import Frames, spread
from quietscope.data.normalize import Statistics
from quietscope.data.preparation import Notify
from quietscope.errors import NoiseError
from quietscope.methods.noise2void import Noise2Void
from quietscope.nn.seeding import seeded
from quietscope.noise import BASE_MODELS, ClipLevels, NoiseChoice, NoiseModel, choose_model, fit_noise
from quietscope.noise.fitting import clip_levels_of_pairs
from quietscope.noise.noise_file import load_noise_model, save_noise_model
from quietscope.noise.pairs import FloatArray
from quietscope.prediction import predict_frame
from quietscope.presets import Preset, find_preset
from quietscope.training.budget import Budget
from quietscope.training.fit import fit
from quietscope.training.stop import ended_by
from quietscope.training.watch import Watcher

PRESET = "fast"
STEPS = 400
"""Steps of the first denoiser. Its error adds to the noise: it must lie well below it, and need not be the least."""

MOST_PAIRS = 4 << 20
PERCENTILES = (0.5, 99.5)
"""Range of the pseudo-signal that the shape of the noise is fitted on, as published: beyond it few pixels are seen.
They count in the photon-transfer line, along which the variance of a mixture goes on there."""


@dataclass(frozen=True, kw_only=True)
class KeptBootstrap:
    """Makes the noise models of a training run, and keeps them in its folder, so that a resumed run has the same.

    Attributes:
        seed: Seed of everything random.
        device: Where to train; the CPU if None.
        folder: Run folder; None keeps nothing.
        resume: Take the noise models that the folder has kept.
        watch: Called after every training step.
        notify: Called with one line for each thing a person should know.
    """

    seed: int
    device: torch.device | None
    folder: Path | None
    resume: bool
    watch: Watcher | None
    notify: Notify

    def __call__(self, frames: Frames) -> list[NoiseModel]:
        """Return one noise model per channel, made from the frames or kept since the run began.

        Raises:
            NoiseError: If a kept file is missing or damaged, or no model can be fitted to a channel.
            KeyboardInterrupt: If the user ended the training.
        """
        if self.folder is not None and self.resume:
            return [load_noise_model(path) for path in kept_files(self.folder, frames.num_channels)]
        self.notify("bootstrap: Noise2Void makes a pseudo-signal first, to fit the noise on")
        choices = bootstrap_noise(frames, seed=self.seed, device=self.device, watch=self.watch)
        for choice in choices:
            self.notify(f"noise: {choice.reason}")
        models = [choice.model for choice in choices]
        if self.folder is not None:
            for path, model in zip(kept_files(self.folder, len(models)), models, strict=True):
                save_noise_model(path, model, overwrite=True)
        return models


def kept_files(folder: Path, num_channels: int) -> list[Path]:
    """Name the files that keep the noise models of a bootstrap in a run folder, one per channel."""
    return [folder / f"bootstrap_c{channel}.safetensors" for channel in range(num_channels)]


@dataclass(frozen=True, kw_only=True)
class PseudoPairs:
    """Pseudo-signal and observation of one channel, each of shape (N,), intensity units, and the ends of its scale."""

    signal: FloatArray
    observation: FloatArray
    clip: ClipLevels


def bootstrap_noise(
    frames: Frames,
    *,
    kind: str | None = None,
    preset: Preset | None = None,
    steps: int = STEPS,
    seed: int = 0,
    device: torch.device | None = None,
    watch: Watcher | None = None,
) -> list[NoiseChoice]:
    """Make the noise model of every channel from noisy frames alone.

    Args:
        frames: The noisy frames.
        kind: Name of the model to fit; None chooses by held-out likelihood among Gaussian, Poisson-Gaussian and
            mixtures, see `choose_model`.
        preset: Network and training of the first denoiser, a preset of Noise2Void; "fast" if None.
        steps: Training steps of the first denoiser.
        seed: Seed of everything random.
        device: Where to train; the CPU if None.
        watch: Called after every training step.

    Returns:
        Per channel the model, and in one line why it was chosen.

    Raises:
        NoiseError: If there is no such kind, or no model can be fitted to a channel.
        KeyboardInterrupt: If the user ended the training.
    """
    if kind is not None and kind not in BASE_MODELS:
        raise NoiseError(f"one of {', '.join(BASE_MODELS)}", repr(kind), "leave it out to choose by likelihood")
    pairs = pseudo_pairs(frames, preset=preset, steps=steps, seed=seed, device=device, watch=watch)
    if kind is None:
        return [
            choose_model(each.signal, each.observation, seed=seed, clip=each.clip, percentiles=PERCENTILES)
            for each in pairs
        ]
    fitted = [fit_noise(kind, each.signal, each.observation, percentiles=PERCENTILES, clip=each.clip) for each in pairs]
    return [NoiseChoice(model=model, reason=f"{model.describe()}, as asked for", table=()) for model in fitted]


def pseudo_pairs(
    frames: Frames,
    *,
    preset: Preset | None = None,
    steps: int,
    seed: int,
    device: torch.device | None,
    watch: Watcher | None,
) -> list[PseudoPairs]:
    """Train Noise2Void on the frames and denoise some of them.

    Args:
        frames: The noisy frames.
        preset: Network and training of the first denoiser, a preset of Noise2Void; "fast" if None.
        steps: Training steps.
        seed: Seed of everything random.
        device: Where to train; the CPU if None.
        watch: Called after every training step.

    Returns:
        Pairs of each channel, from at most 4 million pixels of frames spread evenly, or of the middle of a larger one.

    Raises:
        KeyboardInterrupt: If the user ended the training.
    """
    device = torch.device("cpu") if device is None else device
    preset = find_preset(Noise2Void.name, PRESET) if preset is None else preset
    dims = len(frames.spatial_shape(0))
    statistics = Statistics.of_frames(frames[n] for n in spread(frames))
    with seeded(seed):
        method = Noise2Void.build(preset.network.model_copy(update={"spatial_dims": dims}), statistics, [])
    training = preset.training.model_copy(update={"seed": seed})
    report = fit(method, frames, training, Budget(steps=steps), device=device, watch=watch)
    if report.interrupted:
        raise ended_by(is_terminated=report.terminated)
    largest = max(int(np.prod(frames.spatial_shape(n))) for n in range(len(frames)))
    chosen = spread(frames, max(1, MOST_PAIRS // largest))
    observed = [frames.region(n, _middle(frames.spatial_shape(n))).astype(np.float32) for n in chosen]
    shown = [np.where(np.isnan(frame), _means(statistics, frame.ndim), frame) for frame in observed]
    predicted = [predict_frame(method, frame, kinds=("mean",), device=device).mean for frame in shown]
    return [_pairs_of_channel(predicted, observed, channel) for channel in range(frames.num_channels)]


def _means(statistics: Statistics, ndim: int) -> npt.NDArray[np.float32]:
    """Return the mean of each channel, which stands for pixels that were never measured, (C, 1, ...)."""
    means: npt.NDArray[np.float32] = statistics.mean.cpu().numpy()
    return means.reshape(-1, *[1] * (ndim - 1))


def _middle(size: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the box in the middle of a frame that has at most `MOST_PAIRS` pixels, the longest axes cut first."""
    lengths = list(size)
    while np.prod(lengths, dtype=np.int64) > MOST_PAIRS:
        longest = int(np.argmax(lengths))
        lengths[longest] = -(-lengths[longest] // 2)
    return tuple(
        slice((full - length) // 2, (full - length) // 2 + length) for full, length in zip(size, lengths, strict=True)
    )


def _pairs_of_channel(
    predicted: Sequence[npt.NDArray[Any]], observed: Sequence[npt.NDArray[Any]], channel: int
) -> PseudoPairs:
    signal, observation = (
        np.concatenate([frame[channel].ravel().astype(np.float64) for frame in part]) for part in (predicted, observed)
    )
    known = ~np.isnan(observation)
    if not known.all():
        signal, observation = signal[known], observation[known]
    return PseudoPairs(signal=signal, observation=observation, clip=clip_levels_of_pairs(signal, observation))
