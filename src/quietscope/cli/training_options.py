"""Options that say how to train."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from quietscope.cli.help_groups import BASIC, NOISE, TRAINING
from quietscope.cli.options import Flag, also
from quietscope.errors import BudgetError, SettingsError

_InBasic, _InNoise, _InTraining = Parameter(group=BASIC), Parameter(group=NOISE), Parameter(group=TRAINING)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to train; what is not given comes from --config, then from the preset."""

    method: Annotated[
        str | None,
        _InBasic,
        Parameter(
            help="A method of `quietscope presets`, or auto to look at the noise first. Default: auto, or hdn where "
            "--preset, --noise, --psf, --direct or an option of hdn says how to train." + also("quietscope.methods")
        ),
    ] = None
    preset: Annotated[
        str | None, _InBasic, Parameter(help="fast (minutes on a CPU), paper (as published), ... Default: fast.")
    ] = None
    noise: Annotated[
        str | None,
        _InNoise,
        Parameter(
            help="auto, bootstrap, sigma=NUMBER or a noise file; one per channel, separated by commas. Default: auto."
        ),
    ] = None
    psf: Annotated[
        str | None,
        _InNoise,
        Parameter(
            help="For deconoising: a PSF file of `quietscope psf`, or sigma=PIXELS; one per channel by commas. "
            "Default: none."
        ),
    ] = None
    background: Annotated[
        float | None, _InNoise, Parameter(help="For deconoising: intensity where nothing shines. Default: estimated.")
    ] = None
    budget: Annotated[
        str | None, _InBasic, Parameter(help="Training time: 90s, 10m, 1h30m. Default: the preset's.")
    ] = None
    steps: Annotated[
        int | None,
        _InTraining,
        Parameter(help="Training steps, instead of or besides a budget. Default: no limit but the budget."),
    ] = None
    direction: Annotated[
        Literal["x", "y", "z", "none", "auto"] | None,
        _InNoise,
        Parameter(help="For dvlae, instant: the axis along which the noise is correlated. Default: auto."),
    ] = None
    deterministic_levels: Annotated[
        str | None,
        _InNoise,
        Parameter(
            help="For hdn and noise correlated between neighbours: levels kept from the image, 0,1 or auto. "
            "Default: none."
        ),
    ] = None
    direct: Annotated[
        Literal["mean", "median"] | None,
        _InTraining,
        Parameter(help="Also train direct.safetensors, which gives the mean or median in one pass. Default: none."),
    ] = None
    start: Annotated[
        Path | None,
        _InTraining,
        Parameter(
            name="--from", help="Start from the weights of this model file, with its method and network. Default: none."
        ),
    ] = None
    dims: Annotated[Literal[2, 3] | None, _InTraining, Parameter(help="2 for planes, 3 for volumes. Default: 2.")] = (
        None
    )
    depth_axis: Annotated[
        Literal["Z", "T"] | None,
        _InTraining,
        Parameter(help="With --dims 3: the axis that is the depth, T for time. Default: Z."),
    ] = None
    neighbours: Annotated[
        int | None,
        _InTraining,
        Parameter(help="Frames before and after every frame that the network sees along with it, e.g. 1. Default: 0."),
    ] = None
    neighbour_axis: Annotated[
        Literal["T", "Z"] | None,
        _InTraining,
        Parameter(help="The axis of --neighbours. Default: T where there is one, else Z."),
    ] = None
    normalize: Annotated[
        Literal["together", "each"] | None,
        _InTraining,
        Parameter(
            help="each: images of unlike scale, each by itself; for methods without a noise model. Default: together."
        ),
    ] = None
    skip_empty: Annotated[
        bool, _InTraining, Flag, Parameter(help="Rarely learn from empty space, a flat dark ground.")
    ] = False
    stop_when_settled: Annotated[bool, _InTraining, Flag, Parameter(help="End early where nothing more is gained.")] = (
        False
    )
    seed: Annotated[int | None, _InTraining, Parameter(help="Seed of everything random. Default: 0.")] = None
    config: Annotated[
        Path | None, _InBasic, Parameter(help="YAML file of settings; what is typed goes before it. Default: none.")
    ] = None
    device: Annotated[str | None, _InBasic, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None
    devices: Annotated[
        int,
        _InTraining,
        Parameter(help="GPUs that train together, or processes that share the cores; the batch is shared out."),
    ] = 1
    log: Annotated[
        str | None,
        _InTraining,
        Parameter(
            help="Programs that follow the run, its stages and PSNR too, separated by commas: wandb, mlflow, "
            "tensorboard. Default: none." + also("quietscope.trackers")
        ),
    ] = None

    @property
    def trackers(self) -> tuple[str, ...]:
        """Names of the programs that follow the run."""
        return tuple(name.strip() for name in (self.log or "").split(",") if name.strip())

    def check_trackers(self) -> None:
        """Refuse programs that cannot follow the run.

        Raises:
            SettingsError: If there is none of a name, or it is not installed.
        """
        if self.log is not None:
            from quietscope.training.followed import check_trackers

            check_trackers(self.trackers)

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


NO_TRAINING_OPTIONS = TrainingOptions()


def _method_of(values: dict[str, Any]) -> Any:
    """Return the method of a run: the one named, that of the model to start from, or the usual one."""
    start = values.get("start")
    if "method" in values or not isinstance(start, str):
        return values.get("method", "hdn")
    from quietscope.model.file import start_in

    return start_in(start)[0].method
