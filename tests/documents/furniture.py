"""What pages take for granted and do not make: images, a model, plates, large volumes, groups, pages of a book.

Of what takes time, there is what a page names.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zarr

from quietscope import Denoiser, read_image, write_image
from tests.consensus.test_reading_pages import rendered
from tests.documents.running import SIDE, make_images
from tests.io.test_ngff_collections import add_image, wrapped

Pixels = npt.NDArray[np.uint16]
MODEL = re.compile(r"^quietscope \w+ model\.safetensors", re.MULTILINE)
WORDS = ("a line of what was printed once", "and a second one below it", "the last of this page")


def furnish_for(text: str, folder: Path) -> None:
    """Write the images and models that a page speaks of."""
    make_images(folder)
    cells = np.asarray(read_image(folder / "cells.tif"))
    if MODEL.search(text):
        Denoiser(method="instant", steps=1).fit(cells, axes="TYX", progress=False).save(folder / "model.safetensors")
    if "plate.ome.zarr" in text:
        _make_plate(folder / "plate.ome.zarr", cells)
    if "scans/" in text:
        (folder / "scans").mkdir()
        for path in (folder / "scans" / "1.tif", folder / "page.tif"):
            write_image(path, _page(), "YX")
        write_image(folder / "book.tif", np.stack([_page(), _page()]), "TYX")
    for name, pixels in (
        ("big.ome.zarr", np.tile(cells[0], (2, 2))),
        ("slide.tif", cells[0]),
        ("spots.tif", _spots()),
        ("treated/1.tif", cells[0]),
        ("treated/2.tif", cells[1]),
        ("control/1.tif", cells[0]),
        ("control/2.tif", cells[1]),
    ):
        if name.split("/")[0] in text:
            (folder / name).parent.mkdir(exist_ok=True)
            write_image(folder / name, pixels, "YX")


def _make_plate(path: Path, fields: Pixels) -> None:
    """Write a plate of one well with one field."""
    plate = zarr.open_group(str(path), mode="w", zarr_format=3)
    wells = [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}]
    told = {"name": "p", "rows": [{"name": "A"}], "columns": [{"name": "1"}], "wells": wells, "field_count": 1}
    plate.attrs.update(wrapped("0.5", {"plate": {"version": "0.5", **told}}))
    well = plate.create_group("A/1")
    well.attrs.update(wrapped("0.5", {"well": {"version": "0.5", "images": [{"path": "0"}]}}))
    add_image(well.create_group("0"), "0.5", fields[:1])


def _page() -> Pixels:
    lines = [rendered(line) for line in WORDS]
    page = np.full((sum(len(line) for line in lines), max(line.shape[1] for line in lines)), lines[0].max(), np.float32)
    top = 0
    for line in lines:
        page[top : top + len(line), : line.shape[1]] = line
        top += len(line)
    return np.random.default_rng(0).poisson(page).astype(np.uint16)


def _spots() -> Pixels:
    rng = np.random.default_rng(0)
    light = np.full((SIDE, SIDE), 30.0)
    light[10:-10:12, 10:-10:12] += 400.0
    return rng.poisson(light).astype(np.uint16)
