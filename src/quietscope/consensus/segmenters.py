"""What segments a sample: our own two, Cellpose and StarDist with models of the user's, a function, or a command.

Another package declares a segmenter in the entry-point group "quietscope.segmenters": a function that receives an
image, (Y, X) or (Z, Y, X), float32, and returns labels of its shape, integers, 0 for the background.
"""

import importlib
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.sampling_runs import last_line
from quietscope.consensus.thresholding import USUAL_DIAMETER, threshold, watershed
from quietscope.errors import QuietScopeError, SettingsError
from quietscope.io import read_image, write_image
from quietscope.registry import Registry
from quietscope.wording import typed

Image = npt.NDArray[np.float32]
Segmenter = Callable[[Image], npt.NDArray[Any]]
"""Receives an image, (Y, X) or (Z, Y, X), and returns its labels."""

LARGEST_DIAMETER = 10_000.0
USUAL_VARIATION = 0.25
"""By how much, as a share, diameters differ between samples where they do."""
_STEPS = (0.0, -1.0, 1.0, -0.5, 0.5)
"""Powers of the variation, one sample after another; the first few are in the middle as a whole, too."""
_FOR_IMAGE, _FOR_LABELS = "{input}", "{output}"


def cellpose(image: Image, weights: str, diameter: float) -> npt.NDArray[Any]:
    """Segment by Cellpose.

    Args:
        image: The image.
        weights: A model file of the user's, or a name that Cellpose knows.
        diameter: Diameter of objects, in pixels.
    """
    is_volume = image.ndim == 3
    masks, *_ = _cellpose_model(weights).eval(
        _without_gaps(image), diameter=diameter, do_3D=is_volume, z_axis=0 if is_volume else None
    )
    return np.asarray(masks)


def stardist(image: Image, weights: str, diameter: float) -> npt.NDArray[Any]:
    """Segment by StarDist, which knows the size of objects from its training.

    Args:
        image: The image.
        weights: The folder of a model of the user's.
        diameter: Not used.
    """
    filled = _without_gaps(image)
    low, high = np.percentile(filled, (1.0, 99.8))
    normalised = (filled - low) / max(float(high - low), np.finfo(np.float32).tiny)
    labels, _ = _stardist_model(weights, image.ndim).predict_instances(normalised)
    return np.asarray(labels)


def _without_gaps(image: Image) -> Image:
    """Return an image that is as dark as it gets where nothing was measured, NaN, which other programs cannot read."""
    known = np.isfinite(image)
    return image if known.all() else np.where(known, image, np.min(image, where=known, initial=np.inf))


def of_command(image: Image, command: str) -> npt.NDArray[Any]:
    """Segment by a program that reads one TIFF and writes another.

    Args:
        image: The image.
        command: What to run, with {input} and {output} in place of the files; no shell reads it.

    Raises:
        RuntimeError: If it fails, with the last line of what it said, or writes nothing, or no image.
    """
    with tempfile.TemporaryDirectory(prefix="quietscope-segment-") as folder:
        source, target = Path(folder) / "input.tif", Path(folder) / "output.tif"
        write_image(source, _without_gaps(image), "ZYX"[-image.ndim :])
        words = [
            word.replace(_FOR_IMAGE, str(source)).replace(_FOR_LABELS, str(target)) for word in shlex.split(command)
        ]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise RuntimeError(last_line(done.stderr or done.stdout))
        if not target.exists():
            raise RuntimeError(f"{words[0]} wrote nothing to {_FOR_LABELS}")
        try:
            return np.asarray(read_image(target).data)
        except QuietScopeError as error:  # of this sample; others may be whole
            raise RuntimeError(f"{words[0]} wrote no image: {error}") from error


def varied(
    segmenter: Callable[..., npt.NDArray[Any]], diameter: float = USUAL_DIAMETER, by: float = USUAL_VARIATION
) -> tuple[Segmenter, ...]:
    """Return a segmenter with five diameters, for `quietscope.consensus.segment`, where samples take turns with them.

    Samples differ by what the noise leaves open. How large an object is said to be is not known exactly either, and
    where a segmenter cuts hangs on it: with several diameters that is part of the vote.

    Args:
        segmenter: A function of an image and its ``diameter``, such as `watershed`.
        diameter: About how large an object is, in pixels.
        by: How far to go, as a share, 0 to 1: 0.25 for 1 / 1.25 to 1.25 of the diameter; 0 for one diameter.

    Returns:
        The segmenters, that of the diameter itself first; it alone where `by` is 0.

    Raises:
        SettingsError: If `by` is no such share.
    """
    if not 0.0 <= by <= 1.0:
        fix = f"pass e.g. `{typed(vary_diameter=USUAL_VARIATION)}`, or 0 for none"
        raise SettingsError("a variation of the diameter from 0 to 1", f"{by:g}", fix)
    return tuple(partial(segmenter, diameter=diameter * (1.0 + by) ** step) for step in (_STEPS if by else _STEPS[:1]))


def _function(name: str, member: object) -> Segmenter:
    if not callable(member):
        raise TypeError(f"it must be a function, but it is a {type(member).__name__}")
    return member


SEGMENTERS: Registry[Segmenter] = Registry(
    "quietscope.segmenters",
    {"threshold": threshold, "watershed": watershed},
    _function,
    reserved=("cellpose", "stardist"),
)
"""Segmenters by name: functions of an image."""

_WITH_WEIGHTS = {"cellpose": cellpose, "stardist": stardist}
_OURS = ("threshold", "watershed")
_WITH_DIAMETER = (*_OURS, "cellpose")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What segments, as it was asked for.

    Attributes:
        name: A name of `SEGMENTERS`, cellpose, stardist, "package.module:function", or a command with {input} and
            {output}.
        diameter: Diameter of objects in pixels, for those that are told; their own usual one if None.
        weights: Model of the user's, for cellpose and stardist.
        vary_diameter: How much the diameter differs between samples, as a share, 0 to 1, see `varied`.
    """

    name: str = "watershed"
    diameter: float | None = None
    weights: str | None = None
    vary_diameter: float = 0.0

    def segmenters(self) -> tuple[Segmenter, ...]:
        """Return the functions that samples take turns with: one, but where the diameter is varied.

        Raises:
            SettingsError: If there is no such segmenter, or it lacks what it needs.
            PluginError: If the package that declares it cannot be used.
        """
        found = self.segmenter()
        if not self.vary_diameter:
            return (found,)
        if self.name not in _WITH_DIAMETER:
            known = ", ".join(_WITH_DIAMETER)
            raise SettingsError(f"a diameter to vary, of {known}", self.name, f"leave out `{typed('vary_diameter')}`")
        return varied(found, self.diameter or USUAL_DIAMETER, self.vary_diameter)

    def segmenter(self) -> Segmenter:
        """Return the function, with the diameter itself.

        Raises:
            SettingsError: If there is no such segmenter, or it lacks what it needs.
            PluginError: If the package that declares it cannot be used.
        """
        if self.diameter is not None and not 0 < self.diameter <= LARGEST_DIAMETER:
            raise SettingsError(
                f"a diameter above 0, up to {LARGEST_DIAMETER:g} pixels",
                f"{self.diameter:g}",
                f"pass e.g. `{typed(diameter=30)}`",
            )
        if self.name in _WITH_WEIGHTS:
            return self._with_weights()
        if self.weights is not None:
            raise SettingsError("weights for cellpose or stardist", self.name, f"leave out `{typed('weights')}`")
        if self.name in _OURS:
            of_ours: Callable[..., npt.NDArray[Any]] = SEGMENTERS[self.name]
            return partial(of_ours, diameter=self.diameter or USUAL_DIAMETER)
        if self.diameter is not None:
            raise SettingsError(
                "a diameter for threshold, watershed, cellpose", self.name, f"leave out `{typed('diameter')}`"
            )
        if _FOR_IMAGE in self.name or _FOR_LABELS in self.name:
            return _program(self.name)
        if self.name in SEGMENTERS:
            return SEGMENTERS[self.name]
        if ":" in self.name:
            return function_of(self.name)
        known = ", ".join([*SEGMENTERS, *_WITH_WEIGHTS])
        raise SettingsError(
            f"a segmenter among {known}, module:function, or a command with {_FOR_IMAGE} and {_FOR_LABELS}",
            repr(self.name),
            "pass e.g. watershed",
        )

    def _with_weights(self) -> Segmenter:
        if self.weights is None:
            raise SettingsError(
                f"a model of yours for {self.name}, which none comes with",
                "none",
                f"pass e.g. `{typed(weights='my-model')}`",
            )
        _installed(f"{self.name}.models")
        return partial(_WITH_WEIGHTS[self.name], weights=self.weights, diameter=self.diameter or USUAL_DIAMETER)


def function_of(name: str) -> Callable[..., Any]:
    """Import a function that is named as "package.module:function", from installed packages or the current folder.

    Raises:
        SettingsError: If there is none.
    """
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = importlib.import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # other people's modules raise whatever they like
        words = " ".join(str(error).split())[:200]
        raise SettingsError(
            f"a function {name} that can be imported", f"{type(error).__name__}: {words}", "check module and function"
        ) from error
    if not callable(found):
        raise SettingsError(f"a function {name}", f"a {type(found).__name__}", "name a function")
    return found


def _program(command: str) -> Segmenter:
    """Return what runs a command, once it is known to be one."""
    import shutil

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError("a command", f"{command!r} ({error})", "close its quotes") from error
    missing = next((each for each in (_FOR_IMAGE, _FOR_LABELS) if each not in command), None)
    if missing is not None:
        raise SettingsError(
            f"a command with {_FOR_IMAGE} and {_FOR_LABELS}", f"{command!r} without {missing}", f"add {missing}"
        )
    if shutil.which(words[0]) is None:
        raise SettingsError(f"a program {words[0]} that can be run", "none", "give its whole path")
    return partial(of_command, command=command)


def _installed(module: str) -> Any:
    """Import a part of a package that is the user's to install, for none of ours needs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        got = f"no module {error.name or module}"
        raise SettingsError(f"{package} to be installed", got, f"run `pip install {package}`") from error


@cache
def _cellpose_model(weights: str) -> Any:
    import torch

    models = _installed("cellpose.models")
    return models.CellposeModel(gpu=torch.cuda.is_available(), pretrained_model=weights)


@cache
def _stardist_model(weights: str, dims: int) -> Any:
    models = _installed("stardist.models")
    folder = Path(weights)
    kind = models.StarDist2D if dims == 2 else models.StarDist3D
    return kind(None, name=folder.name, basedir=str(folder.parent))
