"""What was done in the window, as the command line and as the Python lines that do the same."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quietscope.napari.layer_source import Source


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The same action, said twice.

    Attributes:
        command: A line for a shell.
        python: Lines of Python.
    """

    command: str
    python: str


def _words(*words: object) -> str:
    return shlex.join(map(str, words))


def _remark(source: Source) -> str:
    """Say which layers have to be saved before the lines can be run."""
    names = ", ".join(repr(name) for name in source.unsaved)
    return f"# save first, by File > Save Selected Layers: {names}\n" if names else ""


def _read_with(source: Source) -> list[str]:
    return [*(["--axes", source.axes] if source.axes else []), *(["--mask", "nan"] if source.has_gaps else [])]


def _images(source: Source) -> str:
    """Return Python that opens the images."""
    axes = f", axes={source.axes!r}" if source.axes else ""
    opened = [f"read_image({path!r}{axes})" for path in source.paths()]
    return opened[0] if len(opened) == 1 else f"[{', '.join(opened)}]"


def _frames(source: Source) -> str:
    """Return Python that gives a list of the images, with NaN where nothing was measured."""
    several = "[images]" if len(source.paths()) == 1 else "images"
    return f"[as_measured(masked(image, 'nan')) for image in {several}]" if source.has_gaps else several


def of_look(source: Source) -> Lines:
    """Return the lines that diagnose."""
    return Lines(
        command=_remark(source) + _words("quietscope", "diagnose", *source.paths(), *_read_with(source)),
        python=_remark(source)
        + "from quietscope import read_image\n"
        + "from quietscope.data.frames import Frames\n"
        + "from quietscope.diagnosis import verdict\n"
        + "from quietscope.diagnosis.recording import diagnose_frames\n\n"
        + "from quietscope.data.mask import masked\nfrom quietscope.data.measured import as_measured\n\n"
        * source.has_gaps
        + f"images = {_images(source)}\n"
        + f"frames = Frames.of({_frames(source)}, 2)\n"
        + "for channel in diagnose_frames(frames):\n    print(verdict(channel))",
    )


def of_learning(
    source: Source | None, files: Sequence[str], folder: str, settings: Mapping[str, Any], *, resume: bool = False
) -> Lines:
    """Return the lines that train.

    Args:
        source: The layers; None where files are learnt from.
        files: The files.
        folder: The run folder.
        settings: How to train, as for `quietscope.Denoiser`.
        resume: Whether a run goes on.

    Returns:
        The lines.
    """
    paths = list(files) if source is None else list(source.paths())
    remark = "" if source is None else _remark(source)
    options = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]
    words = ["quietscope", "train", *paths, *([] if source is None else _read_with(source)), *options, "-o", folder]
    axes, mask = ("", "") if source is None else (source.axes, "nan" if source.has_gaps else "")
    told = "".join(
        f", {name}={value!r}" for name, value in (("axes", axes), ("mask", mask), ("resume", resume)) if value
    )
    images = repr(paths[0]) if len(paths) == 1 else repr(paths)
    return Lines(
        command=remark + _words(*words, *(["--resume"] if resume else [])),
        python=f"{remark}from quietscope import plan_train, run\n\n"
        f"settings = {dict(settings)!r}\n"
        f"run(plan_train({images}, {folder!r}, settings{told}))",
    )


def of_denoising(source: Source, model: str, kinds: Sequence[str], num_samples: int) -> Lines:
    """Return the lines that denoise.

    Args:
        source: The layers.
        model: File of the model.
        kinds: Kinds of results.
        num_samples: Samples behind the estimates; 0 where the method draws none.

    Returns:
        The lines.
    """
    paths, saved = source.paths(), ["--save", ",".join(kinds)]
    output = _result_name(paths[0], "denoised") if len(paths) == 1 else "denoised"
    drawn = ["--samples", num_samples] if num_samples else []
    words = ["quietscope", "predict", model, *paths, *_read_with(source), *saved, *drawn, "-o", output]
    also = (f", num_samples={num_samples}" if num_samples else "") + (", mask='nan'" if source.has_gaps else "")
    save = f"result.save({output!r})" if len(paths) == 1 else "print(result)"
    return Lines(
        command=_remark(source) + _words(*words),
        python=f"{_remark(source)}from quietscope import Denoiser, read_image\n\n"
        f"images = {_images(source)}\n"
        f"result = Denoiser.load({model!r}).denoise(images{also})\n{save}",
    )


def of_samples(source: Source, model: str, num_samples: int, part: Mapping[str, tuple[int, int]]) -> Lines:
    """Return the lines that draw samples of a part.

    Args:
        source: The layer.
        model: File of the model.
        num_samples: How many.
        part: First pixel, and that behind the last, by "T", "Z", "Y" and "X", as far as they are a part.

    Returns:
        The lines.
    """
    path, options, inside = source.paths()[0], list[str](), list[str]()
    for letter, option, name in (("T", "--frames", "frames"), ("Z", "--planes", "planes")):
        if letter in part:
            options += [option, "{}:{}".format(*part[letter])]
            inside.append("{}=slice({}, {})".format(name, *part[letter]))
    if "Y" in part:
        sides = [part["Y"], part["X"]]
        options += ["--region", ",".join(f"{low}:{high}" for low, high in sides)]
        inside.append(f"region=({', '.join(f'slice({low}, {high})' for low, high in sides)})")
    words = ["quietscope", "predict", model, path, *_read_with(source), *options, "--save", "samples"]
    axes = f", axes={source.axes!r}" if source.axes else ""
    chosen = f"Part({', '.join(inside)}).of(read_image({path!r}{axes}))"
    return Lines(
        command=_remark(source) + _words(*words, "--samples", num_samples, "-o", _result_name(path, "sampled")),
        python=f"{_remark(source)}from quietscope import Denoiser, read_image\nfrom quietscope.io import Part\n\n"
        f"part = {chosen}\n"
        f"samples = Denoiser.load({model!r}).sample(part, num_samples={num_samples})",
    )


def _result_name(path: str, word: str) -> str:
    """Return the name of a result beside its image: ``cells_denoised.ome.tif``."""
    from pathlib import Path

    from quietscope.pipeline.files import split_name

    return f"{split_name(Path(path).name)[0]}_{word}.ome.tif"
