"""Report of a compression, as a table and as JSON: a row for the full model and a row for every step."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.table import Table

REPORT_FILE = "report.json"
TRIALS = {
    "clean": "loss: PSNR against the clean reference, less than the full model's",
    "opinion": "loss: estimated by `instant`, which says of every pixel where the signal lies, without a clean image",
    "rehearsal": "loss: estimated in a rehearsal, the full model's images with their noise reshuffled as new input",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model: the full model, or the result of a step.

    Attributes:
        name: Name of the step that made the model, such as "pruned"; "full" for the full model.
        runs_in: Library and precision that run the model, in words.
        bytes: Size on disk; for a step that is not written, size of the weights.
        parameters: Number of weights.
        seconds: Median time per image.
        psnr: PSNR against the truth of the trial, in dB.
        loss: PSNR of the full model in float32 minus PSNR of this model, in dB.
        agreement: PSNR against the output of the full model in float32, in dB; None for the full model.
        agreement_deconvolved: The same for the deconvolved image; None if there is none.
        deviation_change: Mean deviation divided by the full model's, minus 1; None if the method gives none.
    """

    name: str
    runs_in: str
    bytes: int
    parameters: int
    seconds: float
    psnr: float
    loss: float
    agreement: float | None = None
    agreement_deconvolved: float | None = None
    deviation_change: float | None = None


@dataclass(frozen=True, kw_only=True)
class CompressionReport:
    """Size, speed and loss of all models of a compression.

    Attributes:
        method: Name of the method.
        rows: The full model in float32, the full model as prediction runs it, and every step; the last is written.
        costs: Loss that each step adds to the step before, in dB.
        trial: Truth that the losses are measured against: "clean", "opinion" or "rehearsal".
        size: Size of the image that was timed, in pixels per spatial axis.
        num_samples: Number of samples averaged for every estimate; 0 for a point method.
        steps: Number of fine-tuning steps; 0 without pruning.
        training_seconds: Time of fine-tuning, in seconds.
        versions: Version of each package that was used, by name.
    """

    method: str
    rows: tuple[Row, ...]
    costs: Mapping[str, float]
    trial: str
    size: tuple[int, ...]
    num_samples: int
    steps: int = 0
    training_seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def table(self) -> Table:
        """Return the report as a table for the terminal."""
        size = " x ".join(map(str, self.size))
        table = Table(title="QuietScope compress", title_justify="left", title_style="bold", caption_justify="left")
        table.add_column("model", style="bold")
        table.add_column("runs in")
        for name in ("on disk", "parameters", f"{size}", "faster", "PSNR", "loss"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(
                row.name,
                row.runs_in,
                f"{row.bytes / 1e6:.2f} MB",
                f"{row.parameters:,}",
                f"{1000 * row.seconds:.0f} ms",
                f"x {self.rows[0].seconds / row.seconds:.1f}",
                f"{row.psnr:.2f} dB",
                f"{row.loss:+.3f} dB",
            )
        table.caption = TRIALS[self.trial]
        return table
