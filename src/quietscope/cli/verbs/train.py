"""``quietscope train``: a model in a run folder."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import NO_TRAINING_OPTIONS, Axes, Flag, Group, Output, TrainingOptions, read_images
from quietscope.cli.outputs import result_folder
from quietscope.cli.screen import Screen
from quietscope.cli.verbs.distill import report_comparison
from quietscope.errors import OutputError, SettingsError
from quietscope.io import atomic_path
from quietscope.io.atomic import check_target
from quietscope.report.table import duration, num_steps

if TYPE_CHECKING:
    from quietscope.presets import Configuration

MODEL, BEST, LAST = "model.safetensors", "best.safetensors", "last.safetensors"
DIRECT = "direct.safetensors"
CONFIG, RESUME, LOGS = "config.yaml", "resume.ckpt", "logs"
OURS = (MODEL, BEST, LAST, DIRECT, CONFIG, RESUME, LOGS)
BOOTSTRAP = "bootstrap_c*.safetensors"
INTERRUPTED = 130


def train(
    images: Annotated[list[Path], Parameter(help="Noisy images to learn from.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Run folder.")],
    axes: Axes = None,
    training: Annotated[TrainingOptions, Group] = NO_TRAINING_OPTIONS,
    resume: Annotated[bool, Flag, Parameter(help="Go on with the run in this folder, as if never stopped.")] = False,
    overwrite: Annotated[bool, Flag, Parameter(help="Start anew in the folder of an earlier run.")] = False,
) -> int:
    """Train a model in a run folder, to be used on other images.

    Writes model.safetensors (the weights to use), best.safetensors (lowest validation loss), last.safetensors,
    config.yaml and logs, and with --direct also direct.safetensors; Ctrl-C ends training early and
    keeps what was learnt, and --resume goes on.
    """
    from quietscope import Denoiser

    screen = Screen()
    if resume and overwrite:
        raise SettingsError("--resume or --overwrite", "both", "leave one out")
    configuration = _earlier(output, training) if resume else training.configuration()
    denoiser = Denoiser.from_configuration(configuration, device=training.device)
    noisy = read_images(images, axes)
    for image in noisy:
        image.layout(configuration.dims)
    configuration = denoiser.settle(noisy, notify=screen.note)
    with result_folder(output) as folder:
        _check(folder, resume=resume, overwrite=overwrite)
        if not resume:
            _forget(folder)
        with atomic_path(folder / CONFIG, overwrite=True) as temporary:
            configuration.save(temporary)
        try:
            with screen.training() as watch:
                denoiser.fit(noisy, folder=folder, resume=resume, watch=watch, notify=screen.note)
        except BaseException:
            if not (folder / RESUME).exists():  # nothing was learnt: leave no folder that looks like a run
                (folder / CONFIG).unlink(missing_ok=True)
            raise
        denoiser.save(folder / MODEL, overwrite=True)
        denoiser.save(folder / BEST, weights="best", overwrite=True)
        denoiser.save(folder / LAST, weights="last", overwrite=True)
        if denoiser.direct is not None:
            denoiser.direct.save(folder / DIRECT, overwrite=True)
    report = denoiser.fit_report
    assert report is not None
    for channel, model in enumerate(denoiser.noise_models):
        screen.show(f"noise of channel {channel}: {model.describe()}")
    screen.show(f"trained {num_steps(report.steps)} in {duration(report.seconds)}: {folder / MODEL}")
    if denoiser.direct is not None and not report.interrupted:
        report_comparison(screen, denoiser, denoiser.direct, noisy)
        denoiser.direct.save(folder / DIRECT, overwrite=True)
    if report.interrupted:
        screen.note(f"stopped early; go on with `quietscope train ... -o {folder} --resume`")
        return INTERRUPTED
    return 0


def _earlier(folder: Path, options: TrainingOptions) -> "Configuration":
    """Return the configuration of the run in a folder; budget and steps may be raised, the rest must agree."""
    from quietscope.presets import AUTO, Configuration, read_configuration

    for name in (CONFIG, RESUME):
        if not (folder / name).is_file():
            raise OutputError(
                "a run folder with config.yaml and resume.ckpt", f"{folder} without {name}", "leave out `--resume`"
            )
    earlier = Configuration.of(read_configuration(folder / CONFIG))
    asked = {name: value for name, value in options.typed().items() if value != AUTO or name == "noise"}
    if "network" in asked:  # what was to be found out has been found out
        settled = {name: value for name, value in asked["network"].items() if value != AUTO}
        asked["network"] = {**earlier.network, **settled}
    wanted = Configuration.of({**earlier.model_dump(), **asked})
    for name in sorted(set(asked) - {"budget", "steps"}):
        before, now = getattr(earlier, name), getattr(wanted, name)
        if json.dumps(before, sort_keys=True) != json.dumps(now, sort_keys=True):  # tuples are lists in the file
            raise SettingsError(
                f"{name} = {before!r}, as the run began",
                f"{now!r}",
                "leave it out, or train in another folder",
            )
    return wanted


def _check(folder: Path, *, resume: bool, overwrite: bool) -> None:
    check_target(folder / CONFIG, overwrite=True)
    found = [name for name in OURS if (folder / name).exists()] + [path.name for path in folder.glob(BOOTSTRAP)]
    if found and not (resume or overwrite):
        raise OutputError(
            "a folder without a run in it", f"{folder} with {found[0]}", "pass `--resume` to go on, or `--overwrite`"
        )


def _forget(folder: Path) -> None:
    """Remove what must not be mixed with a new run: the state to resume from and the logs, by their names."""
    for path in [folder / RESUME, *folder.glob(BOOTSTRAP)]:
        path.unlink(missing_ok=True)
    logs = folder / LOGS
    for path in [logs / "metrics.csv", logs / "hparams.yaml", *logs.glob("events.out.tfevents.*")]:
        path.unlink(missing_ok=True)
    with suppress(OSError):  # not there, or somebody keeps notes in it
        logs.rmdir()
