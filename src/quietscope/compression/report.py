"""What a compression came to: a row per model, of the full one and of every step, as a table and as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.table import Table

REPORT_FILE = "report.json"
TRIALS = {
    "clean": "loss: PSNR against the clean reference, less than the full model's",
    "rehearsal": "loss: estimated in a rehearsal, the full model's images with their noise reshuffled as new input",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model.

    Attributes:
        name: What it is.
        runs_in: What runs it, in words.
        bytes: Size on disk; of a step that is not written, of its weights.
        parameters: Number of weights.
        seconds: Median time per image.
        psnr: Against the truth of the trial, in dB.
        loss: What it lost against the full model in float32, in dB.
        agreement: PSNR against the full model in float32, in dB; None for that one itself.
        agreement_deconvolved: Likewise of the deconvolved image; None where there is none.
        deviation_change: Mean deviation of samples relative to the full model's, less 1; None for a point method.
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
    """A compression.

    Attributes:
        method: Name of the method.
        rows: The full model in float32, the full model as prediction runs it, and every step; the last is written.
        costs: What each step lost beyond the one before, in dB.
        trial: "clean" or "rehearsal": what the losses are measured against.
        size: Image size of the times, in pixels per spatial axis.
        num_samples: Samples behind every estimate; 0 for a point method.
        steps: Fine-tuning steps; 0 without pruning.
        training_seconds: Time of fine-tuning.
        versions: Versions of what was used.
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
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def table(self) -> Table:
        """Return it for a person."""
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
