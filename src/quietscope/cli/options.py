"""Options that several verbs share, grouped so that a verb takes two or three groups instead of twenty names."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from quietscope.errors import BudgetError, SettingsError
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
Output = Parameter(name=["--output", "-o"])


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
    Parameter(help="What the dimensions are, e.g. TCYX, where the file does not say or is wrong."),
]


Series: TypeAlias = Annotated[
    int | str | None,
    Parameter(help="Which image of a file that holds several: its number, from 0, or its name. Default: the first."),
]


Mask: TypeAlias = Annotated[
    str | None,
    Parameter(
        help="Where pixels were measured: an image, nonzero there, or nan where NaN stands for the others. Padding, "
        "sentinels and dead lines are found without it."
    ),
]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to train; what is not given comes from --config, then from the preset."""

    method: Annotated[
        str | None,
        Parameter(
            help="A method of `quietscope presets`, or auto to look at the noise first. Default: hdn."
            + also("quietscope.methods")
        ),
    ] = None
    preset: Annotated[
        str | None, Parameter(help="fast (minutes on a CPU), paper (as published), ... Default: fast.")
    ] = None
    noise: Annotated[
        str | None,
        Parameter(
            help="auto, bootstrap, sigma=NUMBER or a noise file; one per channel, separated by commas. Default: auto."
        ),
    ] = None
    psf: Annotated[
        str | None,
        Parameter(help="For deconoising: a PSF file of `quietscope psf`, or sigma=PIXELS; one per channel by commas."),
    ] = None
    background: Annotated[
        float | None, Parameter(help="For deconoising: intensity where nothing shines. Default: estimated.")
    ] = None
    budget: Annotated[str | None, Parameter(help="Training time: 90s, 10m, 1h30m. Default: the preset's.")] = None
    steps: Annotated[int | None, Parameter(help="Training steps, instead of or besides a budget.")] = None
    direction: Annotated[
        Literal["x", "y", "z", "none", "auto"] | None,
        Parameter(help="For dvlae, instant: the axis along which the noise is correlated. Default: auto."),
    ] = None
    deterministic_levels: Annotated[
        str | None,
        Parameter(help="For hdn and noise correlated between neighbours: levels kept from the image, 0,1 or auto."),
    ] = None
    direct: Annotated[
        Literal["mean", "median"] | None,
        Parameter(help="Also train direct.safetensors, which gives the mean or median in one pass."),
    ] = None
    start: Annotated[
        Path | None,
        Parameter(name="--from", help="Start from the weights of this model file, with its method and network."),
    ] = None
    dims: Annotated[Literal[2, 3] | None, Parameter(help="2 for planes, 3 for volumes. Default: 2.")] = None
    depth_axis: Annotated[
        Literal["Z", "T"] | None, Parameter(help="With --dims 3: the axis that is the depth, T for time. Default: Z.")
    ] = None
    neighbours: Annotated[
        int | None,
        Parameter(help="Frames before and after every frame that the network sees along with it, e.g. 1. Default: 0."),
    ] = None
    neighbour_axis: Annotated[
        Literal["T", "Z"] | None, Parameter(help="The axis of --neighbours. Default: T where there is one, else Z.")
    ] = None
    normalize: Annotated[
        Literal["together", "each"] | None,
        Parameter(help="each: images of unlike scale, each by itself; for methods without a noise model."),
    ] = None
    skip_empty: Annotated[bool, Flag, Parameter(help="Rarely learn from empty space, a flat dark ground.")] = False
    stop_when_settled: Annotated[bool, Flag, Parameter(help="End early where nothing more is gained.")] = False
    seed: Annotated[int | None, Parameter(help="Seed of everything random. Default: 0.")] = None
    config: Annotated[Path | None, Parameter(help="YAML file of settings; what is typed goes before it.")] = None
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None

    def settings(self) -> dict[str, Any]:
        """Return the settings that were typed, by name, on top of those of --config.

        Raises:
            SettingsError: If the file cannot be read, the levels are no numbers, or the method has no such option.
        """
        return self._checked(self._typed())

    def _typed(self) -> dict[str, Any]:
        from quietscope.presets import read_configuration

        values = read_configuration(self.config) if self.config is not None else {}
        if self.budget is not None and self.budget.strip().isdecimal():
            number = self.budget.strip()
            raise BudgetError("a budget with its unit", number, f"pass `--budget {number}m` or `--budget {number}s`")
        names = ["method", "preset", "noise", "psf", "budget", "steps", "dims", "normalize", "seed", "direct"]
        names += ["depth_axis", "neighbours", "neighbour_axis"]
        if self.start is not None:
            values["start"] = os.fspath(self.start)
        switched_on = [name for name in ("skip_empty", "stop_when_settled") if getattr(self, name)]
        if switched_on:
            values["training"] = {**(values.get("training") or {}), **dict.fromkeys(switched_on, True)}
        values |= {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        network = {
            "direction": self.direction,
            "deterministic_levels": self._levels(),
            "background": self.background,
        }
        chosen = {name: value for name, value in network.items() if value is not None}
        own = values.get("network") or {}
        if not chosen or not isinstance(own, dict):  # what is no mapping is refused with the rest
            return values
        return {**values, "network": {**own, **chosen}}

    def _levels(self) -> "tuple[int, ...] | str | None":
        text = self.deterministic_levels
        if text is None or text == "auto":
            return text
        try:
            return tuple(int(word) for word in text.split(",")) if text != "none" else ()
        except ValueError as error:
            raise SettingsError(
                "levels separated by commas, auto or none", repr(text), "pass e.g. `--deterministic-levels 0,1`"
            ) from error

    def _checked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Refuse an option that the method does not have."""
        from quietscope.methods import METHODS, canonical
        from quietscope.methods.abilities import able_to_set, any_of

        method = _method_of(values)
        kind = METHODS.get(canonical(method)) if isinstance(method, str) else None
        for name in ("direction", "deterministic_levels", "background"):
            option = "--" + name.replace("_", "-")
            is_unknown = kind is None and method != "auto"  # which is said elsewhere, with the names that there are
            if getattr(self, name) is None or is_unknown or (kind is not None and kind.has_setting(name)):
                continue
            raise SettingsError(f"{option} with {any_of(able_to_set(name))}", f"{option} with {method}", "leave it out")
        return values


DEFAULT_QUANTILES = "0.05,0.25,0.5,0.75,0.95"


def _method_of(values: dict[str, Any]) -> Any:
    """Return the method of a run: the one named, that of the model to start from, or the usual one."""
    start = values.get("start")
    if "method" in values or not isinstance(start, str):
        return values.get("method", "hdn")
    from quietscope.model.file import start_in

    return start_in(start)[0].method


@dataclass(frozen=True, kw_only=True)
class PredictionOptions:
    """How to predict and what to write."""

    estimate: Annotated[
        Literal["mean", "map"] | None,
        Parameter(help="mean (closest on average) or map (most probable, sharper). Default: mean."),
    ] = None
    save: Annotated[
        str | None,
        Parameter(help=f"What to write: {', '.join(names_of_kinds())}. Default of predict: the estimate."),
    ] = None
    samples: Annotated[
        int | None,
        Parameter(
            help="Posterior samples behind the estimates; methods without them take none. Default: 50, or 10 (16 "
            "with --augment) where predict writes the mean alone."
        ),
    ] = None
    pairs: Annotated[
        int | None,
        Parameter(
            help="How many antithetic pairs are among the samples: the mean is made of these, the other estimates of "
            "independent samples. 0 for none. Default: all for the mean alone, some beside other estimates."
        ),
    ] = None
    quantiles: Annotated[
        str | None, Parameter(help="Which quantiles `--save quantiles` writes. Default: 0.05,0.25,0.5,0.75,0.95.")
    ] = None
    augment: Annotated[
        bool,
        Flag,
        Parameter(help="Look at the image in all 8 orientations (fewer where noise or PSF have a direction)."),
    ] = False
    bandwidth: Annotated[
        float | None, Parameter(help="Bandwidth of map, relative to the samples' spread: smaller is sharper.")
    ] = None
    dtype: Annotated[
        Literal["float32", "input"], Parameter(help="input rounds and clips images to the input's type.")
    ] = "float32"
    tile: Annotated[int | None, Parameter(help="Side of a tile in pixels. Default: as large as memory allows.")] = None
    max_memory: Annotated[
        float | None,
        Parameter(help="Gigabytes that a tile may take. Default: a quarter of what is free."),
    ] = None
    overwrite: Annotated[bool, Flag, Parameter(help="Replace results that exist.")] = False

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.samples is not None and self.samples < 1:
            raise SettingsError("at least one sample", f"{self.samples}", "pass e.g. `--samples 50`")
        if self.tile is not None and self.tile < 1:
            raise SettingsError("a tile of at least one pixel", f"{self.tile}", "pass e.g. `--tile 512`")
        if self.max_memory is not None and not 0.001 <= self.max_memory < float("inf"):
            raise SettingsError("gigabytes above zero", f"{self.max_memory:g}", "pass e.g. `--max-memory 2`")
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
        bool, Flag, Parameter(help="Say what would be done, what it takes and what is written; do nothing.")
    ] = False
    json: Annotated[
        bool, Flag, Parameter(help="Say it as JSON: what would be done, or what was done and the verdict.")
    ] = False


NO_TRAINING_OPTIONS = TrainingOptions()
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


def read_pair(
    noisy: Path,
    clean: Path,
    axes: str | None,
    series: int | str | None,
    mask: str | None,
    note: "Callable[[str], None]",
    *,
    is_result: bool = False,
) -> "tuple[Image, Image]":
    """Open an image and its reference, with NaN where one of them was never measured, and tell what that is.

    Areas of one value are looked for in the image alone, since a reference may be a drawing, and not in a smooth result
    of whole numbers; absurd pixels in the reference, and in an image that is not the result of a method.
    """
    from quietscope.data.mask import NAN, masked
    from quietscope.data.measured import MeasuredArray, as_measured, gap_notes, is_smooth_and_rounded, only
    from quietscope.pipeline.inputs import open_together

    image, reference = open_together([noisy, clean], axes, series, mask if mask == NAN else None)
    if mask is not None and mask != NAN:
        image = masked(image, mask, series)
    areas = not (is_result and is_smooth_and_rounded(image))
    image, whole = only(as_measured(image), areas=areas, sentinels=True, absurd=not is_result), as_measured(reference)
    reference = only(whole, absurd=True)
    if isinstance(whole.data, MeasuredArray) and not isinstance(image.data, MeasuredArray):
        values = sorted({value for gaps in whole.data.gaps for value in gaps.sentinels})
        if values:
            named = " and ".join(f"{value:.6g}" for value in values)
            note(f"{clean.name}: {named} counts as measured here; if it stands for no measurement, pass `--mask FILE`.")
    for text in (*gap_notes([image]), *gap_notes([reference], with_given=False)):
        note(text)
    return image, reference
