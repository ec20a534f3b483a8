"""A look at what is learnt by now changes nothing of what is learnt; results can be watched while they grow."""

from typing import Any

import numpy as np
import pytest
import torch

from quietscope import Denoiser, glance
from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from tests import tiny

IMAGE = np.random.default_rng(3).normal(100, 10, (48, 52)).astype(np.float32)


def trained(method: str, looks: list[Any] | None) -> Denoiser:
    settings: dict[str, Any] = {"noise": "sigma=10"} if METHODS[method].needs_noise else {}
    denoiser = Denoiser(method=method, steps=4, network=tiny.network(method), training=tiny.TRAINING, **settings)

    def watch(state: Any) -> None:
        if looks is not None:
            looks.append(glance(state, IMAGE, denoiser.configuration))

    return denoiser.fit(IMAGE, watch=watch, notify=lambda text: None)


@pytest.mark.parametrize("method", ["noise2void", "hdn"])
def test_a_look_leaves_the_training_as_it_was(method: str) -> None:
    looks: list[Any] = []
    looked, unseen = trained(method, looks), trained(method, None)
    assert len(looks) == 4
    assert all(each.shape == IMAGE.shape and np.isfinite(each).all() for each in looks)
    assert not np.array_equal(looks[0], looks[-1])
    weights = unseen.method.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in looked.method.state_dict().items())


def test_results_grow_in_arrays_of_the_caller() -> None:
    denoiser = tiny.denoiser(METHODS["hdn"])
    images = np.stack([IMAGE] * 3)
    out = {kind: np.full(images.shape, np.nan, np.float32) for kind in ("mean", "std")}
    shares: list[float] = []
    result = denoiser.denoise(
        images, num_samples=4, out=out, progress=lambda done, total: shares.append(np.isfinite(out["mean"]).mean())
    )
    assert result.mean is out["mean"]
    assert result.std is out["std"]
    assert any(0 < share < 1 for share in shares)
    assert np.array_equal(out["mean"], denoiser.denoise(images, num_samples=4).mean)


@pytest.mark.parametrize("shape", [(48, 52, 1), (48, 51)])
def test_arrays_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    denoiser = tiny.denoiser(METHODS["noise2void"])
    with pytest.raises(SettingsError, match="48 x 52 for mean"):
        denoiser.denoise(IMAGE, out={"mean": np.zeros(shape, np.float32)})
    with pytest.raises(SettingsError, match="one image"):
        denoiser.denoise([IMAGE, IMAGE], out={"mean": np.zeros((48, 52), np.float32)})
