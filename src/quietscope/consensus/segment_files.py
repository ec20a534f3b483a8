"""What `quietscope segment` writes into a folder: labels, agreement, tables and a picture."""

import csv
import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.segmenting import Segmented, SegmentedFrame
from quietscope.consensus.spread import Interval
from quietscope.io import atomic_path, write_bytes_atomically, write_image
from quietscope.io.atomic import check_target
from quietscope.io.segment_names import (
    AGREEMENT,
    ALWAYS,
    COUNTS,
    LABELS,
    OBJECTS,
    OVERLAY,
    PROBABILITY,
    SEGMENTATION,
    ZARR,
)

_LEAST_LABELS = 65535


def is_zarr(path: Path | None) -> bool:
    """Tell whether an image came as OME-Zarr, which has a place for labels."""
    return path is not None and path.is_dir() and path.name.rstrip("/").endswith(".zarr")


def names_of(path: Path | None) -> tuple[str, ...]:
    """Return the names of what is written for an image of a path."""
    return (*ALWAYS, ZARR) if is_zarr(path) else ALWAYS


def check_folder(folder: Path, path: Path | None, *, overwrite: bool) -> None:
    """Refuse a folder in which something stands in the way, before any work is done.

    Raises:
        OutputError: If a result exists and `overwrite` is false, or nothing can be written there.
    """
    if not folder.exists():
        check_target(folder, overwrite=False)
        return
    for name in (*names_of(path), SEGMENTATION):
        check_target(folder / name, overwrite, replaceable=is_zarr if name == ZARR else None)


def check_inside(folder: Path, name: str, *, overwrite: bool) -> None:
    """Refuse a file that stands in the way in a folder, which need not be there yet.

    Raises:
        OutputError: If it exists and `overwrite` is false.
    """
    if folder.exists():
        check_target(folder / name, overwrite)


def write_segmented(found: Segmented, folder: Path, *, overwrite: bool = False) -> dict[str, Path]:
    """Write what was found: each file is whole, and of a folder all are there or none that was not before.

    Args:
        found: What was found.
        folder: Where; it is made if need be.
        overwrite: Whether results that exist may be replaced.

    Returns:
        The files by what they are.

    Raises:
        OutputError: If one cannot be written.
    """
    check_folder(folder, found.image.path, overwrite=overwrite)
    files = {name: folder / name for name in names_of(found.image.path)}
    with _all_or_none(folder, list(files.values())):
        _write_all(found, files, overwrite=overwrite)
    return {name.partition(".")[0] if name != ZARR else "zarr": path for name, path in files.items()}


@contextmanager
def _all_or_none(folder: Path, files: Sequence[Path]) -> Iterator[None]:
    """Make a folder for files, and take away what is new of both where the block does not come to its end."""
    is_new = not folder.exists()
    new = [path for path in files if not path.exists()]
    folder.mkdir(exist_ok=True)
    try:
        yield
    except BaseException:
        for path in new:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if is_new:
            with suppress(OSError):  # something else has come to lie there
                folder.rmdir()
        raise


def _write_all(found: Segmented, files: Mapping[str, Path], *, overwrite: bool) -> None:
    labels = found.labels.astype(np.uint16 if found.labels.max(initial=0) <= _LEAST_LABELS else np.int32)
    for name, pixels in ((LABELS, labels), (AGREEMENT, found.agreement), (PROBABILITY, found.probability)):
        write_image(files[name], pixels, found.axes, **_about(found), overwrite=overwrite)
    write_bytes_atomically(files[OBJECTS], objects_csv(found).encode(), overwrite=overwrite)
    write_bytes_atomically(files[COUNTS], counts_csv(found).encode(), overwrite=overwrite)
    _write_overlay(found, files[OVERLAY], overwrite=overwrite)
    if ZARR in files:
        _write_zarr(found, labels, files[ZARR], overwrite=overwrite)


def objects_csv(found: Segmented) -> str:
    """Return the table of objects: its probability, and area, intensity and centre, each with its interval.

    Areas are pixels (voxels of volumes), positions pixels from the first; with ``_um`` they are micrometres, where the
    size of a pixel is known.
    """
    places = [letter for letter in found.axes if letter not in found.spatial]
    size = {letter: found.image.pixel_size_um.get(letter) for letter in found.spatial}
    unit = np.prod([each or np.nan for each in size.values()])
    header = [*places, "object", "probability", "samples", *_named("area"), *_named("intensity")]
    header += [name for letter in found.spatial for name in _named(letter.lower())]
    is_known = np.isfinite(unit)
    if is_known:
        header += _named(f"area_um{len(found.spatial)}")
        header += [name for letter in found.spatial for name in _named(f"{letter.lower()}_um")]
    rows = []
    for frame in found.frames:
        for each in frame.objects:
            row: list[Any] = [*frame.at.values(), each.label, f"{each.probability:.4f}", each.num_samples]
            row += [*_numbers(each.area), *_numbers(each.intensity)]
            row += [number for axis in each.position for number in _numbers(axis)]
            if is_known:
                row += _numbers(each.area, float(unit))
                for letter, axis in zip(found.spatial, each.position, strict=True):
                    row += _numbers(axis, float(size[letter] or np.nan))
            rows.append(row)
    return _csv(header, rows)


def counts_csv(found: Segmented) -> str:
    """Return the table of counts: a line for each frame, with the interval and what every sample has.

    The interval is wider than what the samples have by the factor "widening".
    """
    places = [letter for letter in found.axes if letter not in found.spatial]
    num = max(len(frame.counts) for frame in found.frames)
    header = [*places, "count", "count_low", "count_high", "failures", "widening"]
    header += [f"sample_{n}" for n in range(num)]
    rows = [
        [*frame.at.values(), *_whole(frame.count), len(frame.failures), f"{found.widening:.7g}", *_padded(frame, num)]
        for frame in found.frames
    ]
    return _csv(header, rows)


def _padded(frame: SegmentedFrame, num: int) -> list[Any]:
    return [*map(int, frame.counts), *[""] * (num - len(frame.counts))]


def _named(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"]


def _numbers(found: Interval, factor: float = 1.0) -> list[str]:
    numbers = (found.value, found.low, found.high)
    return [f"{factor * number:.6g}" if np.isfinite(number) else "" for number in numbers]


def _whole(found: Interval) -> list[int]:
    return [round(found.value), round(found.low), round(found.high)]


def _csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _about(found: Segmented) -> Mapping[str, Any]:
    image = found.image
    return {
        "pixel_size_um": {k: v for k, v in image.pixel_size_um.items() if k in found.axes},
        "frame_interval_s": image.frame_interval_s if "T" in found.axes else None,
    }


def _write_overlay(found: Segmented, path: Path, *, overwrite: bool) -> None:
    """Draw the first frame, of a volume the plane with the most on it: green outlines are sure, red ones are not."""
    from matplotlib.image import imsave
    from skimage.segmentation import find_boundaries

    frame = found.frames[0]
    labels, mean = found.labels[frame.index], found.mean[frame.index]
    if labels.ndim == 3:
        plane = int(np.argmax(np.count_nonzero(labels, axis=(1, 2))))
        labels, mean = labels[plane], mean[plane]
    low, high = np.nanpercentile(mean, (0.5, 99.8))
    grey = np.nan_to_num(np.clip((mean - low) / max(float(high - low), np.finfo(np.float32).tiny), 0.0, 1.0))
    drawn = np.repeat((255.0 * grey)[..., None], 3, axis=2).astype(np.uint8)
    sure = np.concatenate([[0.0], [each.probability for each in frame.objects]])[labels]
    colours = np.stack([1.0 - sure, sure, np.zeros_like(sure)], axis=-1)
    outlines = find_boundaries(labels, mode="inner")
    drawn[outlines] = np.round(255.0 * colours[outlines]).astype(np.uint8)
    file = io.BytesIO()
    imsave(file, drawn, format="png")
    write_bytes_atomically(path, file.getvalue(), overwrite=overwrite)


def _write_zarr(found: Segmented, labels: npt.NDArray[Any], path: Path, *, overwrite: bool) -> None:
    """Write the mean of the samples as OME-Zarr, with the labels and the probability where NGFF has labels.

    NGFF knows labels of integers alone: the probability is there in percent.
    """
    import zarr

    percent = np.round(100.0 * found.probability).astype(np.uint8)
    with atomic_path(path, overwrite=overwrite, replaceable=is_zarr) as temporary:
        whole = temporary.with_suffix(".ome.zarr")
        write_image(whole, found.mean, found.axes, **_about(found))
        group = zarr.open_group(str(whole), mode="r+")
        parts = {"objects": labels, "probability_percent": percent}
        group.create_group("labels").attrs.update({"ome": {"version": "0.5", "labels": list(parts)}})
        for name, pixels in parts.items():
            part = whole / "labels" / f"{name}.ome.zarr"
            write_image(part, pixels, found.axes, **_about(found))
            part.rename(whole / "labels" / name)
            label = zarr.open_group(str(whole / "labels" / name), mode="r+")
            block: Any = dict(label.attrs["ome"])
            label.attrs["ome"] = {**block, "image-label": {"source": {"image": "../../"}}}
        whole.rename(temporary)
