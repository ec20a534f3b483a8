"""``quietscope denoise``: train on the very images and denoise them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import (
    NO_PREDICTION_OPTIONS,
    NO_TRAINING_OPTIONS,
    Axes,
    Group,
    Output,
    PredictionOptions,
    Several,
    TrainingOptions,
    read_images,
)
from quietscope.cli.outputs import Abilities, Plan, choose_results, files_in, result_folder
from quietscope.cli.picture import draw_overview
from quietscope.cli.planes import describe, pairs, score
from quietscope.cli.results import write_results
from quietscope.cli.screen import Screen
from quietscope.cli.verbs.distill import report_comparison
from quietscope.errors import AxesError, SizeError, Terminated
from quietscope.io import Image, atomic_path, read_image
from quietscope.io.atomic import check_target
from quietscope.report import Denoised, Summary, summary_table
from quietscope.tiling.kinds import kind_of

if TYPE_CHECKING:
    from quietscope import Denoiser
    from quietscope.metrics import Score

MODEL, CONFIG, OVERVIEW, DIRECT = "model.safetensors", "config.yaml", "overview.png", "direct.safetensors"


def denoise(
    images: Annotated[list[Path], Parameter(help="Noisy images: TIFF, OME-TIFF, OME-Zarr, PNG or .npy.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Folder for the results; made where there is none.")],
    clean: Annotated[
        list[Path] | None, Several, Parameter(help="Clean references, one per image, to judge the result by.")
    ] = None,
    axes: Axes = None,
    format: Annotated[str, Parameter(help="ome.tif, tif, ome.zarr, npy or png.")] = "ome.tif",
    training: Annotated[TrainingOptions, Group] = NO_TRAINING_OPTIONS,
    prediction: Annotated[PredictionOptions, Group] = NO_PREDICTION_OPTIONS,
) -> None:
    """Train on the very images and denoise them: no clean data, no settings.

    Writes NAME_denoised and NAME_std (or NAME_deconvolved) for every image, the model, its configuration and
    overview.png.
    """
    from quietscope import Denoiser
    from quietscope.methods import METHODS

    screen = Screen()
    denoiser = Denoiser.from_configuration(training.configuration(), device=training.device)
    noisy = read_images(images, axes)
    for image in noisy:
        image.layout(denoiser.configuration.dims)
    denoiser.settle(noisy, notify=screen.note)
    references = _references(clean, noisy)
    before = [score(image, reference) for image, reference in zip(noisy, references, strict=False)]
    method = METHODS[denoiser.configuration.method]
    wanted = choose_results(prediction, Abilities.of(method), default=("std", "deconvolved"))
    with result_folder(output) as folder:
        plans = [
            Plan(image=image, files=files, main=wanted.main, options=prediction)
            for image, files in zip(noisy, files_in(folder, noisy, wanted, format), strict=True)
        ]
        work = _Work(screen, denoiser, folder, prediction, plans, references, before)
        work.check()
        work.train()
        work.predict()


@dataclass(frozen=True)
class _Work:
    """One run, once everything that was typed is known to make sense."""

    screen: Screen
    denoiser: "Denoiser"
    folder: Path
    options: PredictionOptions
    plans: Sequence[Plan]
    references: Sequence[Image]
    before: "Sequence[Score]"

    def check(self) -> None:
        """Refuse, before any training, what could not be written after it."""
        for name in (MODEL, CONFIG, OVERVIEW, *([DIRECT] if self.denoiser.configuration.direct else [])):
            check_target(self.folder / name, self.options.overwrite)
        for plan in self.plans:
            plan.check()

    def train(self) -> None:
        """Train, and keep the model before anything else can go wrong."""
        with self.screen.training() as watch:
            self.denoiser.fit([plan.image for plan in self.plans], watch=watch, notify=self.screen.note)
        report = self.denoiser.fit_report
        assert report is not None
        if report.interrupted:
            self.screen.note(f"training ended early, after {report.steps} steps; Ctrl-C again leaves the images noisy")
        self.denoiser.save(self.folder / MODEL, overwrite=self.options.overwrite)
        if self.denoiser.direct is not None:
            self.denoiser.direct.save(self.folder / DIRECT, overwrite=self.options.overwrite)
        with atomic_path(self.folder / CONFIG, overwrite=self.options.overwrite) as temporary:
            self.denoiser.configuration.save(temporary)
        if report.terminated:  # a scheduler wants the machine back: keep the model, start nothing more
            raise Terminated

    def predict(self) -> None:
        """Denoise every image, draw the first one, and print the table."""
        from quietscope.methods.base import PosteriorMethod

        images = [self._predict_one(number, plan) for number, plan in enumerate(self.plans)]
        draw_overview(
            self.folder / OVERVIEW,
            self.denoiser,
            self.plans[0].image,
            self.references[0] if self.references else None,
            num_samples=self.options.samples,
            seed=self.denoiser.configuration.seed,
            overwrite=self.options.overwrite,
        )
        configuration, report = self.denoiser.configuration, self.denoiser.fit_report
        assert report is not None
        summary = Summary(
            method=f"{configuration.method}, preset {configuration.preset}",
            noise=[model.describe() for model in self.denoiser.noise_models],
            steps=report.steps,
            training_seconds=report.seconds,
            num_samples=self.options.samples if isinstance(self.denoiser.method, PosteriorMethod) else 0,
            images=images,
            files={"model": self.folder / MODEL, "settings": self.folder / CONFIG, "overview": self.folder / OVERVIEW},
        )
        self.screen.show(summary_table(summary))
        self._compare_direct()

    def _compare_direct(self) -> None:
        """Say how the direct denoiser that was trained along compares with the samples, and store it."""
        direct, clean = self.denoiser.direct, list(self.references) or None
        if direct is not None:
            noisy = [plan.image for plan in self.plans]
            report_comparison(self.screen, self.denoiser, direct, noisy, clean, max(2, self.options.samples))
            direct.save(self.folder / DIRECT, overwrite=True)

    def _predict_one(self, number: int, plan: Plan) -> Denoised:
        started = time.monotonic()
        write_results(self.denoiser, plan, self.screen, self.denoiser.configuration.seed)
        after = None
        if self.references and plan.main in plan.files:
            after = score(read_image(plan.files[plan.main], plan.image.axes), self.references[number])
        return Denoised(
            source=plan.image.path,
            what=describe(plan.image),
            files={"denoised" if kind == plan.main else kind_of(kind).word: path for kind, path in plan.files.items()},
            seconds=time.monotonic() - started,
            before=self.before[number] if self.before else None,
            after=after,
            honesty=_honesty(plan, self.references[number]) if self.references else "",
        )


def _honesty(plan: Plan, clean: Image) -> str:
    """Compare the written mean and deviation with the clean image; no words where they were not written."""
    from quietscope.metrics import calibration_of_moments

    if not {"mean", "std"} <= set(plan.files):
        return ""
    mean, std = (read_image(plan.files[kind], plan.image.axes) for kind in ("mean", "std"))
    planes = zip(pairs(mean, clean), pairs(std, clean), strict=True)
    return calibration_of_moments((one.image, other.image, one.clean) for one, other in planes).describe()


def _references(clean: list[Path] | None, noisy: Sequence[Image]) -> list[Image]:
    if not clean:
        return []
    if len(clean) != len(noisy):
        raise SizeError(
            "one clean reference per image",
            f"{len(clean)} for {len(noisy)}",
            "name them all, e.g. `--clean a.tif b.tif`",
        )
    return [_reference(path, image) for path, image in zip(clean, noisy, strict=True)]


def _reference(path: Path, image: Image) -> Image:
    """Open a clean reference, by the axes of its noisy image where these fit it."""
    try:
        return read_image(path, image.axes)
    except AxesError:
        return read_image(path)
