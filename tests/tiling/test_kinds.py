"""A kind of results is declared once: everything else follows from its record."""

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.cli.options import PredictionOptions
from quietscope.data.normalize import Statistics
from quietscope.deploy.predict import LeanPredictor
from quietscope.errors import SettingsError
from quietscope.io import as_image
from quietscope.methods.hdn import HDN, HDNSettings
from quietscope.noise.gaussian import Gaussian
from quietscope.pipeline.results import Abilities, choose_kinds
from quietscope.tiling import kinds
from quietscope.tiling.estimators import Estimator
from quietscope.tiling.kinds import KINDS, Kind, chosen_kinds, imported, kind_of, kinds_within
from quietscope.tiling.request import Request

LEAST = {"filters": (4, 4), "latent_channels": (2, 2), "stem_filters": 4}


class InterquartileRange(Estimator[torch.Tensor]):
    """The range that the middle half of the samples covers: an estimate that nobody has thought of yet."""

    def __init__(self, crop):
        self.crop, self.seen = crop, []

    @classmethod
    def of(cls, request, site):
        return cls(site.inner_in_core)

    @classmethod
    def margin(cls, request, spatial_dims):
        return (0,) * spatial_dims

    @classmethod
    def bytes_per_value(cls, request):
        return 4.0 * request.num_samples

    def update(self, samples):
        self.seen.append(samples[(..., *self.crop)].clone())

    def result(self):
        low, high = torch.quantile(torch.cat(self.seen), torch.tensor([0.25, 0.75]), dim=0)
        return {"iqr": high - low}


@pytest.fixture
def iqr(monkeypatch):
    """The one line that a new kind of results needs."""
    record = Kind(name="iqr", word="interquartile range", needs="samples", estimator=f"{__name__}:InterquartileRange")
    monkeypatch.setattr(kinds, "KINDS", (*KINDS, record))
    return record


@pytest.fixture
def denoiser():
    statistics = Statistics(torch.full((1,), 100.0), torch.full((1,), 20.0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Denoiser(noise="sigma=10", training={"precision": "float32"}, device="cpu")
        made._method = HDN.build(HDNSettings(**LEAST), statistics, [Gaussian(10.0)])
    return made


def test_a_new_estimate_is_one_estimator_and_one_record(iqr, denoiser):
    image = np.random.default_rng(0).normal(100, 20, (2, 20, 28)).astype(np.float32)
    result = denoiser.denoise(image, axes="TYX", num_samples=6, tile=16, also=("iqr", "samples"))
    wanted = np.subtract(*np.quantile(result.estimates["samples"], (0.75, 0.25), axis=0))
    np.testing.assert_allclose(result.estimates["iqr"], wanted, rtol=1e-3, atol=1e-3)
    sink = np.zeros(image.shape)
    denoiser.denoise_into(as_image(image, "TYX"), {"iqr": sink}, Request(num_samples=6, tile=16))
    np.testing.assert_array_equal(sink, result.estimates["iqr"])
    assert not LeanPredictor.can(["iqr"])


def test_the_command_line_offers_it(iqr):
    able = Abilities.of(HDN)
    assert choose_kinds(PredictionOptions(save="iqr").results(), able) == ("iqr",)
    with pytest.raises(SettingsError, match=r"samples, iqr after --save"):
        PredictionOptions(save="median").results()


def test_without_its_record_it_is_unknown(denoiser):
    image = np.zeros((20, 28), np.float32)
    with pytest.raises(SettingsError, match="'iqr'"):
        denoiser.denoise(image, also=("iqr",))
    with pytest.raises(SettingsError, match="'iqr'"):
        denoiser.denoise_into(as_image(image), {"iqr": image})


def test_every_record_holds():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        for address in filter(None, (kind.estimator, kind.twin)):
            assert issubclass(imported(address), Estimator)
        assert kind.needs_torch == (kind.estimator is not None and kind.twin is None)
        assert kind_of(kind.name) is kind


def test_kinds_keep_their_order_and_know_their_models():
    assert [kind.name for kind in chosen_kinds(["samples", "mean"])] == ["mean", "samples"]
    assert [kind.name for kind in kinds_within(samples=False, deconvolves=True)] == ["mean", "deconvolved"]
    assert [kind.name for kind in kinds_within(samples=True, deconvolves=False)] == [
        "mean",
        "std",
        "map",
        "quantiles",
        "samples",
    ]


def test_leading_axes():
    sizes = {kind.name: kind.leading(7, 3) for kind in KINDS}
    assert sizes.pop("samples") == (7,)
    assert sizes.pop("quantiles") == (3,)
    assert set(sizes.values()) == {()}
