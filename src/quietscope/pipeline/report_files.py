"""The report of a run as a file, and made anew from what the run's folder holds."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from quietscope.errors import ModelFileError, OutputError
from quietscope.io.atomic import check_target, write_bytes_atomically
from quietscope.io.segment_names import LABELS, OBJECTS, SEGMENTATION
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError
from quietscope.outside.regular_file import read_bounded
from quietscope.outside.shown import shown
from quietscope.pipeline.events import Listener, Written
from quietscope.pipeline.files import MODEL, RECORD, REPORT
from quietscope.pipeline.training_log import METRICS
from quietscope.report.sheet.page import GENERATOR, page_of
from quietscope.report.sheet.run_record import RunRecord


def write_reports(record: RunRecord, files: Mapping[str, Path], events: Listener, *, overwrite: bool) -> None:
    """Write the report of a run, and what it is made of.

    Args:
        record: What the run has to tell.
        files: Where they go, by "record" and "report".
        events: Told what is written.
        overwrite: Whether files that exist may be replaced.

    Raises:
        OutputError: If one exists and must not be replaced, or cannot be written.
    """
    contents: dict[str, Callable[[], bytes]] = {"record": record.to_json, "report": lambda: _bytes_of(record)}
    for name, content in contents.items():
        write_bytes_atomically(files[name], content(), overwrite=overwrite)
        events(Written(name=name, path=files[name]))


def remake(folder: Path, output: Path | None = None, *, overwrite: bool = False) -> tuple[Path, Sequence[str]]:
    """Make the report of a run anew from what its folder holds.

    Args:
        folder: The folder of a run of `denoise` or `train`.
        output: File to write; None for the folder's own, which is replaced.
        overwrite: Whether a file of another name, or one that is no such report, may be replaced.

    Returns:
        The file, and what the report cannot show.

    Raises:
        ModelFileError: If the folder holds no run.
        OutputError: If the file cannot be written.
    """
    path = folder / REPORT if output is None else output
    if path.suffix.lower() != ".html":
        raise OutputError("a name that ends in .html", str(path), f"write to {path.with_suffix('.html')}")
    if not folder.is_dir():
        raise _no_run(folder, "a file" if folder.exists() else "which does not exist")
    replaceable = overwrite or (output is None and _is_ours(path))
    check_target(path, replaceable)
    record = _with_objects(_record_in(folder), folder)
    write_bytes_atomically(path, _bytes_of(record), overwrite=replaceable)
    return path, record.missing


def _with_objects(record: RunRecord, folder: Path) -> RunRecord:
    """Add what `quietscope segment` has found in a folder."""
    from quietscope.pipeline.segmented_images import segmented_images

    found, lacks = segmented_images(folder)
    return record.model_copy(update={"segmentations": found, "missing": (*record.missing, *lacks)})


def _bytes_of(record: RunRecord) -> bytes:
    return page_of(record).encode("utf-8", "backslashreplace")


def _is_ours(path: Path) -> bool:
    """Tell whether a file is a report, which may be replaced by one of the same run."""
    try:
        with path.open("rb") as file:
            return GENERATOR.encode() in file.read(4096)
    except OSError:
        return False


def _record_in(folder: Path) -> RunRecord:
    """Return what a folder tells of its run, with what it lacks."""
    place, lacks = folder / RECORD, ""
    try:
        found = RunRecord.of_json(read_bounded(place, MOST_BYTES_OF_JSON, ModelFileError, "the record of a run"))
    except FileNotFoundError:
        lacks = "is not in the folder"
    except (OSError, MalformedError, ModelFileError) as error:
        lacks = f"cannot be read ({error})"
    else:
        gone = [name for image in found.images for name in image.files if not (folder / name).exists()]
        gone += [] if (folder / MODEL).exists() else [MODEL]
        lines = tuple(f"{name}, which is no longer in the folder." for name in gone)
        return found.model_copy(update={"missing": (*found.missing, *lines)})
    return _from_model(folder, f"Verdicts, scores and times of images: {RECORD}, which keeps them, {shown(lacks)}.")


def _from_model(folder: Path, lacks: str) -> RunRecord:
    from quietscope.denoiser import Denoiser
    from quietscope.pipeline.gathering import record_of_model
    from quietscope.pipeline.older_run import with_results

    if not (folder / MODEL).is_file():
        raise _no_run(folder, f"which has neither {RECORD} nor {MODEL}")
    denoiser = Denoiser.load(folder / MODEL, device="cpu")
    record = with_results(record_of_model(denoiser, folder), folder, denoiser)
    missing = [lacks, *record.missing]
    if not record.curves:
        missing.append(f"Training curves: {METRICS.as_posix()} is not in the folder, or holds too little.")
    return record.model_copy(update={"missing": tuple(missing)})


def _no_run(folder: Path, what: str) -> ModelFileError:
    if all((folder / name).is_file() for name in (LABELS, OBJECTS)):
        page = folder / SEGMENTATION
        fix = f"open {page}" if page.is_file() else "run `quietscope segment` again to make it anew"
        what = f"{folder}, where `quietscope segment` has left a report of its own, {SEGMENTATION}"
        return ModelFileError("the folder of a run of `denoise`, `demo` or `train`", what, fix)
    return ModelFileError(
        "the folder of a run",
        f"{folder}, {what}",
        "name one that `quietscope denoise IMAGES -o FOLDER` or `quietscope train IMAGES -o FOLDER` has made",
    )
