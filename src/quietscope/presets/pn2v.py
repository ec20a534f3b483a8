"""Presets of PN2V.

After a few hundred steps PN2V is 1 to 2 dB behind Noise2Void. On Confocal_FISH (quarters of two fields) the plain mean
of its samples has 31.9 dB then, the posterior's mean 30.5 dB: the samples are spread too widely yet, and the weights
let the pixel's own noise in. The shape of the noise matters as much as its variance: on the samples of a run with the
blind Poisson-Gaussian estimate, weights by that estimate gave 29.8 dB, by a histogram fitted to pairs 30.9 dB.
Published for Convallaria: 36.6 dB, Noise2Void 35.9 dB; the preset `paper` was not trained in full by QuietScope.
"""

from quietscope.methods.pn2v import PN2V, PN2VSettings
from quietscope.presets import deconoising
from quietscope.presets.record import MINUTES, Preset

FAST = Preset(
    method=PN2V.name,
    name="fast",
    summary="Minutes on two CPU cores: fewer samples, stabilised scale, cosine schedule over the budget",
    network=PN2VSettings(depth=3, filters=32, merge="concat", samples=100, stabilize=True),
    training=MINUTES.model_copy(update={"learning_rate": 3e-3}),
    budget="4m",
    steps=None,
    measured=(
        "FMD Confocal_FISH, 300 steps of 4 patches, mixture bootstrapped: 22.62 -> 30.28 dB "
        "(noise2void with as many: 31.53); 400 steps of 16 at a learning rate of 0.001, noise auto: 29.53 (31.54)",
        "W2S ch0, 4 evaluation fields, 300 steps of 4 patches, mixture bootstrapped: 23.33 -> 33.50 dB "
        "(noise2void with as many: 35.32)",
    ),
)

PAPER = Preset(
    method=PN2V.name,
    name="paper",
    summary="As published (Krull et al. 2020), for a GPU",
    network=PN2VSettings(depth=2, upsampling="transposed", initialisation="xavier", output_scale=10.0),
    training=deconoising.PAPER.training.model_copy(update={"validate_every": 5}),  # both are the same authors'
    budget=None,
    steps=1_000,
    measured=(),
)

PRESETS = (FAST, PAPER)
