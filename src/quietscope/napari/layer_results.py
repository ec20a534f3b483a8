"""Results as layers: where the noisy layer lies, in its units and colours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.napari.layer_source import OWN

Pixels = npt.NDArray[Any]

TITLES: Mapping[str, str] = {
    "mean": "denoised",
    "std": "deviation",
    "deconvolved": "deconvolved",
    "samples": "samples",
    "removed": "removed",
    "preview": "preview",
    "before": "before",
    "objects": "objects",
}
"""What the layer of a result is called, behind the name of the noisy one."""


def placed_like(layer: Any, start: Sequence[int] | None = None) -> dict[str, Any]:
    """Return what places a layer where another one lies.

    Args:
        layer: The other layer.
        start: The pixel of it that the first pixel lies on, for a part; None for the whole.

    Returns:
        Arguments of a layer: scale, translate, rotate, shear, affine, units and axis labels.
    """
    offset = np.zeros(layer.ndim) if start is None else np.asarray(start, float)
    turned = np.asarray(layer.rotate) @ _shear_of(layer)
    at = np.asarray(layer.translate) + turned @ (offset * np.asarray(layer.scale))
    return {
        "scale": tuple(layer.scale),
        "translate": tuple(at),
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def look_of(layer: Any, kind: str, pixels: Pixels) -> dict[str, Any]:
    """Return how a result is shown: an image in the range and colours of the noisy one, a deviation over it.

    Args:
        layer: The noisy layer.
        kind: The kind of result.
        pixels: Its pixels, or some of them, which give the range of what has no range of the noisy image.

    Returns:
        Arguments of a layer.
    """
    if kind in ("std", "removed"):
        known = pixels[np.isfinite(pixels)]
        top = float(np.percentile(np.abs(known), 99.5)) if known.size else 0.0
        high = top if top > 0 else 1.0
        if kind == "removed":
            return {"colormap": "gray", "contrast_limits": (-high, high), "blending": "translucent_no_depth"}
        return {"colormap": "inferno", "contrast_limits": (0.0, high), "blending": "additive", "opacity": 0.6}
    low, high = layer.contrast_limits
    return {
        "colormap": layer.colormap,
        "contrast_limits": (float(low), float(high) if high > low else float(low) + 1.0),
        "gamma": layer.gamma,
        "blending": layer.blending,
        "interpolation2d": layer.interpolation2d,
    }


def layer_of(
    layer: Any, kind: str, pixels: Pixels, *, start: Sequence[int] | None = None, told: Mapping[str, Any] | None = None
) -> Any:
    """Make the layer of a result.

    Args:
        layer: The noisy layer.
        kind: The kind of result, one of `TITLES`.
        pixels: Its pixels, of the layer's dimensions, behind a further axis for samples.
        start: The pixel of the noisy layer that the first pixel lies on; None for the whole.
        told: What is noted of it beside the kind, such as the model.

    Returns:
        An image layer, in no viewer yet.
    """
    from napari.layers import Image

    place = placed_like(layer, start)
    if pixels.ndim > layer.ndim:
        place = _behind_samples(place, layer, pixels.ndim - layer.ndim)
    note = {"kind": kind, "of": layer.name, **(told or {})}
    return Image(
        pixels,
        name=f"{layer.name} {TITLES.get(kind, kind)}",
        metadata={OWN: note},
        **place,
        **look_of(layer, kind, pixels),
    )


def _behind_samples(place: dict[str, Any], layer: Any, more: int) -> dict[str, Any]:
    """Return what places a stack of samples: the same, behind an axis that counts them."""
    return {
        "scale": (1.0,) * more + tuple(place["scale"]),
        "translate": (0.0,) * more + tuple(place["translate"]),
        "units": ("pixel",) * more + tuple(place["units"]),
        "axis_labels": ("sample",) * more + tuple(place["axis_labels"]),
        "rotate": _grown(layer.rotate, more),
        "shear": _grown(_shear_of(layer), more),
        "affine": _grown(layer.affine.affine_matrix, more),
    }


def _shear_of(layer: Any) -> Pixels:
    """Return the shear of a layer as a matrix: napari keeps what lies above the diagonal, or a whole matrix."""
    shear = np.asarray(layer.shear, float)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(layer.ndim)
    matrix[np.triu_indices(layer.ndim, 1)] = shear
    return matrix


def _grown(matrix: Any, more: int) -> Pixels:
    """Return a matrix of more dimensions that leaves the first ones as they are."""
    square = np.asarray(matrix)
    grown = np.eye(len(square) + more)
    grown[more:, more:] = square
    return grown
