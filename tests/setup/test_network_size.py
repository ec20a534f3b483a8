"""A network that cannot be trained in the memory that is free is refused with figures, before it takes any."""

import numpy as np
import pytest

from quietscope import Denoiser
from quietscope.errors import SettingsError
from quietscope.prediction import memory


def test_a_network_beyond_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_main_memory", lambda: 8_000_000_000)
    images = np.random.default_rng(0).normal(100, 10, (2, 64, 64)).astype(np.float32)
    network = {"filters": [4096] * 3, "latent_channels": [512] * 3, "stem_filters": 4096, "blocks": 8}
    denoiser = Denoiser(steps=2, network=network, device="cpu", noise="sigma=10")
    with pytest.raises(SettingsError, match=r"8 GB of memory.* million weights.* GB with their gradients.*`filters`"):
        denoiser.fit(images, axes="TYX", notify=lambda _: None)


def test_the_figure_is_that_of_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from quietscope.methods.noise2void import Noise2Void
    from tests import tiny

    method = tiny.untrained(Noise2Void)
    needed = memory.COPIES_IN_TRAINING * sum(each.numel() * each.element_size() for each in method.parameters())
    for free, fits in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(memory, "free_main_memory", lambda free=free: free)
        if fits:
            memory.check_weights_fit(lambda: method, "cpu")
        else:
            with pytest.raises(SettingsError):
                memory.check_weights_fit(lambda: method, "cpu")
