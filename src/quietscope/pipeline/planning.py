"""From paths and options to a plan; whatever makes no sense is refused here, before anything is computed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from quietscope.axes import Context
from quietscope.data.by_itself import in_context
from quietscope.data.frames import layouts_of
from quietscope.errors import OutputError
from quietscope.io import Image, ImageSource
from quietscope.io.alive import check_idle
from quietscope.io.part import ALL, Part
from quietscope.outside.sources import protecting
from quietscope.pipeline.files import (
    BEST,
    CONFIG,
    DIRECT,
    LAST,
    MODEL,
    OVERVIEW,
    REGIONS,
    UNFINISHED,
    endings_in,
    files_of,
)
from quietscope.pipeline.found_images import Found, Sources, find_images, series_of
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.inputs import open_images, open_references
from quietscope.pipeline.partners import partners_of
from quietscope.pipeline.plan import DenoisePlan, PredictPlan, Training, TrainPlan
from quietscope.pipeline.results import USUAL, Abilities, Results, abilities_for, choose_kinds
from quietscope.pipeline.run_folder import RunFolder
from quietscope.pipeline.stems import stems_of
from quietscope.pipeline.targets import Opening, Targets, check_format, check_one, names_file
from quietscope.tiling.request import DEFAULT_REQUEST, Request
from quietscope.wording import typed

if TYPE_CHECKING:
    from quietscope.presets import Configuration

Settings: TypeAlias = "Configuration | Mapping[str, Any]"
"""A whole configuration, or those settings by name that differ from the preset's, see `with_usual_method` for none."""

USUAL_RESULTS = Results()
_MOMENTS = {"mean", "std"}
NO_SETTINGS: Mapping[str, Any] = {}


@protecting
def plan_denoise(
    images: Sources,
    folder: str | os.PathLike[str],
    settings: Settings = NO_SETTINGS,
    *,
    clean: Sources | None = None,
    axes: str | None = None,
    series: int | str | None = None,
    mask: ImageSource | None = None,
    part: Part = ALL,
    device: str | None = None,
    devices: int = 1,
    results: Results = USUAL_RESULTS,
    request: Request = DEFAULT_REQUEST,
    overwrite: bool = False,
    resume: bool = False,
    calibrate: bool = True,
) -> DenoisePlan:
    """Plan to train on the very images and to denoise them.

    Args:
        images: The noisy images: a path, an array, an `Image`, a folder, a pattern, or a list of them, see
            `quietscope.pipeline.found_images.find_images`; the tree of folders and patterns is kept in the results.
        folder: Where results, model, settings and picture go.
        settings: How to train, as for `Denoiser`.
        clean: Clean references to judge the result by, one per image, or folders and patterns with those of its name.
        axes: Axes of the images where they do not name them.
        series: Which image of files that hold several, by number or name, "all" for every one; the first if None.
        mask: Where pixels were measured: an image that is nonzero there, or "nan" where NaN stands for the others.
        part: What is read of every image: channels, time points, planes, a region.
        device: Where to compute; the best there is if None.
        devices: Processes that train together: on as many GPUs, or sharing the cores of this machine.
        results: Which results are wanted.
        request: How to predict; the seed is that of the settings.
        overwrite: Whether results that exist may be replaced.
        resume: Go on with the run that was stopped in this folder.
        calibrate: Make the deviation honest and estimate the PSNR, as far as noisy images tell how.

    Returns:
        The plan.

    Raises:
        QuietScopeError: If images, settings, results or folder cannot be used.
    """
    place = Path(folder)
    state = _stopped(place, resume=resume)
    configuration = _configuration(settings, state if resume else None, device, devices)
    found = find_images(images, series)
    stems = stems_of(found)
    configuration, noisy = _noisy(found, axes, series, mask, part, configuration)
    references = open_references(partners_of(found, clean, series), noisy, series_of(series))
    able = abilities_for(configuration)
    kinds, seen = choose_kinds(results, able, USUAL, request), _MOMENTS & able.kinds
    if "method" in configuration.unsettled and not _MOMENTS.issuperset(kinds):
        configuration = configuration.model_copy(update={"samples": True})
    files = {"model": place / MODEL, "settings": place / CONFIG}
    endings = endings_in(results.format, kinds, results.main)
    plan = DenoisePlan(
        folder=place,
        training=Training(
            images=noisy,
            configuration=configuration,
            device=device,
            devices=devices,
            folder=state,
            files=files if configuration.direct is None else {**files, "direct": place / DIRECT},
            overwrite=overwrite,
        ),
        targets=tuple(
            Target(
                image=image,
                files=files_of(place / stem, endings),
                main=results.main,
                # The picture shows the first image's deviation and samples, whatever is written.
                request=replace(request, seed=configuration.seed).settled(kinds if number else {*kinds, *seen}),
                dtype=results.dtype,
                storage=results.storage,
                overwrite=overwrite,
            )
            for number, (image, stem) in enumerate(zip(noisy, stems, strict=True))
        ),
        references=tuple(
            each if each.shape == image.shape else part.of(each) for each, image in zip(references, noisy, strict=False)
        ),
        overview=place / OVERVIEW,
        regions=place / REGIONS,
        calibrate=calibrate,
    )
    return plan.resumed() if resume else plan


@protecting
def plan_train(
    images: Sources,
    folder: str | os.PathLike[str],
    settings: Settings = NO_SETTINGS,
    *,
    axes: str | None = None,
    series: int | str | None = None,
    mask: ImageSource | None = None,
    part: Part = ALL,
    device: str | None = None,
    devices: int = 1,
    overwrite: bool = False,
    resume: bool = False,
) -> TrainPlan:
    """Plan to train a model in a run folder.

    Args:
        images: The noisy images: a path, an array, an `Image`, a folder, a pattern, or a list of them, see
            `quietscope.pipeline.found_images.find_images`.
        folder: The run folder.
        settings: How to train, as for `Denoiser`.
        axes: Axes of the images where they do not name them.
        series: Which image of files that hold several, by number or name, "all" for every one; the first if None.
        mask: Where pixels were measured: an image that is nonzero there, or "nan" where NaN stands for the others.
        part: What is read of every image: channels, time points, planes, a region.
        device: Where to compute; the best there is if None.
        devices: Processes that train together: on as many GPUs, or sharing the cores of this machine.
        overwrite: Whether an earlier run in the folder may be replaced.
        resume: Go on with the run in this folder; budget and steps may be raised.

    Returns:
        The plan.

    Raises:
        QuietScopeError: If images, settings or folder cannot be used.
    """
    place = Path(folder)
    check_idle(place)
    state = RunFolder(place)
    state.put_back()
    configuration = _configuration(settings, state if resume else None, device, devices)
    configuration, noisy = _noisy(find_images(images, series), axes, series, mask, part, configuration)
    files = {"model": place / MODEL, "best": place / BEST, "last": place / LAST, "settings": place / CONFIG}
    training = Training(
        images=noisy,
        configuration=configuration,
        device=device,
        devices=devices,
        folder=state,
        files=files if configuration.direct is None else {**files, "direct": place / DIRECT},
        overwrite=overwrite,
    )
    plan = TrainPlan(folder=place, training=training)
    return plan.resumed() if resume else plan


@protecting
def plan_predict(
    model: str | os.PathLike[str],
    images: Sources,
    output: str | os.PathLike[str],
    *,
    axes: str | None = None,
    series: int | str | None = None,
    mask: ImageSource | None = None,
    part: Part = ALL,
    device: str | None = None,
    results: Results = USUAL_RESULTS,
    request: Request = DEFAULT_REQUEST,
    overwrite: bool = False,
    resume: bool = False,
    insist: bool = False,
) -> PredictPlan:
    """Plan to denoise images with a model that there is.

    Args:
        model: A model file, an exported model, or a folder of `compress` with one in it.
        images: The noisy images: a path, an array, an `Image`, a folder, a pattern, or a list of them, see
            `quietscope.pipeline.found_images.find_images`.
        output: A folder, made where there is none, in which the tree of folders and patterns is kept:
            ``day1/cells_denoised.ome.tif``. Or, of one image, the file of the estimate, known by its extension; other
            results stand beside it, with a word before the extension.
        axes: Axes of the images where they do not name them.
        series: Which image of files that hold several, by number or name, "all" for every one; the first if None.
        mask: Where pixels were measured: an image that is nonzero there, or "nan" where NaN stands for the others.
        part: What is read of every image: channels, time points, planes, a region.
        device: Where to compute; the best there is if None.
        results: Which results are wanted; their format is that of `output` where that is a file.
        request: How to predict.
        overwrite: Whether results that exist may be replaced.
        resume: Pass over images whose results an earlier process has written into the folder, by the same model and
            request.
        insist: Go on where an image is so unlike those of training that the result must be wrong.

    Returns:
        The plan. Images whose results go into a folder are opened one after another, when it runs.

    Raises:
        QuietScopeError: If model, results, names or, of one with a file of its own, the image cannot be used.
    """
    from quietscope.deploy import model_in

    file, place, found = model_in(Path(model)), Path(output), find_images(images, series)
    opening = Opening(axes=axes, series=series_of(series), mask=mask, part=part, context=context_in(file))
    if not names_file(place, found):
        options: dict[str, Any] = {"device": device, "overwrite": overwrite, "resume": resume, "insist": insist}
        return plan_folder(file, found, place, opening, results, request, **options)
    kinds = choose_kinds(results, abilities_in(file), request=request)
    check_one(place, found, resume=resume)
    opened = opening.image(found[0].source)
    seen = replace(opening, axes=None, series=None, mask=None, part=ALL)
    wanted = _wanted(results, request.settled(kinds), overwrite=overwrite)
    targets = Targets.one(opened, place, kinds, seen, **wanted)
    return PredictPlan(model=file, device=device, targets=targets, insist=insist)


def plan_folder(
    model: Path,
    found: Sequence[Found],
    folder: Path,
    opening: Opening,
    results: Results,
    request: Request,
    *,
    device: str | None,
    overwrite: bool,
    resume: bool,
    insist: bool,
) -> PredictPlan:
    """Plan to denoise images into a folder; arguments as for `plan_predict`.

    Args:
        model: File of the model.
        found: The images, of which there may be none.
        folder: The folder.
        opening: How images are opened.
        results: Which results are wanted.
        request: How to predict.
        device: Where to compute; the best there is if None.
        overwrite: Whether results that exist may be replaced.
        resume: Pass over images whose results an earlier process of the same run has written.
        insist: Go on where the result must be wrong.

    Returns:
        The plan.

    Raises:
        QuietScopeError: If model, results or names cannot be used.
    """
    kinds = choose_kinds(results, abilities_in(model), request=request)
    check_format(results.format, results.storage)
    targets = Targets(
        sources=tuple(each.source for each in found),
        folder=folder,
        stems=tuple(stems_of(found)),
        endings=endings_in(results.format, kinds, results.main),
        opening=opening,
        **_wanted(results, request.settled(kinds), overwrite=overwrite),
    )
    targets.check_apart()
    return PredictPlan(model=model, device=device, targets=targets, folder=folder, insist=insist, resume=resume)


def _wanted(results: Results, request: Request, *, overwrite: bool) -> dict[str, Any]:
    """Return what is written alike of every image, see `Targets`."""
    return {
        "main": results.main,
        "request": request,
        "dtype": results.dtype,
        "storage": results.storage,
        "overwrite": overwrite,
    }


def _stopped(place: Path, *, resume: bool) -> RunFolder:
    """Return what a run that was stopped in a folder has left, or would leave."""
    check_idle(place)
    state = RunFolder(place / UNFINISHED)
    state.put_back()
    if resume and not state.path.is_dir():
        anew = f"leave out `{typed(resume=True)}`; where a complete run is there, pass `{typed(overwrite=True)}`"
        raise OutputError("a run that was stopped", f"{place}, in which there is none to go on with", anew)
    return state


def _configuration(settings: Settings, stopped: RunFolder | None, device: str | None, devices: int) -> "Configuration":
    """Return a whole configuration; where a run was stopped, what it began with beside what is asked for now."""
    from quietscope.distillation.student import check_trainable
    from quietscope.model.starting import with_start
    from quietscope.nn.hardware import chosen_device
    from quietscope.presets import AUTO, Configuration, with_usual_method
    from quietscope.training.together import check_shared, devices_of

    devices_of(chosen_device(device), devices)
    if isinstance(settings, Configuration):
        configuration = settings
    elif stopped is not None:
        configuration = stopped.earlier(settings)
    else:
        configuration = Configuration.of(with_usual_method(with_start(settings)))
    check_trainable(configuration)
    if devices > 1 and configuration.method != AUTO:  # which method that is, is known later
        check_shared(configuration.training_settings(), devices)
    return configuration


def _noisy(
    found: Sequence[Found],
    axes: str | None,
    series: int | str | None,
    mask: ImageSource | None,
    part: Part,
    configuration: "Configuration",
) -> tuple["Configuration", tuple[Image, ...]]:
    """Open the images of a run as its model sees them, and choose the axis along which it sees neighbours."""
    from quietscope.setup.neighbour_axis import with_neighbour_axis

    opened = open_images([each.source for each in found], axes, series_of(series), mask, part)
    configuration = with_neighbour_axis(configuration, opened)
    seen = tuple(in_context(image, configuration.context) for image in opened)
    layouts_of(seen, configuration.dims)
    return configuration, seen


def context_in(file: Path) -> Context:
    """Return what the model in a file sees beside each plane."""
    from quietscope.deploy import is_exported, read_card

    if is_exported(file):
        return read_card(file).history.context
    from quietscope.model.file import start_in

    return start_in(file)[0].context


def abilities_in(file: Path) -> Abilities:
    """Return what the model in a file can give."""
    from quietscope.deploy import is_exported, read_card

    if not is_exported(file):
        from quietscope.model.file import method_in

        return Abilities.of(method_in(file))
    card = read_card(file)
    return replace(Abilities.named(card.method, card.kinds), is_exported=True)
