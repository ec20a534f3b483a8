"""The kinds of results that a noisy image can give, each declared once.

Command line, sinks, `Result` and the path without PyTorch read this list. A new kind of estimate is one file with its
estimator, a subclass of `quietscope.tiling.estimators.Estimator`, and one record here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, TypeAlias

from quietscope.errors import SettingsError
from quietscope.io.details import Details

Ability: TypeAlias = Literal["point", "deviates", "samples", "deconvolves"]
"""What a model can do: give one image (every model can), say how far it may be off, which takes samples or a model that
computes it, draw posterior samples, give a deconvolved image."""
Seen: TypeAlias = Literal["images", "deviation", "deconvolved", "expected"]
"""Which images of `quietscope.tiling.drawn.Drawn` an estimator sees."""

# Letters without a meaning of their own come first; OME-TIFF takes them as extra dimensions.
SAMPLE_LETTERS = "RQPHAE"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of results.

    Attributes:
        name: Its name, in sinks, in `Result.estimates`, after ``--save`` and in names of files.
        word: What tables and pictures call it.
        needs: What a model must be able to do to give it.
        per: What it has one entry of along a leading axis: every sample, every probability of the request, or None
            for an image like the noisy one.
        is_rounded: Whether ``--dtype input`` rounds it to the type of the noisy image.
        is_intensity: Whether it has the brightness of the noisy image, so that what is shown of that is shown of it.
        estimator: Class that makes it from the images of a tile, as "module:class", imported when it is needed; None
            for the images themselves.
        twin: Class that makes the same without PyTorch, where there is one.
        output: What the estimator calls it; its own name where empty.
        is_expectation: Whether it is the mean of the images, which antithetic pairs serve, see
            `quietscope.tiling.antithetic`.
        sees: Which images of a model the estimator sees.
    """

    name: str
    word: str
    needs: Ability
    per: Literal["sample", "probability"] | None = None
    is_rounded: bool = True
    is_intensity: bool = True
    estimator: str | None = None
    twin: str | None = None
    output: str = ""
    is_expectation: bool = False
    sees: Seen = "images"

    @property
    def needs_torch(self) -> bool:
        """Whether nothing but PyTorch can make it."""
        return self.estimator is not None and self.twin is None

    def details_of(self, noisy: Details) -> Details:
        """Return what is told of a result beside that of the noisy image."""
        return noisy if self.is_intensity else replace(noisy, ranges=())

    def leading(self, num_samples: int, num_probabilities: int) -> tuple[int, ...]:
        """Return the sizes of the axes in front of those of the image."""
        return {None: (), "sample": (num_samples,), "probability": (num_probabilities,)}[self.per]


_MOMENTS, _NUMPY_MOMENTS = "quietscope.prediction.moments:StreamingMoments", "quietscope.deploy.moments:Moments"

KINDS: tuple[Kind, ...] = (
    Kind(name="mean", word="mean", needs="point", estimator=_MOMENTS, twin=_NUMPY_MOMENTS, is_expectation=True),
    Kind(
        name="deconvolved",
        word="deconvolved",
        needs="deconvolves",
        is_rounded=False,  # what deconvolution raises may lie above the range of the input's type
        estimator=_MOMENTS,
        twin=_NUMPY_MOMENTS,
        output="mean",
        is_expectation=True,
        sees="deconvolved",
    ),
    Kind(
        name="std",
        word="deviation",
        needs="deviates",
        is_rounded=False,  # it is often below one
        is_intensity=False,
        estimator=_MOMENTS,
        twin=_NUMPY_MOMENTS,
    ),
    Kind(name="map", word="most probable", needs="samples", estimator="quietscope.prediction.mean_shift:MeanShift"),
    Kind(
        name="quantiles",
        word="quantiles",
        needs="samples",
        per="probability",
        estimator="quietscope.prediction.quantiles:StreamingQuantiles",
    ),
    Kind(name="samples", word="samples", needs="samples", per="sample"),
)
"""Every kind of results, in the order in which they are listed."""


def names_of_kinds() -> tuple[str, ...]:
    """Return the names of all kinds of results."""
    return tuple(kind.name for kind in KINDS)


def chosen_kinds(names: Iterable[str]) -> tuple[Kind, ...]:
    """Return the kinds of some names, in their usual order.

    Args:
        names: Their names.

    Returns:
        The kinds.

    Raises:
        SettingsError: If a name is unknown.
    """
    wanted = tuple(names)
    unknown = [name for name in wanted if name not in names_of_kinds()]
    if unknown:
        raise SettingsError(f"results among {', '.join(names_of_kinds())}", repr(unknown[0]), 'ask e.g. for "mean"')
    return tuple(kind for kind in KINDS if kind.name in wanted)


def kind_of(name: str) -> Kind:
    """Return the kind of a name.

    Raises:
        SettingsError: If the name is unknown.
    """
    (kind,) = chosen_kinds([name])
    return kind


def kinds_within(*, samples: bool, deconvolves: bool, moments: bool = False) -> tuple[Kind, ...]:
    """Return the kinds of results that a model can give.

    Args:
        samples: Whether it draws samples.
        deconvolves: Whether it gives a deconvolved image.
        moments: Whether it computes a deviation beside its image.

    Returns:
        The kinds, in their usual order.
    """
    able = {"point": True, "deviates": samples or moments, "samples": samples, "deconvolves": deconvolves}
    return tuple(kind for kind in KINDS if able[kind.needs])


def as_made(kind: Kind, *, moments: bool, samples: bool = False) -> Kind:
    """Return a kind with the estimator that makes it of a model's images.

    Args:
        kind: The kind, with the estimator that makes it of samples.
        moments: Whether the model computes mean and deviation itself, of which "mean" and "std" are made then.
        samples: Whether its images are samples all the same.

    Returns:
        The kind.
    """
    if moments and samples and kind.name == "mean":
        return replace(kind, sees="expected")
    if not (moments and kind.name == "std"):
        return kind
    given = "quietscope.tiling.given_deviation:GivenDeviation"
    return replace(kind, estimator=given, twin=given, sees="deviation")


def with_leading(axes: str) -> str:
    """Return the axes of an image behind one that counts samples or quantiles, by a letter that is still free."""
    return next(letter for letter in SAMPLE_LETTERS if letter not in axes) + axes


def imported(address: str) -> Any:
    """Return what stands at an address "module:name", importing the module where it has not been."""
    module, _, name = address.partition(":")
    return getattr(import_module(module), name)
