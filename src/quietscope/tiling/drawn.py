"""Images as they are drawn of a tile, in arrays of PyTorch or of NumPy; neither is imported for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Sliceable(Protocol):
    """An array of PyTorch or NumPy, as far as cutting and turning it is concerned."""

    def __getitem__(self, index: Any, /) -> Any:
        """Return a part of it."""

    def swapaxes(self, a: int, b: int, /) -> Any:
        """Swap two axes."""


Images = TypeVar("Images", bound=Sliceable)
"""Tensors of PyTorch or arrays of NumPy, the same throughout one prediction."""


def cropped(images: Images, box: tuple[slice, ...]) -> Images:
    """Return a box of images, (..., *S), one slice per spatial axis."""
    part: Images = images[(..., *box)]
    return part


@dataclass(frozen=True)
class Drawn(Generic[Images]):
    """Some images of one tile, (K, C, *S) each, intensity units.

    Attributes:
        numbers: Their numbers.
        images: Denoised images, or samples.
        deconvolved: The same without the microscope's blur, from a model that gives them.
        deviation: How far the denoised images may be off, standard deviations, from a model that computes them.
        expected: The denoised image, from a model that computes it, where `images` are samples; deviation and it come
            once for every orientation, (1, C, *S), with the first samples.
    """

    numbers: Sequence[int]
    images: Images
    deconvolved: Images | None = None
    deviation: Images | None = None
    expected: Images | None = None

    def changed(self, change: Callable[[Images], Images]) -> "Drawn[Images]":
        """Return the same with all images changed alike."""
        kept = self.deconvolved, self.deviation, self.expected
        others = (None if each is None else change(each) for each in kept)
        return Drawn(self.numbers, change(self.images), *others)
