"""Options that several verbs share, grouped so that a verb takes two or three groups instead of twenty names."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from cyclopts import Parameter

from quietscope.cli.help_groups import BASIC, IMAGES, OUTPUT, PREDICTION
from quietscope.errors import SettingsError
from quietscope.registry import Registry, record
from quietscope.tiling.kinds import names_of_kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from quietscope.io import Image
    from quietscope.io.part import Part
    from quietscope.pipeline.results import Results
    from quietscope.tiling.request import Request

Flag = Parameter(negative="")
Several = Parameter(negative="", consume_multiple=True)
Group = Parameter(name="*")
Output = Parameter(name=["--output", "-o"], group=BASIC)
InOutput = Parameter(group=OUTPUT)
InBasic = Parameter(group=BASIC)
InImages = Parameter(group=IMAGES)
InPrediction = Parameter(group=PREDICTION)


def also(group: str) -> str:
    """Return words for the members that other packages declare in an entry-point group, to end a help with.

    Args:
        group: The group.

    Returns:
        For example `` Also laplace (of quietscope-example 0.1.0).``; nothing where there are none.
    """
    members = Registry(group, {}, record(object))
    names = ", ".join(f"{name} (of {members.source_of(name)})" for name in members)
    return f" Also {names}." if names else ""


Axes: TypeAlias = Annotated[
    str | None,
    InImages,
    Parameter(
        help="What the dimensions are, e.g. TCYX, where the file does not say or is wrong. Default: what the file says."
    ),
]


Series: TypeAlias = Annotated[
    int | str | None,
    InImages,
    Parameter(help="Which image of a file that holds several: its number, from 0, or its name. Default: the first."),
]


Mask: TypeAlias = Annotated[
    str | None,
    InImages,
    Parameter(
        help="Where pixels were measured: an image, nonzero there, or nan where NaN stands for the others. Padding, "
        "sentinels and dead lines are found without it. Default: none."
    ),
]


DEFAULT_QUANTILES = "0.05,0.25,0.5,0.75,0.95"


@dataclass(frozen=True, kw_only=True)
class PredictionOptions:
    """How to predict and what to write."""

    estimate: Annotated[
        Literal["mean", "map"] | None,
        InPrediction,
        Parameter(help="mean (closest on average) or map (most probable, sharper). Default: mean."),
    ] = None
    save: Annotated[
        str | None,
        InOutput,
        Parameter(help=f"What to write: {', '.join(names_of_kinds())}. Default of predict: the estimate."),
    ] = None
    samples: Annotated[
        int | None,
        InPrediction,
        Parameter(
            help="Posterior samples behind the estimates; methods without them take none. Default: 50, or 10 (16 "
            "with --augment) where predict writes the mean alone."
        ),
    ] = None
    pairs: Annotated[
        int | None,
        InPrediction,
        Parameter(
            help="How many antithetic pairs are among the samples: the mean is made of these, the other estimates of "
            "independent samples. 0 for none. Default: all for the mean alone, some beside other estimates."
        ),
    ] = None
    quantiles: Annotated[
        str | None,
        InPrediction,
        Parameter(help="Which quantiles `--save quantiles` writes. Default: 0.05,0.25,0.5,0.75,0.95."),
    ] = None
    augment: Annotated[
        bool,
        InPrediction,
        Flag,
        Parameter(help="Look at the image in all 8 orientations (fewer where noise or PSF have a direction)."),
    ] = False
    bandwidth: Annotated[
        float | None,
        InPrediction,
        Parameter(help="Bandwidth of map, relative to the samples' spread: smaller is sharper. Default: 0.1."),
    ] = None
    dtype: Annotated[
        Literal["float32", "input"], InOutput, Parameter(help="input rounds and clips images to the input's type.")
    ] = "float32"
    tile: Annotated[
        int | None, InPrediction, Parameter(help="Side of a tile in pixels. Default: as large as memory allows.")
    ] = None
    max_memory: Annotated[
        float | None,
        InPrediction,
        Parameter(help="Gigabytes that a tile may take. Default: a quarter of what is free."),
    ] = None
    overwrite: Annotated[bool, InOutput, Flag, Parameter(help="Replace results that exist.")] = False

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.samples is not None and self.samples < 1:
            raise SettingsError("at least one sample", f"{self.samples}", "pass e.g. `--samples 50`")
        if self.tile is not None and self.tile < 1:
            raise SettingsError("a tile of at least one pixel", f"{self.tile}", "pass e.g. `--tile 512`")
        if self.max_memory is not None and not 0.001 <= self.max_memory < float("inf"):
            raise SettingsError("0.001 gigabytes or more", f"{self.max_memory:g}", "pass e.g. `--max-memory 2`")
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise SettingsError("a bandwidth above zero", f"{self.bandwidth:g}", "pass e.g. `--bandwidth 0.5`")
        if not all(0.0 <= probability <= 1.0 for probability in self.probabilities):
            raise SettingsError("quantiles between 0 and 1", f"{self.quantiles}", "pass e.g. `--quantiles 0.05,0.95`")

    def results(self, format: str = "") -> "Results":
        """Return what is wanted, in files of this ending where the run names them.

        Raises:
            SettingsError: If there is no such result, or an option is for one that is not wanted.
        """
        from quietscope.pipeline.results import Results

        words = None if self.save is None else tuple(re.findall(r"[^,\s]+", self.save.lower()))
        if words is not None and not (words and set(words) <= set(names_of_kinds())):
            raise SettingsError(
                f"{', '.join(names_of_kinds())} after --save", repr(self.save), "pass e.g. `--save mean,std`"
            )
        for option, given, kind in (
            ("--bandwidth", self.bandwidth, "map"),
            ("--quantiles", self.quantiles, "quantiles"),
        ):
            if given is not None and kind not in (*(words or ()), self.estimate):
                raise SettingsError(f"{option} for {kind}", f"no {kind} among the results", f"add {kind} to `--save`")
        return Results(kinds=words, estimate=self.estimate, dtype=self.dtype, format=format)

    def request(self, seed: int = 0, kinds: "Collection[str]" = ("mean", "std")) -> "Request":
        """Return what is asked of a prediction with a seed, of which these kinds of results are wanted."""
        from quietscope.tiling.request import DEFAULT_BANDWIDTH, Request, usual_samples

        return Request(
            num_samples=usual_samples(kinds, augment=self.augment) if self.samples is None else self.samples,
            pairs=self.pairs,
            seed=seed,
            tile=self.tile,
            augment=self.augment,
            bandwidth=DEFAULT_BANDWIDTH if self.bandwidth is None else self.bandwidth,
            probabilities=self.probabilities,
            max_memory=None if self.max_memory is None else round(self.max_memory * 1e9),
        )

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The quantiles, as numbers."""
        try:
            return tuple(float(word) for word in (self.quantiles or DEFAULT_QUANTILES).split(","))
        except ValueError as error:
            raise SettingsError(
                "numbers separated by commas after --quantiles", repr(self.quantiles), "pass e.g. `0.05,0.95`"
            ) from error


@dataclass(frozen=True, kw_only=True)
class PreviewOptions:
    """Whether to say what would be done and do nothing, and whether to say it as JSON."""

    dry_run: Annotated[
        bool, InBasic, Flag, Parameter(help="Say what would be done, what it takes and what is written; do nothing.")
    ] = False
    json: Annotated[
        bool, InBasic, Flag, Parameter(help="Say it as JSON: what would be done, or what was done and the verdict.")
    ] = False


NO_PREDICTION_OPTIONS = PredictionOptions()
NO_PREVIEW = PreviewOptions()


def check_alone(*, resume: bool, overwrite: bool) -> None:
    """Refuse to go on with a run and to replace it at once."""
    if resume and overwrite:
        raise SettingsError("--resume or --overwrite", "both", "leave one out")


def read_images(
    paths: list[Path], axes: str | None, series: int | str | None = None, mask: str | None = None
) -> "list[Image]":
    """Open images, and name the one that cannot be, see `quietscope.pipeline.inputs.open_images`."""
    from quietscope.pipeline.inputs import open_images

    return list(open_images(paths, axes, series, mask))


def read_measured(
    paths: list[Path],
    axes: str | None,
    series: int | str | None,
    mask: str | None,
    note: "Callable[[str], None]",
    *,
    together: bool = False,
    part: "Part | None" = None,
) -> "list[Image]":
    """Open images, with NaN where nothing was measured, and tell what that is; `together` as in `open_together`."""
    from quietscope.data.measured import as_measured, gap_notes
    from quietscope.io.part import ALL
    from quietscope.pipeline.inputs import open_images, open_together

    opened = (
        open_together(paths, axes, series, mask) if together else open_images(paths, axes, series, mask, part or ALL)
    )
    images = [as_measured(image) for image in opened]
    for text in gap_notes(images):
        note(text)
    return images
