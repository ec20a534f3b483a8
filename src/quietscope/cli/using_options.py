"""Options that say how a model that there is is used, the same wherever one is."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from quietscope.cli.help_groups import BASIC, PREDICTION
from quietscope.cli.options import Flag, InImages

SeriesOrAll: TypeAlias = Annotated[
    int | str | None,
    InImages,
    Parameter(
        help="Which image of a file that holds several: its number, from 0, its name, or all. Default: the first."
    ),
]


@dataclass(frozen=True, kw_only=True)
class UsingOptions:
    """How a model that there is is used."""

    seed: Annotated[int, Parameter(group=PREDICTION), Parameter(help="Seed of the samples.")] = 0
    device: Annotated[
        str | None, Parameter(group=BASIC), Parameter(help="cpu or cuda. Default: cuda where there is one.")
    ] = None
    insist: Annotated[
        bool,
        Parameter(group=PREDICTION),
        Flag,
        Parameter(help="Go on where the image is unlike those of training, and the result must be wrong."),
    ] = False


USUAL_USE = UsingOptions()
