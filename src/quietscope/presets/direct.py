"""Presets of the direct denoiser."""

from quietscope.methods.direct import DirectDenoiser, DirectSettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

# Patches of 128 pixels, because the teacher sees only the patch, and estimates a pixel worse from 64 x 64 pixels than
# from the whole image. One patch per step, because the number of steps matters: with the same number of samples in
# all, one patch per step ends 0.5 dB above four patches per step (W2S ch0, 840 and 210 steps).
FAST = Preset(
    method=DirectDenoiser.name,
    name="fast",
    summary="Minutes on two CPU cores: learns one-pass denoising from a trained model (`quietscope distill`)",
    network=DirectSettings(),
    training=MINUTES.model_copy(
        update={"patch": 128, "batch_size": 1, "learning_rate": 2e-3, "validation_patches": 16}
    ),
    budget="4m",
    steps=None,
    measured=(
        "W2S ch0, 8 evaluation fields, 2400 steps on one CPU core: 35.76 dB, the mean of 100 samples of its teacher "
        "(HDN, 4 min) 35.79 dB; 512 x 512 pixels (4 fields) 122 times faster",
    ),
)

# Squares of 2 x 2 pixels are one pixel with four channels: a quarter of the convolutions, which have enough channels
# for the integer units of processors. It learns what is to be taken away, which is easier for a small network.
QUICK = Preset(
    method=DirectDenoiser.name,
    name="quick",
    summary="A network that is nine times as fast as that of `fast`, for terabytes; its teacher may be of any method",
    network=DirectSettings(depth=2, filters=32, unshuffle=2, tapered=True, merge="add", residual=True),
    training=MINUTES.model_copy(
        update={"patch": 128, "batch_size": 4, "learning_rate": 2e-3, "validation_patches": 16}
    ),
    budget="8m",
    steps=None,
    measured=(
        "W2S ch0, 8 evaluation fields, 1500 steps in 6 minutes of one CPU core: 35.67 dB, its teacher (`instant`) "
        "36.63 dB; in int8 35.58 dB, and nine times as fast as `fast`",
    ),
)

LARGE = Preset(
    method=DirectDenoiser.name,
    name="large",
    summary="A deeper and wider network, for a GPU and hours",
    network=DirectSettings(depth=4, filters=64),
    training=TrainingSettings(
        patch=128,
        batch_size=16,
        optimizer="adam",
        learning_rate=4e-4,
        schedule="cosine",
        warmup_steps=500,
        clip_norm=1.0,
        keep="last",
        validate_every=400,
        validation_patches=64,
    ),
    budget=None,
    steps=100_000,
    measured=(),
)

PRESETS = (FAST, QUICK, LARGE)
