"""Packages of the BioImage Model Zoo: a zip of an ONNX model, a description, and a test input with its output."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quietscope.axes import NO_CONTEXT
from quietscope.deploy.card import KEY, Card
from quietscope.errors import ExportError
from quietscope.export.centre import Centre, centred
from quietscope.export.graph import Graph
from quietscope.export.onnx import OPSET, save_onnx, to_onnx
from quietscope.export.program import as_export_errors, quiet
from quietscope.export.target import Target
from quietscope.io.alive import workshop
from quietscope.methods import METHODS
from quietscope.optional import imported
from quietscope.training.report_words import training_rows

LICENSE = "BSD-3-Clause"
_AUTHOR = "the QuietScope authors"
_TEST_SEED = 0
_PICTURE = 512
_LEAST_TEST_SIDE = 128
_BITS_OF_SCALE = 36


def write_package(graph: Graph, path: Path, card: Card) -> None:
    """Write a package.

    Args:
        graph: A graph with one input image; it may have several output images.
        path: Where to write, ending in .zip.
        card: The model's card.

    Raises:
        ExportError: If bioimageio.core or a library for ONNX is not installed, or the description is not valid.
    """
    if card.history.normalize == "each":
        raise ExportError(
            "a model that knows intensities, as the BioImage Model Zoo describes them",
            "one that normalises each image by itself",
            "export it to .onnx, which `quietscope predict` takes, or train on images of one scale",
        )
    if card.history.context != NO_CONTEXT:
        raise ExportError(
            "a model of single planes or of volumes in space, as the BioImage Model Zoo describes them",
            "one that sees several frames in time or depth",
            "export it to .onnx, which `quietscope predict` takes",
        )
    imported("bioimageio.core", ExportError)
    spec = imported("bioimageio.spec", ExportError)
    model = imported("bioimageio.spec.model.v0_5", ExportError)
    with workshop(path.resolve()) as folder, quiet(), as_export_errors("the BioImage Model Zoo"):
        save_onnx(to_onnx(graph), folder / "model.onnx", card)
        tensors = _test_tensors(graph)
        for key, values in tensors.items():
            np.save(folder / f"test_{key}.npy", values)
        _draw_cover(folder / "cover.png", tensors["x"], tensors["denoised"])
        (folder / "README.md").write_text(_documentation(graph, card), encoding="utf-8")
        with spec.ValidationContext(perform_io_checks=False, root=folder):
            spec.save_bioimageio_package(_description(model, graph, card, folder), output_path=path)


def _description(model: Any, graph: Graph, card: Card, folder: Path) -> Any:
    outputs = [
        model.OutputTensorDescr(
            id=model.TensorId(name),
            description=_OUTPUTS[name],
            axes=_axes(model, card, is_output=True),
            test_tensor=model.FileDescr(source=folder / f"test_{name}.npy"),
            data=model.IntervalOrRatioDataDescr(type="float32"),
        )
        for name in graph.output_names
    ]
    return model.ModelDescr(
        name=f"QuietScope {card.method} {card.spatial_dims}D",
        description=_summary(graph, card),
        authors=[model.Author(name=_AUTHOR)],
        cite=_cite(model, card),
        license=LICENSE,
        documentation=model.FileDescr(source=folder / "README.md"),
        covers=[model.FileDescr(source=folder / "cover.png")],
        tags=["denoising", "fluorescence-light-microscopy", "unsupervised", f"{card.spatial_dims}d", card.method],
        version=model.Version("0.1.0"),
        inputs=[
            model.InputTensorDescr(
                id=model.TensorId("x"),
                description="noisy image in the camera's own intensity units; statistics are inside the model",
                axes=_axes(model, card, is_output=False),
                test_tensor=model.FileDescr(source=folder / "test_x.npy"),
                data=model.IntervalOrRatioDataDescr(type="float32"),
            )
        ],
        outputs=outputs,
        weights=model.WeightsDescr(onnx=model.OnnxWeightsDescr(source=folder / "model.onnx", opset_version=OPSET)),
        config=model.Config(**{KEY: card.to_json()}),
    )


def _axes(model: Any, card: Card, *, is_output: bool) -> list[Any]:
    names = [_plain(each) for each in card.channel_names] or [f"channel{n}" for n in range(card.num_channels)]
    axes = [model.BatchAxis(size=1), model.ChannelAxis(channel_names=names)]
    letters = "zyx"[-card.spatial_dims :]
    for letter, step, halo in zip(letters, card.size_multiple, card.halo, strict=True):
        scale, unit = card.pixel_size_um.get(letter.upper()), None
        common: dict[str, Any] = {"id": model.AxisId(letter)}
        if scale:
            unit = "micrometer"
            common |= {"scale": exact_scale(scale, halo), "unit": unit}
        if is_output:
            reference = model.SizeReference(tensor_id=model.TensorId("x"), axis_id=model.AxisId(letter))
            axes.append(model.SpaceOutputAxisWithHalo(size=reference, halo=halo, **common))
        else:
            # The part of the image between its two halos must be at least one step long.
            least = step + -(-2 * halo // step) * step
            axes.append(model.SpaceInputAxis(size=model.ParameterizedSize(min=least, step=step), **common))
    return axes


def exact_scale(size: float, halo: int) -> float:
    """Return a pixel size by which numbers of pixels can be multiplied and divided without rounding.

    Of an axis that has the size and pixels of another, the specification has `n * scale / scale` rounded down, and
    refuses a halo where that is no integer: 48 x 0.1 / 0.1 is 47.99... in float64. With 36 significant bits of 53,
    products with integers up to 2^17 are exact. Where a size so near has it, `halo / scale * scale` is the halo too.

    Args:
        size: Pixel size in micrometres, positive.
        halo: Pixels of the halo.

    Returns:
        The nearest such size; it differs by less than 1e-9 of it.
    """
    mantissa, exponent = math.frexp(size)
    nearest = round(math.ldexp(mantissa, _BITS_OF_SCALE))
    near = [math.ldexp(nearest + step, exponent - _BITS_OF_SCALE) for step in sorted(range(-20, 21), key=abs)]
    return next((scale for scale in near if int(halo / scale * scale) == halo), near[0])


def _plain(name: str) -> str:
    """Return a channel's name without the characters that the specification does not allow."""
    return "".join(each if each.isalnum() else "_" for each in name).strip("_") or "channel"


def _test_tensors(graph: Graph) -> dict[str, np.ndarray]:
    # At least as large as two halos and one step between them, the smallest size that the description allows.
    size = tuple(_least_size(graph))
    (x,) = graph.example_inputs(size, seed=_TEST_SEED)
    smooth = torch.nn.functional.avg_pool2d(x.flatten(0, -3)[:, None], 9, 1, 4, count_include_pad=False)
    x = smooth.reshape(x.shape) * 0.8 + 0.2 * x
    with torch.inference_mode():
        found = graph(x)
    return {"x": x.numpy()} | {name: each.numpy() for name, each in zip(graph.output_names, found, strict=True)}


def _least_size(graph: Graph) -> list[int]:
    from quietscope.tiling.spec import default_halo

    halos = default_halo(graph.method)
    sizes = [m + -(-2 * halo // m) * m for m, halo in zip(graph.size_multiple, halos, strict=True)]
    wanted = [_LEAST_TEST_SIDE if n >= graph.spatial_dims - 2 else 1 for n in range(graph.spatial_dims)]
    return [max(size, -(-least // m) * m) for size, least, m in zip(sizes, wanted, graph.size_multiple, strict=True)]


def _draw_cover(path: Path, noisy: np.ndarray, denoised: np.ndarray) -> None:
    """Draw the noisy and the denoised image side by side, with one brightness scale."""
    from skimage.io import imsave
    from skimage.transform import resize

    def plane(image: np.ndarray) -> np.ndarray:
        first = image[0, 0]
        return np.asarray(first if first.ndim == 2 else first[len(first) // 2])

    both = np.concatenate([plane(noisy), plane(denoised)], axis=1)
    low, high = np.percentile(both, (0.5, 99.5))
    shown = np.clip((both - low) / max(float(high - low), 1e-12), 0.0, 1.0)
    shown = resize(shown, (_PICTURE // 2, _PICTURE), order=0)
    imsave(path, (255 * shown).astype(np.uint8), check_contrast=False)


def _cite(model: Any, card: Card) -> list[Any]:
    citation = METHODS[card.method].citation if card.method in METHODS else None
    if citation is None:
        return []
    return [model.CiteEntry(text=citation.text, doi=citation.doi or None, url=citation.url or None)]


_OUTPUTS = {
    "denoised": "denoised image in the intensity units of the input",
    "deviation": "standard deviation of the denoised image, in the intensity units of the input",
    "deconvolved": "denoised image without the microscope's blur, in the intensity units of the input",
}
_ZERO_NOISE = (
    "The method samples a posterior; this model returns one image, made with all latent noise set to zero. This image "
    "is not the mean of many samples and comes without an uncertainty. For the mean in one pass, distill a direct "
    "denoiser and export it (`quietscope distill MODEL IMAGES -o direct.safetensors`)."
)


def _summary(graph: Graph, card: Card) -> str:
    words = f"Denoises {card.spatial_dims}-D microscopy images like those that it was trained on, with {card.method}."
    return words + (" Latent noise is zero: one image of the posterior." if isinstance(graph.method, Centre) else "")


def _documentation(graph: Graph, card: Card) -> str:
    multiples, halos = (" x ".join(map(str, each)) for each in (card.size_multiple, card.halo))
    lines = [
        f"# QuietScope {card.method}",
        "",
        _summary(graph, card),
        "",
        "* Input and output are in the camera's intensity units. The model normalises by itself: pass raw pixels.",
        f"* Image sizes must be multiples of {multiples} pixels; tiles should overlap by {halos} pixels on each side.",
        "* The model was trained without clean images, on one kind of sample and one camera; on other samples and "
        "cameras it may invent structure.",
        f"* Use it for images of {card.num_channels} channel(s) taken with the settings of the training images.",
    ]
    if isinstance(graph.method, Centre):
        lines.append(f"* {_ZERO_NOISE}")
    lines += [
        "",
        "## Validation",
        "",
        "After export, the model was run with ONNX Runtime and its output compared with PyTorch's.",
    ]
    lines += [f"{name}: {words}  " for name, words in training_rows(card.training).items()]
    return "\n".join(lines) + "\n"


TARGET = Target(name="BioImage Model Zoo", suffix=".zip", view=centred, write=write_package, opset=OPSET)
