"""A result as an array with named axes and coordinates, for xarray: an optional library."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from quietscope.axes import Layout
from quietscope.errors import SettingsError
from quietscope.optional import imported
from quietscope.tiling.kinds import kind_of
from quietscope.version import __version__

if TYPE_CHECKING:
    from quietscope.model.result import Result

LEADING = {"sample": "sample", "probability": "quantile"}
UNITS = "intensity of the noisy image"


def labelled(result: "Result", kind: str | None = None) -> Any:
    """Return a result as an `xarray.DataArray`, see `quietscope.Result.to_xarray`."""
    pixels = result.pixels(kind)
    xarray = imported("xarray", SettingsError, "xarray")
    name = kind or ("mean" if result.map is None else "map")
    leading = [LEADING[per]] if (per := kind_of(name).per) is not None else []
    dims = [*leading, *result.axes]
    attributes = {"units": UNITS, "method": result.method, "version": f"quietscope {__version__}"}
    coordinates = {**_leading(result, leading, len(pixels)), **_of_axes(result)}
    return xarray.DataArray(pixels, dims=dims, coords=coordinates, name=name, attrs=attributes)


def _leading(result: "Result", leading: list[str], count: int) -> dict[str, Any]:
    if not leading:
        return {}
    (dim,) = leading
    return {dim: (dim, np.asarray(result.probabilities) if dim == "quantile" else np.arange(count))}


def _of_axes(result: "Result") -> dict[str, Any]:
    """Return coordinates where their step is known: of the middle of each pixel, the first at 0."""
    found: dict[str, Any] = {}
    steps: Mapping[str, tuple[float | None, str]] = {
        **{axis: (result.pixel_size_um.get(axis), "um") for axis in "ZYX"},
        "T": (result.frame_interval_s, "s"),
    }
    for axis, size in zip(result.axes, result.image.shape, strict=True):
        step, unit = steps.get(axis, (None, ""))
        if step is not None:
            found[axis] = (axis, step * np.arange(size), {"units": unit})
    channels = Layout.of(result.axes, result.image.shape).num_channels
    if "C" in result.axes and len(result.channel_names) == channels == result.image.shape[result.axes.index("C")]:
        found["C"] = ("C", list(result.channel_names))
    return found
