"""Presets of the denoiser that comes trained.

That its network goes on learning (`learns="network"`) lost. From hidden pixels at a learning rate of 3e-4, W2S ch0
falls from 37.1 to 36.8 dB after an affine fit in 120 steps. From pixels that are split in two with uncorrelated noise
(generalised recorrupting, arXiv 2412.04648; a normal split of variance a (1 - a) v(x)) it rises to 37.36 dB in 120
steps, as it does from clean images (37.35), but is back at 37.20 after 400; on Confocal_FISH it falls from 32.2 to
31.8 dB, and with v of the result in place of v(x) to 29: there a photon is 22 grey values, and a spike of one photon
is seen in both parts. Clean images would lead to 32.5 dB. (These were weights of less training than those of today.)

Little is won, and minutes are lost, by learning from its own results with the residuals as noise (Confocal_FISH: 32.61
to 32.69 dB in 100 steps at 1e-4), or by an average with `noise2void n2v2` (four to one: 32.69 to 32.76 dB in all
orientations). Where neighbours' noise has a correlation of 0.4, a curve learnt from hidden pixels keeps it (32.1 dB for
35.9 on row-correlated W2S), and from hidden lines is no better than none (34.7 to 35.4).
"""

from quietscope.methods.instant import Instant, InstantSettings
from quietscope.presets.record import MINUTES, Preset

FAST = Preset(
    method=Instant.name,
    name="fast",
    summary="Seconds on two CPU cores: only the scale is learnt",
    network=InstantSettings(),
    training=MINUTES.model_copy(update={"learning_rate": 1e-2, "batch_size": 8, "warmup_steps": 5}),
    budget=None,
    steps=60,
    measured=(
        "FMD Confocal_FISH, 4 fields, 3 seeds, 15 s of one thread: 22.62 -> 32.67 dB (BM3D, told the noise: 32.40)",
        "W2S ch0, 8 fields, 3 seeds, 20 s of one thread: 22.97 -> 36.66 dB (BM3D: 36.13)",
        "W2S ch1, 8 fields, 3 seeds, 19 s of one thread: 17.41 -> 31.76 dB (BM3D: 31.42)",
        "FMD Confocal_MICE, 4 fields, 3 seeds, 15 s of one thread: 28.87 -> 37.76 dB (BM3D: 37.51)",
        "FMD Confocal_BPAE_G, 4 fields, 3 seeds, 15 s of one thread: 27.91 -> 32.93 dB (BM3D: 32.89)",
        "W2S ch0 with row-correlated noise, 8 fields, 10 s: 23.10 -> 36.11 dB (BM3D, told its spectrum: 35.01)",
    ),
)

PRESETS = (FAST,)
