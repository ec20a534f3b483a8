"""Trained models as files for other programs: ONNX, OpenVINO, torch.export, BioImage Model Zoo.

A new target is one new file that defines a `Target`, and one line in `TARGETS`. Another package declares its own
targets in the entry-point group "quietscope.export_targets", and the code that runs such files in
"quietscope.runtimes".
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quietscope.deploy.formats import runtime_for
from quietscope.errors import ExportError
from quietscope.export import bioimage, onnx, openvino, torch_program
from quietscope.export.check import check_difference, difference_from, lower_difference
from quietscope.export.describe import card_of
from quietscope.export.graph import Graph
from quietscope.export.target import Target
from quietscope.io.alive import workshop
from quietscope.io.atomic import atomic_path, check_target
from quietscope.nn.hardware import gains_from_bf16, place
from quietscope.registry import Registry, record

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser

__all__ = ["TARGETS", "Exported", "Graph", "Target", "check_export", "export_model", "target_of"]

TARGETS: Registry[Target] = Registry(
    "quietscope.export_targets",
    {
        "onnx": onnx.TARGET,
        "openvino": openvino.TARGET,
        "torch-export": torch_program.TARGET,
        "bioimage": bioimage.TARGET,
    },
    record(Target),
)
"""Every target by name."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An exported model, as written to disk.

    Attributes:
        target: The kind of file.
        files: The model file, and the files written beside it.
        num_bytes: Size of all files together, in bytes.
        difference: Largest difference from PyTorch in float32, see `quietscope.export.check`; None if not measured, or
            if no runtime for this kind of file is declared.
        lower_difference: The same of PyTorch in bfloat16, where prediction on this machine's CPU computes in it; else
            None.
        samples: Whether the exported model draws samples.
    """

    target: Target
    files: tuple[Path, ...]
    num_bytes: int
    difference: float | None
    lower_difference: float | None = None
    samples: bool


def export_model(
    denoiser: "Denoiser", path: str | os.PathLike[str], *, overwrite: bool = False, check: bool = True
) -> Exported:
    """Write a trained model for other programs.

    The new file is run and compared with PyTorch first, and moved to `path` only then, so a partial file never appears.

    Args:
        denoiser: The trained denoiser.
        path: Where to write; the ending picks the target.
        overwrite: Whether an existing file may be replaced.
        check: Whether to compare with PyTorch.

    Returns:
        The files written, and how far their output differs from PyTorch's.

    Raises:
        ExportError: If the ending is unknown, a library is missing, the file format lacks an operator, or the output of
            the file differs from PyTorch's.
        OutputError: If the file cannot be written, or exists and `overwrite` is false.
    """
    path = Path(path)
    target = check_export(path, overwrite=overwrite)
    method = target.view(denoiser.method)
    home = denoiser.method.statistics.mean.device
    training = denoiser.method.training
    lower: float | None = None
    try:
        place(method.eval(), "cpu", method.spatial_dims)
        card = card_of(method, denoiser.card, name=denoiser.method.name, precision=denoiser.precision)
        files = _files(target, path)
        with ExitStack() as stack:
            temporary = [stack.enter_context(atomic_path(each, overwrite=overwrite)) for each in files]
            folder = stack.enter_context(workshop(path.absolute()))
            made = folder / f"model{target.suffix}"
            target.write(Graph.of(method), made, card)
            difference = difference_from(method, made) if check and runtime_for(made) is not None else None
            if difference is not None:
                check_difference(difference, target.name)
                if denoiser.precision == "bfloat16" or (denoiser.precision == "auto" and gains_from_bf16("cpu")):
                    lower = lower_difference(method)
            for source, place_of in zip(_files(target, made), temporary, strict=True):
                source.replace(place_of)
    finally:
        place(denoiser.method, home, method.spatial_dims)
        denoiser.method.train(training)
    return Exported(
        target=target,
        files=files,
        num_bytes=sum(each.stat().st_size for each in files),
        difference=difference,
        lower_difference=lower,
        samples=card.samples,
    )


def target_of(path: Path) -> Target:
    """Return the target that belongs to a file's ending.

    Raises:
        ExportError: If no target has this ending.
    """
    for target in TARGETS.values():
        if path.name.lower().endswith(target.suffix):
            return target
    endings = ", ".join(f"{each.suffix} ({each.name})" for each in TARGETS.values())
    fix = "; ".join([f"try `-o {path.stem or 'model'}.onnx`", *TARGETS.notes()])
    raise ExportError(f"a name that ends in one of {endings}", str(path), fix)


def check_export(path: Path, *, overwrite: bool) -> Target:
    """Refuse a path that cannot be written to, before any work is done.

    Args:
        path: Where to write.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The target.

    Raises:
        ExportError: If the ending is unknown.
        OutputError: If the file cannot or must not be written.
    """
    target = target_of(path)
    for each in _files(target, path):
        check_target(each, overwrite)
    return target


def _files(target: Target, path: Path) -> tuple[Path, ...]:
    # Companions first: the model file must appear only after the files that it needs.
    return (*(path.with_suffix(suffix) for suffix in target.companions), path)
