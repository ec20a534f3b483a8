"""What a configuration leaves open follows from the noise of the images."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import convolve1d, gaussian_filter

from quietscope.axes import Layout
from quietscope.data.frames import Frames
from quietscope.errors import NoiseError, SettingsError
from quietscope.methods import METHODS
from quietscope.methods.base import SamplingMethod
from quietscope.presets import Configuration
from quietscope.setup.method import choose_method


def noise(kind: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    white = rng.standard_normal(shape)
    if kind == "white":
        return white
    if kind == "both":
        blurred = gaussian_filter(white, 0.8, axes=(-2, -1))
        return blurred / blurred.std()
    if kind == "offset rows":
        return np.sqrt(0.6) * white + np.sqrt(0.4) * rng.standard_normal((*shape[:-1], 1))
    axis = {"row": -1, "column": -2, "z": -3}[kind]
    return convolve1d(white, np.array([0.6, 0.8]), axis=axis, mode="wrap")


def frames(kind: str, axes: str = "YX", shape: tuple[int, ...] = (128, 128), dims: int = 2) -> Frames:
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    image = 100.0 + 60.0 * np.sin(y / 25.0) * np.cos(x / 31.0) + 20.0 * noise(kind, shape)
    return Frames(((image, Layout.of(axes, shape, dims)),))


def settled(values: dict[str, Any], images: Frames) -> tuple[Configuration, list[str]]:
    told: list[str] = []
    return choose_method(Configuration.of(values), images, told.append), told


@pytest.mark.parametrize(
    ("kind", "method", "network"),
    [
        ("white", "hdn", {"deterministic_levels": ()}),
        ("row", "dvlae", {"direction": "x"}),
        ("column", "dvlae", {"direction": "y"}),
        ("both", "hdn", {"deterministic_levels": (0, 1)}),
    ],
)
def test_method(kind: str, method: str, network: dict[str, Any]) -> None:
    found, told = settled({"method": "auto", "budget": "2h"}, frames(kind))
    assert (found.method, found.network) == (method, network)
    assert not found.unsettled
    assert told[0].startswith(f"method: {method}")
    assert any("looks smoothed" in line for line in told) == (kind == "both")  # all of its noise was blurred


def test_noise_that_cannot_be_told_leaves_the_usual_method() -> None:
    """Such images have been trained on before; what else is open has no usual value."""
    small = frames("white", shape=(20, 24))
    found, told = settled({"method": "auto"}, small)
    assert (found.method, found.unsettled) == ("hdn", ())
    assert told == ["method: hdn, as the noise cannot be told from 20 x 24"]
    with pytest.raises(NoiseError, match="at least 32 x 32"):
        settled({"method": "hdn", "network": {"deterministic_levels": "auto"}}, small)


@pytest.mark.parametrize(
    ("kind", "budget", "method"),
    [
        ("white", None, "instant"),
        ("row", None, "instant"),
        ("both", None, "hdn"),
        ("white", "30s", "instant"),
        ("white", "1h", "hdn"),
        ("row", "30s", "instant"),
        ("row", "30m", "instant"),
        ("row", "2h", "dvlae"),
        ("both", "30s", "hdn"),
    ],
)
def test_little_time_goes_to_what_comes_trained(kind: str, budget: str | None, method: str) -> None:
    """Only where the noise is what it knows: noise correlated both ways would be taken for structure."""
    found, told = settled({"method": "auto", "budget": budget}, frames(kind))
    assert found.method == method
    assert not found.unsettled
    assert ((budget or "nobody asked") in told[0]) == (method == "instant")


def test_steps_are_for_training() -> None:
    assert settled({"method": "auto", "steps": 500}, frames("white"))[0].method == "hdn"


@pytest.mark.parametrize(("wanted", "method"), [({"samples": True}, "instant"), ({"direct": "mean"}, "hdn")])
def test_where_samples_are_wanted_they_are_drawn(wanted: dict[str, Any], method: str) -> None:
    """What comes trained draws them too; a direct denoiser learns from a method that answers by samples alone."""
    found, _ = settled({"method": "auto", "budget": "30s", **wanted}, frames("white"))
    assert found.method == method
    assert issubclass(METHODS[method], SamplingMethod)


def test_correlation_along_z_is_not_what_comes_trained() -> None:
    volume, _ = settled({"method": "auto", "dims": 3, "budget": "30s"}, frames("z", "ZYX", (6, 96, 96), dims=3))
    assert volume.method == "dvlae"


@pytest.mark.parametrize(("kind", "direction"), [("row", "x"), ("column", "y")])
def test_how_the_noise_is_correlated_is_told(kind: str, direction: str) -> None:
    """A kernel of 0.6 and 0.8: a correlation of 0.48 between neighbours, and none beyond."""
    found, told = settled({"method": "instant"}, frames(kind, shape=(512, 512)))
    assert found.network["direction"] == direction
    assert np.allclose(found.network["correlation"], (0.48, 0.0, 0.0, 0.0), atol=0.03)
    assert told == [told[0]]
    assert told[0].startswith(f"correlation of the noise along {direction}: 0.4")


def test_too_weak_a_correlation_for_other_methods_is_told_all_the_same() -> None:
    rng = np.random.default_rng(0)
    noise = convolve1d(rng.standard_normal((512, 512)), np.array([1.0, 0.06]), axis=1, mode="wrap")
    images = Frames(((100.0 + 20.0 * noise, Layout.of("YX", (512, 512), 2)),))
    instant, _ = settled({"method": "instant"}, images)
    assert instant.network["direction"] == "x"
    assert 0.02 < instant.network["correlation"][0] < 0.08
    assert settled({"method": "dvlae"}, images)[0].network["direction"] == "none"


def test_a_correlation_that_was_said_is_left_alone() -> None:
    said = {"direction": "x", "correlation": (0.3, 0.1, 0.0, 0.0)}
    found, _ = settled({"method": "instant", "network": said}, frames("white"))
    assert found.network == said


@pytest.mark.parametrize(("kind", "direction"), [("white", "none"), ("row", "x"), ("column", "y")])
def test_direction_that_nobody_named(kind: str, direction: str) -> None:
    found, told = settled({"method": "cosdd"}, frames(kind))
    assert (found.method, found.network["direction"]) == ("dvlae", direction)
    assert len(told) == 1


def test_levels_fit_the_hierarchy() -> None:
    values = {"method": "hdn", "preset": "paper", "network": {"deterministic_levels": "auto"}}
    assert settled(values, frames("both"))[0].network["deterministic_levels"] == (0, 1)
    low = {"filters": (8, 8), "latent_channels": (4, 4), "deterministic_levels": "auto"}
    assert settled({**values, "network": low}, frames("both"))[0].network["deterministic_levels"] == (0,)


def test_what_was_chosen_is_left_alone() -> None:
    configuration = Configuration.of({"method": "dvlae", "network": {"direction": "y"}})
    told: list[str] = []
    assert choose_method(configuration, frames("row"), told.append) is configuration
    assert not told


def test_direction_z_is_for_volumes_alone() -> None:
    shape = (6, 96, 96)
    volume, _ = settled({"method": "auto", "dims": 3}, frames("z", "ZYX", shape, dims=3))
    assert (volume.method, volume.network) == ("dvlae", {"direction": "z"})
    planes, _ = settled({"method": "auto", "budget": "2h"}, frames("z", "ZYX", shape))
    assert planes.method == "hdn"


def test_channels_that_disagree_take_hdn() -> None:
    image = np.stack([np.asarray(frames(kind)[0][0]) for kind in ("row", "column")])
    found, _ = settled({"method": "auto"}, Frames(((image, Layout.of("CYX", image.shape)),)))
    assert found.method == "hdn"
    assert found.network["deterministic_levels"]


def test_a_method_that_is_no_name_is_refused_in_one_line() -> None:
    for method in (["hdn"], 5, "magic"):
        with pytest.raises(SettingsError) as caught:
            Configuration.of({"method": method})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["auto", "dvlae"])
def test_the_noise_decoder_sees_as_far_as_the_noise_reaches(method: str) -> None:
    images = frames("offset rows", shape=(256, 256))
    found, told = settled({"method": method, "budget": "2h"}, images)
    settings = found.method_settings().model_dump()
    assert (found.method, found.network["direction"]) == ("dvlae", "x")
    assert (settings["kernel"] - 1) * sum(settings["dilations"]) == 40
    assert any("sees 40 earlier pixels at most" in line for line in told)
    near, told = settled({"method": method, "budget": "2h"}, frames("row", shape=(256, 256)))
    assert "dilations" not in near.network
    assert not any("at most" in line for line in told)


def test_the_noise_decoder_stays_within_small_images_and_dilations_of_ones_own() -> None:
    small = settled({"method": "dvlae"}, frames("offset rows", shape=(64, 36)))[0].method_settings().model_dump()
    assert 8 <= (small["kernel"] - 1) * sum(small["dilations"]) < 36
    own = {"method": "dvlae", "network": {"dilations": (1, 2)}}
    assert settled(own, frames("offset rows", shape=(256, 256)))[0].network["dilations"] == (1, 2)
