"""One good file of every kind that QuietScope reads, each with its reader, for `quietscope.testing.mutations`."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quietscope.data.normalize import Statistics
from quietscope.deploy.card import KEY, Card
from quietscope.deploy.formats import read_card
from quietscope.importers import import_model
from quietscope.io import Storage, read_image, write_image
from quietscope.io.tensor_file import HEADER_KEY
from quietscope.methods import METHODS
from quietscope.model.file import ModelCard, load_model, save_model
from quietscope.noise import GaussianMixture, PoissonGaussian
from quietscope.noise.noise_file import load_noise_model, save_noise_model
from quietscope.presets import Configuration, read_configuration
from quietscope.psf.psf import read_psf
from quietscope.testing.mutations import Subject
from quietscope.training.checkpoint import RESUME_FILE, read_checkpoint, write_checkpoint

_NETWORK = {"filters": [4, 4], "latent_channels": [2, 2], "blocks": 1, "final_blocks": 1, "stem_filters": 4}
_YAML = """\
method: hdn
preset: fast
noise: sigma=15
seed: 3
network: {filters: [8, 8], latent_channels: [4, 4], dropout: 0.1}
training:
  batch_size: 8
  learning_rate: 0.001
  betas: [0.9, 0.99]
"""


def subjects(folder: Path) -> list[Subject]:
    """Write one file of every kind.

    Args:
        folder: Where to write, empty.

    Returns:
        The files and their readers.
    """
    return [
        *_images(folder),
        *_vendor_images(folder),
        *_models(folder),
        *_cards(folder),
        *_others(folder),
        *_foreign(folder),
    ]


def _pixels(path: Path) -> npt.NDArray[Any]:
    """Read an image as a run does, but no more than a corner of one plane."""
    image = read_image(path, series=0)  # damage may split a file into many, which a person is told
    corner = (slice(0, 64), slice(0, 64))
    return np.asarray(image.data[(0,) * (image.ndim - 2) + corner[: image.ndim]])


def _images(folder: Path) -> Iterator[Subject]:
    import tifffile

    planes = np.random.default_rng(0).poisson(100, (2, 24, 32)).astype(np.uint16)
    size = {"X": 0.1, "Y": 0.1}
    for name in ("plain.tif", "meta.ome.tif", "array.npy"):
        write_image(folder / name, planes, "CYX", pixel_size_um=size, channel_names=("red", "green"))
        yield Subject(name=name, file=folder / name, read=partial(_pixels, folder / name))
    write_image(
        folder / "deep.ome.tif", np.tile(planes, 20), "CYX", storage=Storage(compression="lzw", pyramid=True, chunk=16)
    )
    yield Subject(name="deep.ome.tif", file=folder / "deep.ome.tif", read=partial(_pixels, folder / "deep.ome.tif"))
    tifffile.imwrite(folder / "tiled.tif", planes, compression="zlib", tile=(16, 16), photometric="minisblack")
    yield Subject(name="tiled.tif", file=folder / "tiled.tif", read=partial(_pixels, folder / "tiled.tif"))
    write_image(folder / "plane.png", planes[0], "YX")
    yield Subject(name="plane.png", file=folder / "plane.png", read=partial(_pixels, folder / "plane.png"))
    zarr = folder / "stack.ome.zarr"
    write_image(zarr, planes, "CYX", pixel_size_um=size, channel_names=("red", "green"))
    chunk = next(each for each in sorted((zarr / "0" / "c").rglob("*")) if each.is_file())
    for file in (zarr / "zarr.json", zarr / "0" / "zarr.json", chunk):
        name = f"ome.zarr {file.relative_to(zarr).as_posix()}"
        header = json.loads(file.read_bytes()) if file.suffix == ".json" else None
        read = partial(_pixels, zarr)
        yield Subject(name=name, file=file, read=read, header=header, pack=_json if header else None)
    yield from _plate(folder / "plate.ome.zarr", planes[0])
    bead = np.exp(-0.3 * (np.arange(-4, 5) ** 2 + (np.arange(-4, 5) ** 2)[:, None])).astype(np.float32)
    write_image(folder / "psf.tif", bead, "YX")
    yield Subject(name="psf.tif", file=folder / "psf.tif", read=partial(read_psf, folder / "psf.tif"))


def _plate(path: Path, plane: npt.NDArray[Any]) -> Iterator[Subject]:
    """Write a plate of one well, and an image in bioformats2raw's layout, of both the files that tell what is where."""
    field, raw = path / "A" / "1" / "0", path.with_name("raw.ome.zarr")
    for place in (field, raw / "0"):
        place.parent.mkdir(parents=True)
        write_image(place.with_suffix(".ome.zarr"), plane, "YX", storage=Storage(shard=True))
        place.with_suffix(".ome.zarr").rename(place)
    (raw / "OME").mkdir()
    xml = raw / "OME" / "METADATA.ome.xml"
    xml.write_text(
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" Name="cells"><Pixels '
        'ID="Pixels:0" PhysicalSizeX="0.1"><Channel ID="Channel:0" Color="255" Name="red"/></Pixels></Image></OME>'
    )
    told: dict[Path, dict[str, Any]] = {
        path / "zarr.json": {"plate": {"wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}]}},
        field.parent / "zarr.json": {"well": {"images": [{"path": "0"}]}},
        raw / "zarr.json": {"bioformats2raw.layout": 3},
        xml.with_name("zarr.json"): {"series": ["0"]},
    }
    headers: dict[Path, Any] = {
        file: {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", **each}}}
        for file, each in told.items()
    }
    for file, values in headers.items():
        file.write_bytes(_json(values))
    for file in (*headers, xml):
        root = path if file.is_relative_to(path) else raw
        name, header = f"{root.name} {file.relative_to(root).as_posix()}", headers.get(file)
        yield Subject(name=name, file=file, read=partial(_pixels, root), header=header, pack=_json if header else None)


def _vendor_images(folder: Path) -> Iterator[Subject]:
    """Write files that libraries of the extra "formats" write."""
    import h5py
    import mrcfile
    from pylibCZIrw import czi

    planes = np.random.default_rng(0).poisson(100, (2, 24, 32)).astype(np.uint16)
    with czi.create_czi(str(folder / "planes.czi")) as document:
        for number, plane in enumerate(planes):
            document.write(plane, plane={"C": number})
        document.write_metadata("made", channel_names={0: "red", 1: "green"}, scale_x=1e-7, scale_y=1e-7)
    with h5py.File(folder / "planes.h5", "w") as file:
        file.create_dataset("planes", data=planes, chunks=(1, 8, 8), compression="gzip")
    with mrcfile.new(folder / "planes.mrc") as stack:
        stack.set_data(planes)
    n5 = {"dimensions": [32, 24, 2], "blockSize": [32, 24, 2], "dataType": "uint16", "compression": {"type": "gzip"}}
    for part, content in (
        ("attributes.json", json.dumps({"n5": "2.5.1"}).encode()),
        ("planes/attributes.json", json.dumps(n5).encode()),
        ("planes/0/0/0", _n5_block(planes)),
    ):
        path = folder / "planes.n5" / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield Subject(name=f"planes.n5 {part}", file=path, read=partial(_pixels, folder / "planes.n5"))
    for name in ("planes.czi", "planes.h5", "planes.mrc"):
        yield Subject(name=name, file=folder / name, read=partial(_pixels, folder / name))


def _n5_block(pixels: npt.NDArray[np.uint16]) -> bytes:
    header = np.array([3], ">u4").tobytes() + np.array(pixels.shape[::-1], ">u4").tobytes()
    return header + gzip.compress(pixels.astype(">u2").tobytes(), mtime=0)


def _models(folder: Path) -> Iterator[Subject]:
    values = {"method": "hdn", "network": _NETWORK}
    configuration = Configuration.of(values)
    statistics = Statistics(torch.tensor([100.0]), torch.tensor([20.0]))
    noise = PoissonGaussian(gain=0.5, offset=0.0, read_noise=3.0)
    method = METHODS["hdn"].build(configuration.method_settings(), statistics, [noise])
    path = folder / "model.safetensors"
    save_model(path, method, ModelCard(configuration=configuration, axes="YX", pixel_size_um={"X": 0.1}))
    yield _tensors(path, partial(load_model, path))
    mixture = GaussianMixture(torch.zeros(9, 2), min_signal=0.0, max_signal=500.0)
    for name in ("noise.safetensors", "noise.npz"):
        save_noise_model(folder / name, mixture)
    yield _tensors(folder / "noise.safetensors", partial(load_noise_model, folder / "noise.safetensors"))
    yield Subject(name="noise.npz", file=folder / "noise.npz", read=partial(load_noise_model, folder / "noise.npz"))
    edges = np.linspace(0, 100, 9)
    lower, upper = (np.broadcast_to(side[:, None], (8, 8)) for side in (edges[:-1], edges[1:]))
    np.save(folder / "noise.npy", np.stack([np.eye(8) * 0.8 + 0.025, lower, upper]))
    yield Subject(name="noise.npy", file=folder / "noise.npy", read=partial(load_noise_model, folder / "noise.npy"))


def _cards(folder: Path) -> Iterator[Subject]:
    """Write files of exported models that hold a card and no network; only their cards are read."""
    two = {"size_multiple": (4, 4), "halo": (8, 8), "reach": (0, 0)}
    sizes: dict[str, Any] = {"spatial_dims": 2, "num_channels": 1, **two}
    text = Card(method="hdn", outputs=("denoised",), axes="YX", training={"steps": 9.0}, **sizes).to_json()
    packs = {"card.xml": _xml, "card.onnx": _onnx, "card.pt2": _program, "card.zip": _package}
    for name, pack in packs.items():
        path = folder / name
        path.write_bytes(pack(json.loads(text)))
        yield Subject(name=name, file=path, read=partial(read_card, path), header=json.loads(text), pack=pack)


def _xml(card: Any) -> bytes:
    attribute = json.dumps(card).replace("&", "&amp;").replace('"', "&quot;")
    return f'<net name="m"><rt_info><{KEY} value="{attribute}"/></rt_info></net>'.encode()


def _onnx(card: Any) -> bytes:
    return _field(2, b"producer") + _field(14, _field(1, KEY.encode()) + _field(2, _json(card)))


def _program(card: Any) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"model/extra/{KEY}", _json(card))
    return made.getvalue()


def _package(card: Any) -> bytes:
    description = {"weights": {"onnx": {"source": "model.onnx"}}, "config": {KEY: json.dumps(card)}}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rdf.yaml", json.dumps(description, indent=1))
    return made.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _tensors(path: Path, read: Callable[[], Any]) -> Subject:
    """Return a safetensors file whose header is changed value by value."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    outer, body = json.loads(content[8 : 8 + length]), content[8 + length :]

    def pack(header: Any) -> bytes:
        text = _json({**outer, "__metadata__": {HEADER_KEY: json.dumps(header)}})
        return len(text).to_bytes(8, "little") + text + body

    header = json.loads(outer["__metadata__"][HEADER_KEY])
    return Subject(name=path.name, file=path, read=read, header=header, pack=pack)


def _field(number: int, content: bytes) -> bytes:
    """Return one field of a protocol buffer."""
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes([*length, size]) + content


def _settings(path: Path) -> Configuration:
    return Configuration.of(read_configuration(path))


def _others(folder: Path) -> Iterator[Subject]:
    settings = folder / "settings.yaml"
    settings.write_text(_YAML)
    header = {**read_configuration(settings), "budget": "5m", "steps": 9, "psf": None, "direct": None, "dims": 2}
    yield Subject(name=settings.name, file=settings, read=partial(_settings, settings), header=header, pack=_json)
    write_checkpoint(folder, {"step": 3, "weights": {"a": torch.zeros(4, 4)}, "rate": {"best": 1.0}})
    yield Subject(name=RESUME_FILE, file=folder / RESUME_FILE, read=partial(read_checkpoint, folder))


def _foreign(folder: Path) -> Iterator[Subject]:
    """Write checkpoints of another program, in both formats that PyTorch has had."""
    sizes = {
        "encoder.down_convs.0.conv1": (4, 1, 3, 3),
        "encoder.down_convs.0.conv2": (4, 4, 3, 3),
        "encoder.convmu": (2, 4, 3, 3),
        "encoder.convlogvar": (2, 4, 3, 3),
        "decoder.up_convs.0.conv1": (4, 2, 3, 3),
        "decoder.up_convs.0.conv2": (4, 4, 3, 3),
        "decoder.up_convs.0.convtranspose": (4, 4, 2, 2),
        "decoder.convrecon": (1, 4, 3, 3),
    }
    weights = {f"{name}.weight": torch.ones(size) for name, size in sizes.items()}
    weights |= {f"{name}.bias": torch.zeros(size[0]) for name, size in sizes.items()}
    beside = {"data_mean": 100.0, "data_std": np.float32(20), "gaussian_noise_std": 15.0}
    for name, is_archive in (("foreign.ckpt", True), ("older.ckpt", False)):
        path = folder / name
        content = {"state_dict": weights, "hyper_parameters": beside}
        torch.save(content, path, _use_new_zipfile_serialization=is_archive)
        yield Subject(name=name, file=path, read=partial(import_model, path))
