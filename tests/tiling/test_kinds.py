"""A kind of results is declared once: everything else follows from its record."""

from typing import Self

import numpy as np
import pytest
import torch

from quietscope import Denoiser
from quietscope.cli.options import PredictionOptions
from quietscope.deploy.predict import LeanPredictor
from quietscope.errors import SettingsError
from quietscope.io import as_image
from quietscope.methods.hdn import HDN
from quietscope.pipeline.results import Abilities, choose_kinds
from quietscope.tiling import kinds
from quietscope.tiling.estimators import Estimator, Site
from quietscope.tiling.kinds import KINDS, Kind, chosen_kinds, imported, kind_of, kinds_within
from quietscope.tiling.request import Request
from tests import tiny


class InterquartileRange(Estimator[torch.Tensor]):
    """The range that the middle half of the samples covers: an estimate that nobody has thought of yet."""

    def __init__(self, crop: tuple[slice, ...]) -> None:
        self.crop = crop
        self.seen: list[torch.Tensor] = []

    @classmethod
    def of(cls, request: Request, site: Site) -> Self:
        return cls(site.inner_in_core)

    @classmethod
    def margin(cls, request: Request, spatial_dims: int) -> tuple[int, ...]:
        return (0,) * spatial_dims

    @classmethod
    def bytes_per_value(cls, request: Request) -> float:
        return 4.0 * request.num_samples

    def update(self, samples: torch.Tensor) -> None:
        self.seen.append(samples[(slice(None), slice(None), *self.crop)].clone())

    def result(self) -> dict[str, torch.Tensor]:
        low, high = torch.quantile(torch.cat(self.seen), torch.tensor([0.25, 0.75]), dim=0)
        return {"iqr": high - low}


@pytest.fixture
def iqr(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """The one line that a new kind of results needs."""
    record = Kind(name="iqr", word="interquartile range", needs="samples", estimator=f"{__name__}:InterquartileRange")
    monkeypatch.setattr(kinds, "KINDS", (*KINDS, record))
    return record


@pytest.fixture
def denoiser() -> Denoiser:
    return tiny.denoiser(HDN, scene={"mean": 100.0, "std": 20.0})


def test_a_new_estimate_is_one_estimator_and_one_record(iqr: Kind, denoiser: Denoiser) -> None:
    image = np.random.default_rng(0).normal(100, 20, (2, 20, 28)).astype(np.float32)
    result = denoiser.denoise(image, axes="TYX", num_samples=6, tile=16, also=("iqr", "samples"))
    wanted = np.subtract(*np.quantile(result.estimates["samples"], (0.75, 0.25), axis=0))
    np.testing.assert_allclose(result.estimates["iqr"], wanted, rtol=1e-3, atol=1e-3)
    sink = np.zeros(image.shape)
    denoiser.denoise_into(as_image(image, "TYX"), {"iqr": sink}, Request(num_samples=6, tile=16))
    np.testing.assert_array_equal(sink, result.estimates["iqr"])
    assert not LeanPredictor.can(["iqr"])


def test_the_command_line_offers_it(iqr: Kind) -> None:
    able = Abilities.of(HDN)
    assert choose_kinds(PredictionOptions(save="iqr").results(), able) == ("iqr",)
    with pytest.raises(SettingsError, match=r"samples, iqr after --save"):
        PredictionOptions(save="median").results()


def test_without_its_record_it_is_unknown(denoiser: Denoiser) -> None:
    image = np.zeros((20, 28), np.float32)
    with pytest.raises(SettingsError, match="'iqr'"):
        denoiser.denoise(image, also=("iqr",))
    with pytest.raises(SettingsError, match="'iqr'"):
        denoiser.denoise_into(as_image(image), {"iqr": image})


def test_every_record_holds() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        for address in filter(None, (kind.estimator, kind.twin)):
            assert issubclass(imported(address), Estimator)
        assert kind.needs_torch == (kind.estimator is not None and kind.twin is None)
        assert kind_of(kind.name) is kind


def test_kinds_keep_their_order_and_know_their_models() -> None:
    assert [kind.name for kind in chosen_kinds(["samples", "mean"])] == ["mean", "samples"]
    assert [kind.name for kind in kinds_within(samples=False, deconvolves=True)] == ["mean", "deconvolved"]
    assert [kind.name for kind in kinds_within(samples=False, deconvolves=False, moments=True)] == ["mean", "std"]
    assert [kind.name for kind in kinds_within(samples=True, deconvolves=False)] == [
        "mean",
        "std",
        "map",
        "quantiles",
        "samples",
    ]


def test_leading_axes() -> None:
    sizes = {kind.name: kind.leading(7, 3) for kind in KINDS}
    assert sizes.pop("samples") == (7,)
    assert sizes.pop("quantiles") == (3,)
    assert set(sizes.values()) == {()}


@pytest.mark.parametrize("is_exported", [False, True])
def test_what_a_model_cannot_give_is_refused(is_exported: bool) -> None:
    """An exported model may lack what the one gives that it was exported from."""
    able = Abilities(method="instant", kinds=frozenset({"mean", "std"}), is_exported=is_exported)
    with pytest.raises(SettingsError, match="mean and std alone from instant, which draws no samples") as caught:
        choose_kinds(PredictionOptions(save="samples").results(), able)
    assert ("the model that was exported" in caught.value.fix) == is_exported


def test_samples_are_drawn_where_something_needs_them() -> None:
    computed = Abilities(method="instant", kinds=frozenset({"mean", "std", "quantiles", "samples"}), computes=True)
    assert computed.draws(["mean", "quantiles"])
    assert not computed.draws(["mean", "std"])
    assert not computed.deviates_by_samples
    sampled = Abilities(method="hdn", kinds=frozenset({"mean", "std", "samples"}))
    assert sampled.draws(["mean"])
    assert sampled.deviates_by_samples
