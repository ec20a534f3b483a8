"""``quietscope export``: a trained model as a file for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table

from quietscope.cli.options import Flag, Output, also
from quietscope.cli.screen import Screen, rows_table

if TYPE_CHECKING:
    from quietscope.export import Exported

MEGABYTE = 1e6


def export(
    model: Annotated[Path, Parameter(help="Model file, e.g. runs/cells/model.safetensors.")],
    /,
    *,
    output: Annotated[
        Path,
        Output,
        Parameter(
            help="model.onnx, model.xml (OpenVINO), model.pt2 (torch.export) or NAME.zip (BioImage Model Zoo)."
            + also("quietscope.export_targets")
        ),
    ],
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a file that exists.")] = False,
) -> None:
    """Write a trained model as a file that other programs run.

    It is compared with PyTorch before it appears. predict takes it as any other model; ONNX and OpenVINO need no
    PyTorch there. A method that samples becomes, for the Model Zoo, a model of one image: that of latent noise zero.
    """
    from quietscope.deploy import model_in
    from quietscope.export import check_export, export_model

    check_export(output, overwrite=overwrite)
    from quietscope import Denoiser

    denoiser = Denoiser.load(model_in(model), device="cpu")
    Screen().show(export_table(export_model(denoiser, output, overwrite=overwrite), denoiser.method.spatial_dims))


def export_table(exported: "Exported", spatial_dims: int) -> Table:
    """Return what was written, as a table.

    Args:
        exported: What was written.
        spatial_dims: 2 or 3.

    Returns:
        The table.
    """
    target = exported.target
    axes = "height, width" if spatial_dims == 2 else "depth, height, width"
    difference, lower = exported.difference, exported.lower_difference
    rows = {
        "target": target.name,
        "files": ", ".join(str(path) for path in exported.files[::-1]),
        "size on disk": f"{exported.num_bytes / MEGABYTE:.1f} MB",
        "opset": "" if target.opset is None else str(target.opset),
        "free sizes": f"{axes}, samples" if exported.samples else axes,
        "from PyTorch": "" if difference is None else f"at most {difference:.1g} of the image's range, both in float32",
        "from predict": "" if lower is None else f"about {lower:.1g} of the range: PyTorch predicts in bfloat16 here",
    }
    return rows_table(rows.items())
