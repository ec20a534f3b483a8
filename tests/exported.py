"""One exported model of every method: exported once for all tests, in however many processes they run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from quietscope import Denoiser
from quietscope.export import export_model
from quietscope.methods import METHODS
from quietscope.noise import Censored
from tests.tiny import NOISE, Values, denoiser

CARD = {"axes": "TYX", "pixel_size_um": {"Y": 0.1, "X": 0.1}, "training": {"steps": 3.0}, "spread_factor": 1.25}
SMALL = {"blocks": 0, "final_blocks": 0}
# Tracing takes seconds: every method once, every format, both numbers of axes.
CASES: dict[str, tuple[str, Values, Values]] = {
    "hdn": (".onnx", {"deterministic_levels": (0,), **SMALL}, {"channels": 2}),
    "divnoising": (".zip", {}, {}),
    "dvlae": (".pt2", {"direction": "y", **SMALL}, {}),
    "noise2void": (".onnx", {"preset": "n2v2", "dims": 3, "z_halvings": 1}, {}),
    # The deviation is less than bfloat16's step at the mean, to which OpenVINO may round.
    "deconoising": (".xml", {"psf_sigma": (0.6, 1.0)}, {"mean": 30_000.0}),
    "pn2v": (".xml", {}, {"noise": Censored(NOISE, high=380.0, step=1.0)}),
    "gr2r": (".xml", {"dims": 3}, {"channels": 2}),
    "gap": (".onnx", {}, {}),
    "instant": (".onnx", {}, {"channels": 2}),
    "direct": (".pt2", {}, {}),
}
"""By method: the format, the settings of the network, and the scene that it is for, see `tests.tiny`."""


@dataclass(frozen=True)
class Exported:
    """A denoiser, the file it was exported to, and what the export said.

    Attributes:
        denoiser: The denoiser.
        path: The file.
        difference: Largest difference from PyTorch.
        num_bytes: Size of all files.
        files: The files.
    """

    denoiser: Denoiser
    path: Path
    difference: float
    num_bytes: int
    files: tuple[Path, ...]


GetExported = Callable[[str], Exported]
"""Gives the exported model of a method."""


def exported_once(method: str, folder: Path) -> Exported:
    """Return the exported model of a method, which the first process that asks for it makes.

    Args:
        method: Name of the method.
        folder: Where all processes look for it.
    """
    suffix, settings, scene = CASES[method]
    made = denoiser(METHODS[method], scene={"mean": 300.0, "std": 60.0, **scene}, card=CARD, **settings)
    own = folder / method
    path, said = own / f"model{suffix}", folder / f"{method}.json"
    with FileLock(folder / f"{method}.lock"):
        if not said.exists():
            own.mkdir(parents=True)
            done = export_model(made, path)
            names = [each.name for each in done.files]
            said.write_text(json.dumps([done.difference, done.num_bytes, names]), encoding="utf-8")
    difference, num_bytes, names = json.loads(said.read_text(encoding="utf-8"))
    return Exported(made, path, difference, num_bytes, tuple(own / name for name in names))
