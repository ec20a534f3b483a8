"""``quietscope recalibrate``: an honest uncertainty for a model, learnt from a reference, or by a second opinion."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietscope.cli.options import Axes, Flag, Mask, Output, Series, read_measured
from quietscope.cli.pair_reading import read_pair
from quietscope.cli.screen import Screen
from quietscope.errors import NoiseError, SettingsError
from quietscope.io import Image
from quietscope.io.atomic import check_target
from quietscope.tiling.walk import Progress

if TYPE_CHECKING:
    from quietscope import Denoiser
    from quietscope.metrics import Calibration


def recalibrate(
    model: Annotated[Path, Parameter(help="Model file.")],
    image: Annotated[Path, Parameter(help="Noisy image that is not to be judged by the result.")],
    /,
    *,
    output: Annotated[Path, Output, Parameter(help="Model file with the correction in it.")],
    clean: Annotated[
        Path | None, Parameter(help="Clean reference of the image, the surest way. Default: none.")
    ] = None,
    second: Annotated[
        Path | None, Parameter(help="Or a second, independent exposure of the same scene. Default: none.")
    ] = None,
    num_exposures: Annotated[
        int | None, Parameter(help="Exposures that the second one is the mean of. Default: 1.")
    ] = None,
    samples: Annotated[int, Parameter(help="Posterior samples.")] = 50,
    axes: Axes = None,
    series: Series = None,
    mask: Mask = None,
    seed: Annotated[int, Parameter(help="Seed of the samples.")] = 0,
    device: Annotated[str | None, Parameter(help="cpu or cuda. Default: cuda where there is one.")] = None,
    overwrite: Annotated[bool, Flag, Parameter(help="Replace a model file that exists.")] = False,
) -> None:
    """Correct a model's uncertainty: find the factor on its deviation that makes 90 % intervals hold 90 %.

    With neither --clean nor --second it is estimated from what `instant` says of the noisy image, or, for noise that it
    does not know, from the model's noise, and refused where that cannot be told. The factor is stored in the model;
    predict applies it to deviation and quantiles from then on. Mean and samples stay as they are.
    """
    from quietscope import Denoiser
    from quietscope.metrics.coverage import RIGHT

    screen = Screen()
    if clean is not None and second is not None:
        raise SettingsError("--clean or --second", "both", "leave one out")
    if num_exposures is not None and (second is None or num_exposures < 1):
        raise SettingsError(
            "--num-exposures of at least 1 with --second", f"{num_exposures}", "pass e.g. `--second b.tif`"
        )
    check_target(output, overwrite)
    denoiser = Denoiser.load(model, device=device)
    earlier = denoiser.card.spread_factor
    reference, judge = clean if clean is not None else second, ""
    if reference is None:
        [noisy] = read_measured([image], axes, series, mask, screen.note)
        with screen.predicting(image.name) as progress:
            found, judge = _unaided(denoiser, noisy, samples, seed, progress)
    else:
        noisy, truth = read_pair(image, reference, axes, series, mask, screen.note)
        with screen.predicting(image.name) as progress:
            found = denoiser.recalibrate(
                noisy,
                truth,
                num_exposures=None if second is None else num_exposures or 1,
                num_samples=samples,
                seed=seed,
                progress=progress,
            )
    denoiser.save(output, overwrite=overwrite)
    for channel, each in enumerate(found):
        screen.show(f"before{f', channel {channel}' if len(found) > 1 else ''}: {each.describe()}")
    factors = [each.spread_factor for each in found]
    if max(factors) > RIGHT**2 * min(factors):
        screen.note("the channels need different factors, and a model has one for all: train a model for each channel")
    instead = "" if earlier == 1.0 else f" instead of {earlier:.3g}"
    screen.show(f"deviations are multiplied by {denoiser.card.spread_factor:.3g}{instead}{judge} from now on: {output}")


def _unaided(
    denoiser: "Denoiser", noisy: Image, num_samples: int, seed: int, progress: Progress
) -> "tuple[tuple[Calibration, ...], str]":
    """Correct a model by a noisy image alone; return what was found for each channel, and by what, in words."""
    from quietscope.model.honesty import widen
    from quietscope.pipeline.unaided import estimate_unaided

    estimated = estimate_unaided(denoiser, [noisy], noisy, num_samples=num_samples, seed=seed, progress=progress)
    if estimated is None:
        expected = "a method with a deviation, and a noise model or noise that `instant` knows"
        raise NoiseError(expected, denoiser.method.name, "pass --clean or --second where there is a deviation")
    each, judge = estimated
    found = tuple(calibration for calibration, _ in each)
    widen(denoiser, found)
    return found, f", as estimated {judge},"
