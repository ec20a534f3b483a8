"""Options of the verbs that analyse samples, the same wherever samples are analysed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter

from quietscope.cli.help_groups import BASIC, PREDICTION
from quietscope.errors import OutputError

SamplingModel: TypeAlias = Annotated[
    Path,
    Parameter(help="Model of a method that samples, such as hdn, divnoising, instant: its file, or an exported one."),
]
NoisyImages: TypeAlias = Annotated[
    list[Path],
    Parameter(name="IMAGES...", help='Noisy images: files, folders, or patterns as "day*/*.tif".'),
]


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How samples are drawn and what their intervals are."""

    samples: Annotated[int, Parameter(group=BASIC), Parameter(help="How many samples are analysed.")] = 30
    confidence: Annotated[float, Parameter(group=BASIC), Parameter(help="Probability of the intervals.")] = 0.9
    processes: Annotated[
        int, Parameter(group=PREDICTION), Parameter(help="How many processes analyse samples; one draws them.")
    ] = 1
    tile: Annotated[
        int | None,
        Parameter(group=PREDICTION),
        Parameter(help="Side of a tile in pixels. Default: as large as memory allows."),
    ] = None
    seed: Annotated[int, Parameter(group=PREDICTION), Parameter(help="Seed of the samples.")] = 0
    device: Annotated[
        str | None, Parameter(group=BASIC), Parameter(help="cpu or cuda. Default: cuda where there is one.")
    ] = None

    def settings(self) -> dict[str, Any]:
        """Return the same as arguments of `quietscope.consensus.over_samples`."""
        return {
            "num_samples": self.samples,
            "confidence": self.confidence,
            "processes": self.processes,
            "tile": self.tile,
            "seed": self.seed,
        }


def check_table(output: Path, overwrite: bool) -> None:
    """Refuse a place where no table can be written, before any work is done.

    Raises:
        OutputError: If its name is not that of a table, it exists and may not be replaced, or cannot be written.
    """
    from quietscope.io.atomic import check_target

    if output.suffix.lower() != ".csv":
        raise OutputError("a name that ends in .csv", str(output), f"write to {output.with_name(output.name + '.csv')}")
    check_target(output, overwrite)


USUAL_SAMPLING = SamplingOptions()
