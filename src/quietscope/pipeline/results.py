"""Which kinds of results a run is asked for, and which of them a model can give."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from quietscope.errors import SettingsError
from quietscope.io.storage import USUAL_STORAGE, Storage
from quietscope.tiling.kinds import Kind, chosen_kinds, kinds_within, names_of_kinds
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.wording import typed

if TYPE_CHECKING:
    from quietscope.methods.base import Method
    from quietscope.presets import Configuration

Dtype: TypeAlias = Literal["float32", "input"]
USUAL = ("std", "deconvolved")
"""What is written beside the denoised image where nobody says what is wanted, as far as the method gives it."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """Which results are wanted, and how they are written.

    Attributes:
        kinds: Names of the kinds, see `quietscope.tiling.kinds`; None for the usual ones.
        estimate: "mean" or "map": the estimate that is the denoised image, always among the results; None is the mean,
            and leaves it out where `kinds` does.
        dtype: "input" rounds and clips images to the input's type.
        format: Ending of the files, which picks their format, where the run chooses the names.
        storage: Compression, pyramid and size of pieces in the files.
    """

    kinds: tuple[str, ...] | None = None
    estimate: Literal["mean", "map"] | None = None
    dtype: Dtype = "float32"
    format: str = "ome.tif"
    storage: Storage = USUAL_STORAGE

    @property
    def main(self) -> str:
        """The kind that is the denoised image."""
        return self.estimate or "mean"

    @property
    def asked(self) -> frozenset[str]:
        """The kinds that are asked for, by name or as the estimate; the estimate alone where nobody says anything."""
        if self.kinds is None:
            return frozenset({self.main})
        return frozenset({*self.kinds, *([] if self.estimate is None else [self.estimate])})


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a model can give.

    Attributes:
        method: Name of its method.
        kinds: Names of the kinds of results.
        is_exported: Whether it is an exported model, which may give less than the one that it was exported from.
        computes: Whether it computes mean and deviation, so that samples are drawn only where something needs them.
    """

    method: str
    kinds: frozenset[str]
    computes: bool = False
    is_exported: bool = False

    @classmethod
    def of(cls, method: "type[Method]") -> "Abilities":
        """Return the abilities of a method."""
        from quietscope.methods.abilities import kinds_of
        from quietscope.methods.base import MomentsMethod

        return replace(cls.named(method.name, kinds_of(method)), computes=issubclass(method, MomentsMethod))

    @classmethod
    def named(cls, method: str, kinds: Iterable[Kind]) -> "Abilities":
        """Return the abilities of a method of a name that gives some kinds of results."""
        return cls(method=method, kinds=frozenset(kind.name for kind in kinds))

    @property
    def deviates_by_samples(self) -> bool:
        """Whether a deviation is that of samples."""
        return "samples" in self.kinds and not self.computes

    def draws(self, kinds: Iterable[str]) -> bool:
        """Tell whether samples are drawn for some kinds of results."""
        asked = any(kind.needs == "samples" for kind in chosen_kinds(kinds))
        return self.deviates_by_samples or ("samples" in self.kinds and asked)


def abilities_for(configuration: "Configuration") -> Abilities:
    """Return what the method of a configuration can give; of "auto", what whichever it may choose can."""
    from quietscope.methods import METHODS
    from quietscope.presets.configuration import AUTO, speaks_no_unit

    if configuration.method != AUTO:
        return Abilities.of(METHODS[configuration.method])
    if configuration.normalize == "together":
        return Abilities.named(AUTO, kinds_within(samples=True, deconvolves=False))
    choice = [Abilities.of(METHODS[name]).kinds for name in filter(speaks_no_unit, METHODS)]
    return Abilities(method=AUTO, kinds=frozenset.intersection(*choice))


def choose_kinds(
    results: Results, able: Abilities, usual: Sequence[str] = (), request: Request = DEFAULT_REQUEST
) -> tuple[str, ...]:
    """Choose what is written, in the light of what a model can give.

    Args:
        results: What is wanted.
        able: What the model can give.
        usual: Results besides the estimate where nothing is asked for by name, as far as the model gives them.
        request: How to predict.

    Returns:
        Names of kinds, in their usual order.

    Raises:
        SettingsError: If there is no such kind, the model cannot give it, pairs of samples are asked for where none
            are drawn, or the files take whole numbers alone.
    """
    if results.format.lower().endswith("png") and results.dtype != "input":
        fix = f"pass `{typed(dtype='input')}`, or `{typed(format='ome.tif')}`"
        raise SettingsError("whole numbers for .png files", f"results of type {results.dtype}", fix)
    beside = {kind for kind in usual if kind in able.kinds} if results.kinds is None else set()
    wanted = results.asked | beside
    kinds = tuple(kind.name for kind in chosen_kinds(wanted))
    if not kinds:
        raise SettingsError("at least one kind of results", "none", 'ask e.g. for "mean"')
    beyond = [kind for kind in kinds if kind not in able.kinds]
    if beyond == ["deconvolved"]:
        raise SettingsError(
            "no deconvolved image from a method that is shown no PSF",
            able.method,
            f"train with `{typed(method='deconoising', psf='psf.tif')}`",
        )
    if beyond:
        possible = " and ".join(kind for kind in names_of_kinds() if kind in able.kinds)
        exported = " once it is exported" if able.is_exported else ""
        raise SettingsError(
            f"{possible} alone from {able.method}, which draws no samples{exported}",
            next(kind for kind in beyond if kind != "deconvolved"),
            f"use `{typed(kinds=['mean'])}`, or train with `{typed(method='hdn')}`"
            + (", or predict with the model that was exported, if it draws them" if exported else ""),
        )
    request.check_pairs(able.method, draws=able.draws(kinds))
    return kinds
