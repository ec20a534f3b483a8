"""Presets of Noise2Void.

A network that is blind at every pixel (Laine et al. 2019: four turns of a U-Net that sees half a plane), with predicted
mean and variance and the posterior by the noise, lost: 31.21 dB on Confocal_FISH after 200 steps, n2v2 31.50; W2S ch0
33.79 and 34.60; MICE 36.95 and 35.35; at twice the processor time, one seed (`benchmarks/half_planes.py`). `instant` is
at 32.67, 36.55 and 37.75 dB there.
"""

from quietscope.methods.noise2void import Noise2Void, Noise2VoidSettings
from quietscope.presets.record import MINUTES, Preset
from quietscope.training.settings import TrainingSettings

_FAST_NETWORK = Noise2VoidSettings(depth=3, filters=32, masked_share=1 / 32, batch_norm=False)
_FAST_TRAINING = MINUTES.model_copy(update={"learning_rate": 1e-3})

PAPER = Preset(
    method=Noise2Void.name,
    name="paper",
    summary="As published for BSD68 (Krull et al. 2019), for a GPU",
    network=Noise2VoidSettings(residual=True, tapered=True, replacement="uniform_with_centre"),
    former_network=Noise2VoidSettings(),
    training=TrainingSettings(
        patch=64,
        batch_size=128,
        optimizer="adam",
        learning_rate=4e-4,
        schedule="plateau",
        plateau_patience=10,
        plateau_factor=0.5,
        validate_every=400,
        validation_patches=256,
    ),
    budget=None,
    steps=80_000,
    measured=(),
)

FAST = Preset(
    method=Noise2Void.name,
    name="fast",
    summary="Minutes on two CPU cores",
    network=_FAST_NETWORK,
    training=_FAST_TRAINING,
    budget="4m",
    steps=None,
    measured=("W2S ch0, 8 evaluation fields, 8 min on 2 CPU cores: 22.97 -> 36.16 dB (BM3D: 36.13)",),
)

N2V2 = Preset(
    method=Noise2Void.name,
    name="n2v2",
    summary="Like fast, with N2V2's median replacement, blurred pooling and no skip at the top (Höck et al. 2022)",
    network=_FAST_NETWORK.model_copy(update={"replacement": "median", "blur_pool": True, "top_skip": False}),
    training=_FAST_TRAINING,
    budget="4m",
    steps=None,
    measured=("W2S ch0, 8 evaluation fields, 8 min on 2 CPU cores: 22.97 -> 36.34 dB (BM3D: 36.13)",),
)

PRESETS = (FAST, N2V2, PAPER)
