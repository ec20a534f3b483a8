"""What a method is able to do: asked in one place, refused in one place, and what comes out of it for an image."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.base import DeconvolvingMethod, Encoding, LatentSpec, Method, PointMethod, PosteriorMethod

Capability = TypeVar("Capability", bound=Method)

DENOISED, DECONVOLVED, SAMPLE = "denoised", "deconvolved", "sample"


def outputs(method: Method) -> tuple[str, ...]:
    """Return the names of what `respond` returns, in its order.

    Args:
        method: The method.

    Returns:
        "sample" alone of a method that samples; "denoised", and "deconvolved" of a method that deconvolves.
    """
    if isinstance(method, PosteriorMethod):
        return (SAMPLE,)
    return (DENOISED, DECONVOLVED) if isinstance(method, DeconvolvingMethod) else (DENOISED,)


def respond(method: Method, x: Tensor, noise: Sequence[Tensor] = ()) -> Mapping[str, Tensor]:
    """Return what comes out of a method for one image.

    Args:
        method: The method.
        x: The image, (1, C, *S), intensity units, S multiples of `Method.size_multiple`; a method that gives one image
            takes several, (B, C, *S).
        noise: For a method that samples, one (K, c_l, *S_l) per entry of `PosteriorMethod.latents`; x is encoded once,
            for all K samples.

    Returns:
        The images by the names of `outputs`, in that order: (B, C, *S), or samples (K, C, *S); intensity units.
    """
    return decode(method, encode(method, x), noise)


def encode(method: Method, x: Tensor) -> Encoding:
    """Do once per image what does not depend on the sample; a method that does not sample leaves all to `decode`."""
    return method.encode(x) if isinstance(method, PosteriorMethod) else (x,)


def decode(method: Method, encoding: Encoding, noise: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """Turn what `encode` made of an image, and noise, into what comes out, see `respond`."""
    if isinstance(method, PosteriorMethod):
        repeated = tuple(part.expand(noise[0].shape[0], *part.shape[1:]) for part in encoding)
        return {SAMPLE: method.decode(repeated, noise)}
    (x,) = encoding
    if isinstance(method, DeconvolvingMethod):
        deconvolved = method.deconvolve(x)
        return {DENOISED: method.blur(deconvolved), DECONVOLVED: deconvolved}
    assert isinstance(method, PointMethod), f"{type(method)} neither predicts nor samples"
    return {DENOISED: method.predict(x)}


def latents_of(method: Method) -> tuple[LatentSpec, ...]:
    """Return where the noise of a method's samples lies; nothing for a method that does not sample."""
    return method.latents() if isinstance(method, PosteriorMethod) else ()


def able(capability: type[Method]) -> Iterator[str]:
    """Yield the names of the methods that have a capability."""
    return (name for name, method in METHODS.items() if issubclass(method, capability))


def able_to_set(setting: str) -> Iterator[str]:
    """Yield the names of the methods whose settings have one of that name."""
    return (name for name, method in METHODS.items() if method.has_setting(setting))


def any_of(names: Iterable[str]) -> str:
    """Return what to type to choose one of some methods: "`--method hdn` or `--method dvlae`"."""
    return " or ".join(f"`--method {name}`" for name in names)


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
    """Return a method as one that has a capability, or refuse it.

    Args:
        method: The method, or its class.
        capability: The type that has the capability, such as `PosteriorMethod`; its `ability` says it in words.
        why: What the capability is wanted for, in words that follow "a method that samples, ".
        got: What is said of the method that came, after its name.
        fix: What to do instead; "{able}" stands for the methods that have the capability.

    Returns:
        The same method.

    Raises:
        SettingsError: If it has not.
    """
    if isinstance(method, type):
        if issubclass(method, capability):
            return method
    elif isinstance(method, capability):
        return method
    names = any_of(able(capability))
    wanted = f"a method that {capability.ability}" + (f", {why}" if why else "")
    raise SettingsError(wanted, f"{method.name}, {got}", fix.format(able=names or "another method"))
