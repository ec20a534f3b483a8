"""Abilities of methods: which methods have an ability, the refusal of those that lack it, and a method's outputs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.base import (
    DeconvolvingMethod,
    Encoding,
    LatentSpec,
    Method,
    MomentsMethod,
    PointMethod,
    PosteriorMethod,
    SamplingMethod,
)
from quietscope.tiling.kinds import Kind, kinds_within
from quietscope.wording import typed

Capability = TypeVar("Capability", bound=Method)

DENOISED, DECONVOLVED, DEVIATION, SAMPLE = "denoised", "deconvolved", "deviation", "sample"


def outputs(method: Method) -> tuple[str, ...]:
    """Return the names of the images that `respond` returns, in order.

    Args:
        method: The method.

    Returns:
        "sample" for a method that samples; "denoised" and "deconvolved" for one that deconvolves; "denoised" and
        "deviation" for one that gives both in one pass; else "denoised".
    """
    if isinstance(method, PosteriorMethod):
        return (SAMPLE,)
    if isinstance(method, MomentsMethod):
        return (DENOISED, DEVIATION)
    return (DENOISED, DECONVOLVED) if isinstance(method, DeconvolvingMethod) else (DENOISED,)


def respond(method: Method, x: Tensor, noise: Sequence[Tensor] = ()) -> Mapping[str, Tensor]:
    """Return the output images of a method for one image.

    Args:
        method: The method.
        x: The image, (1, C, *S), intensity units, S multiples of `Method.size_multiple`; for a method that does not
            sample x may be several images, (B, C, *S).
        noise: For a method that samples, one (K, c_l, *S_l) per entry of `PosteriorMethod.latents`; x is encoded once,
            for all K samples.

    Returns:
        The images by the names of `outputs`, in that order: (B, C, *S), or samples (K, C, *S); intensity units.
    """
    return decode(method, encode(method, x), noise)


def encode(method: Method, x: Tensor) -> Encoding:
    """Compute what does not depend on the sample, once per image; returns x itself if the method does not sample."""
    return method.encode(x) if isinstance(method, PosteriorMethod) else (x,)


def decode(method: Method, encoding: Encoding, noise: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """Turn the result of `encode`, and noise, into the output images, see `respond`."""
    if isinstance(method, PosteriorMethod):
        return {SAMPLE: sample(method, encoding, noise)}
    (x,) = encoding
    if isinstance(method, DeconvolvingMethod):
        deconvolved = method.deconvolve(x)
        return {DENOISED: method.blur(deconvolved), DECONVOLVED: deconvolved}
    if isinstance(method, MomentsMethod):
        mean, deviation = method.moments(x)
        return {DENOISED: mean, DEVIATION: deviation}
    assert isinstance(method, PointMethod), f"{type(method)} neither predicts nor samples"
    return {DENOISED: method.predict(x)}


def sample(method: SamplingMethod, encoding: Encoding, noise: Sequence[Tensor]) -> Tensor:
    """Draw K samples (K, C, *S) of one image, encoded once, with noise (K, c_l, *S_l) per entry of `latents`."""
    return method.decode(tuple(part.expand(noise[0].shape[0], *part.shape[1:]) for part in encoding), noise)


def latents_of(method: Method) -> tuple[LatentSpec, ...]:
    """Return the shapes of a method's noise inputs; empty for a method that does not sample."""
    return method.latents() if isinstance(method, PosteriorMethod) else ()


def draws(method: Method, kinds: Iterable[Kind]) -> bool:
    """Tell whether a method draws samples for some kinds of results: for any, or for those made of samples alone."""
    if isinstance(method, PosteriorMethod):
        return True
    return isinstance(method, SamplingMethod) and any(kind.needs == "samples" for kind in kinds)


def kinds_of(method: type[Method]) -> tuple[Kind, ...]:
    """Return the kinds of results that a method can give, in their usual order."""
    return kinds_within(
        samples=issubclass(method, SamplingMethod),
        deconvolves=issubclass(method, DeconvolvingMethod),
        moments=issubclass(method, MomentsMethod),
    )


def able(capability: type[Method]) -> Iterator[str]:
    """Yield the names of the methods that have a capability."""
    return (name for name, method in METHODS.items() if issubclass(method, capability))


def able_to_set(setting: str) -> Iterator[str]:
    """Yield the names of the methods that have a setting of the given name."""
    return (name for name, method in METHODS.items() if method.has_setting(setting))


def any_of(names: Iterable[str]) -> str:
    """Return the options to type to choose among methods: "`method="hdn"` or `method="dvlae"`"."""
    return " or ".join(f"`{typed(method=name)}`" for name in names)


@overload
def require(
    method: Method, capability: type[Capability], why: str = ..., got: str = ..., fix: str = ...
) -> Capability: ...
@overload
def require(
    method: type[Method], capability: type[Capability], why: str = ..., got: str = ..., fix: str = ...
) -> type[Capability]: ...
def require(
    method: Method | type[Method],
    capability: type[Capability],
    why: str = "",
    got: str = "which does not",
    fix: str = "train with {able}",
) -> Capability | type[Capability]:
    """Return a method that has a capability, typed as such, or refuse a method that lacks it.

    Args:
        method: The method, or its class.
        capability: The type that has the capability, such as `PosteriorMethod`; its `ability` names it in words.
        why: Purpose of the capability, for the error message, in words that follow "a method that samples, ".
        got: Words of the error message that follow the name of the refused method.
        fix: Advice of the error message; "{able}" is replaced by the methods that have the capability.

    Returns:
        The same method.

    Raises:
        SettingsError: If the method lacks the capability.
    """
    if isinstance(method, type):
        if issubclass(method, capability):
            return method
    elif isinstance(method, capability):
        return method
    names = any_of(able(capability))
    wanted = f"a method that {capability.ability}" + (f", {why}" if why else "")
    raise SettingsError(wanted, f"{method.name}, {got}", fix.format(able=names or "another method"))
