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


_PART = "from quietscope.io import Part\n"


def _words(*words: object) -> str:
    return shlex.join(map(str, words))


def _remark(source: Source) -> str:
    """Say which layers have to be saved before the lines can be run."""
    names = ", ".join(repr(name) for name in source.unsaved)
    return f"# save first, by File > Save Selected Layers: {names}\n" if names else ""


def _read_with(source: Source, *, has_parts: bool = True) -> list[str]:
    """Return the options that say how the images are read, and which channels of them, for verbs that take a part."""
    options = [*(["--axes", source.axes] if source.axes else []), *(["--mask", "nan"] if source.has_gaps else [])]
    return [*options, "--channels", *map(str, source.channels)] if source.channels and has_parts else options


def _images(source: Source) -> str:
    """Return Python that opens the images."""
    axes = f", axes={source.axes!r}" if source.axes else ""
    opened = [f"read_image({path!r}{axes})" for path in source.paths()]
    if source.channels:
        opened = [f"Part(channels={source.channels}).of({each})" for each in opened]
    return opened[0] if len(opened) == 1 else f"[{', '.join(opened)}]"


def _frames(source: Source) -> str:
    """Return Python that gives a list of the images, with NaN where nothing was measured."""
    several = "[images]" if len(source.paths()) == 1 else "images"
    return f"[as_measured(masked(image, 'nan')) for image in {several}]" if source.has_gaps else several


def of_look(source: Source) -> Lines:
    """Return the lines that diagnose."""
    return Lines(
        command=_remark(source)
        + _words("quietscope", "diagnose", *source.paths(), *_read_with(source, has_parts=False)),
        python=_remark(source)
        + "from quietscope import read_image\n"
        + _PART * bool(source.channels)
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
    part = "" if source is None or not source.channels else f", part=Part(channels={source.channels})"
    return Lines(
        command=remark + _words(*words, *(["--resume"] if resume else [])),
        python=f"{remark}from quietscope import plan_train, run\n{_PART * bool(part)}\n"
        f"settings = {dict(settings)!r}\n"
        f"run(plan_train({images}, {folder!r}, settings{told}{part}))",
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
        python=f"{_remark(source)}from quietscope import Denoiser, read_image\n{_PART * bool(source.channels)}\n"
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
    path = source.paths()[0]
    options, chosen = _part_of(source, path, part)
    words = ["quietscope", "predict", model, path, *_read_with(source), *options, "--save", "samples"]
    return Lines(
        command=_remark(source) + _words(*words, "--samples", num_samples, "-o", _result_name(path, "sampled")),
        python=f"{_remark(source)}from quietscope import Denoiser, read_image\nfrom quietscope.io import Part\n\n"
        f"part = {chosen}\n"
        f"samples = Denoiser.load({model!r}).sample(part, num_samples={num_samples})",
    )


def of_objects(
    source: Source, model: str, num_samples: int, diameter: float, channel: int, part: Mapping[str, tuple[int, int]]
) -> Lines:
    """Return the lines that segment samples.

    Args:
        source: The layer.
        model: File of the model.
        num_samples: How many samples.
        diameter: About how large an object is, in pixels.
        channel: Which channel, from 0.
        part: As for `of_samples`; empty for all frames.

    Returns:
        The lines.
    """
    path = source.paths()[0]
    options, chosen = _part_of(source, path, part)
    words = ["quietscope", "segment", model, path, *_read_with(source), *options, "--diameter", f"{diameter:g}"]
    words += ["--channel", str(channel)] if channel else []
    mask = (
        ("from quietscope.data.mask import masked\n", f"masked({chosen}, 'nan')") if source.has_gaps else ("", chosen)
    )
    also = f", channel={channel}" if channel else ""
    return Lines(
        command=_remark(source) + _words(*words, "--samples", num_samples, "-o", _stem(path) + "_objects"),
        python=f"{_remark(source)}from quietscope import Denoiser, read_image\n"
        "from quietscope.consensus import segment\n"
        "from quietscope.consensus.existence_file import existence_named\n"
        f"from quietscope.consensus.segmenters import Chosen\n{mask[0]}"
        f"from quietscope.io import Part\n\n"
        f"image = {mask[1]}\nchosen = Chosen(diameter={diameter:g})\n"
        "existence, _ = existence_named(None, chosen.name)\n"
        f"found = segment(Denoiser.load({model!r}), image, chosen.segmenters(), num_samples={num_samples}, "
        f"existence=existence{also})\n"
        f"print(found.frames[0].count, found.frames[0].objects)",
    )


def _part_of(source: Source, path: str, part: Mapping[str, tuple[int, int]]) -> tuple[list[str], str]:
    """Return the options that choose a part of an image, and Python that opens it."""
    options, inside = list[str](), [f"channels={source.channels}"] if source.channels else []
    for letter, option, name in (("T", "--frames", "frames"), ("Z", "--planes", "planes")):
        if letter in part:
            options += [option, "{}:{}".format(*part[letter])]
            inside.append("{}=slice({}, {})".format(name, *part[letter]))
    if "Y" in part:
        sides = [part["Y"], part["X"]]
        options += ["--region", ",".join(f"{low}:{high}" for low, high in sides)]
        inside.append(f"region=({', '.join(f'slice({low}, {high})' for low, high in sides)})")
    axes = f", axes={source.axes!r}" if source.axes else ""
    return options, f"Part({', '.join(inside)}).of(read_image({path!r}{axes}))"


def parts_of(axes: str, shape: Sequence[int], box: Sequence[slice]) -> dict[str, tuple[int, int]]:
    """Return which part of an image a box is, by the letters that the command line takes parts along.

    Args:
        axes: Axes of the image.
        shape: Its shape.
        box: First pixel of the part, and that behind the last, along every axis.
    """
    sides = {letter: (side.start, side.stop) for letter, side in zip(axes, box, strict=True)}
    sizes = dict(zip(axes, shape, strict=True))
    parts = {letter: sides[letter] for letter in "TZ" if letter in sides and sides[letter] != (0, sizes[letter])}
    if any(sides[letter] != (0, sizes[letter]) for letter in "YX"):
        parts |= {letter: sides[letter] for letter in "YX"}
    counted = [letter for letter in axes if letter not in "TZCSYX"]
    if "T" not in axes and len(counted) == 1 and sides[counted[0]] != (0, sizes[counted[0]]):
        parts["T"] = sides[counted[0]]
    return parts


def _stem(path: str) -> str:
    """Return the name of an image without its ending."""
    from pathlib import Path

    from quietscope.pipeline.files import split_name

    return split_name(Path(path).name)[0]


def _result_name(path: str, word: str) -> str:
    """Return the name of a result beside its image: ``cells_denoised.ome.tif``."""
    return f"{_stem(path)}_{word}.ome.tif"
