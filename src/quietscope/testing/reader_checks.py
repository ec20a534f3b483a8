"""The checks that `quietscope.testing.reader_contract` lists, each of one format and one extension."""

import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings

from quietscope.errors import AxesError, ImageFileError, OutputError, QuietScopeError
from quietscope.io import Format, open_writer, read_image, write_image
from quietscope.io.format import WriteRequest
from quietscope.testing.example_images import AXES, THIN, Example, check_same, example, example_of, examples

Check: TypeAlias = Callable[[Path], None]
Holds: TypeAlias = Callable[[WriteRequest], bool]
_Error = TypeVar("_Error", bound=BaseException)
_NUM_EXAMPLES = 60


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Attributes:
        fmt: The format.
        suffix: The extension.
        holds: Says of a request to write whether the format can hold it; None where that is not said.
    """

    fmt: Format
    suffix: str
    holds: Holds | None

    def can_hold(self, wanted: Example) -> bool:
        """Return whether the format says that it can hold an example; True where it says nothing."""
        return self.holds is None or self.holds(wanted.request(Path(f"image{self.suffix}")))


def keeps_every_order_of_axes(subject: Subject, dtype: str, path: Path) -> None:
    """An image of one data type comes back as it was, whatever its axes; what cannot be held is refused."""
    for axes in AXES:
        _keeps_or_refuses(example_of(axes, dtype), subject, path)


def keeps_any_image(subject: Subject, path: Path) -> None:
    """An image of any axes, sizes and data type comes back as it was, axes of length 1 aside, or is refused."""

    @settings(max_examples=_NUM_EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(examples())
    def check(wanted: Example) -> None:
        _keeps_or_refuses(wanted, subject, path)

    check()


def keeps_thin_images(subject: Subject, path: Path) -> None:
    """An image one pixel wide or high comes back as it was, or is refused."""
    for wanted in THIN:
        _keeps_or_refuses(wanted, subject, path)


def _keeps_or_refuses(wanted: Example, subject: Subject, path: Path) -> None:
    with _fresh_folder(path) as fresh:
        refusal = _caught(OutputError, partial(write_image, fresh, wanted.array(), wanted.axes))
        if refusal is None:
            assert subject.can_hold(wanted), f"{wanted} is written, though it cannot be held"
            check_same(read_image(fresh, None if subject.fmt.names_axes else wanted.axes), wanted)
            return
        assert subject.holds is None or not subject.can_hold(wanted), f"{wanted} is refused: {refusal}"
        assert "\n" not in str(refusal), "one line"
        assert subject.suffix in refusal.expected, "a refusal names the file"
        assert refusal.fix, "a refusal says what to do instead"
        assert not list(fresh.parent.iterdir()), "a refusal leaves nothing behind"


def is_written_alike(subject: Subject, other: str, path: Path) -> None:
    """A file of this extension holds the same as one of the other, with all that is known of the image."""
    stack = example_of("TYX", "uint16") if subject.can_hold(example_of("TYX", "uint16")) else example_of("YX", "uint16")
    paths = path, path.parent / f"other{other}"
    for each in paths:
        write_image(each, stack.array(), stack.axes, pixel_size_um={"X": 0.065, "Y": 0.065}, frame_interval_s=2.0)
    one, two = (read_image(each, None if subject.fmt.names_axes else stack.axes) for each in paths)
    np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    assert (one.axes, one.dtype, one.pixel_size_um) == (two.axes, two.dtype, two.pixel_size_um)
    assert one.frame_interval_s == two.frame_interval_s
    check_same(one, stack)


def keeps_metadata(subject: Subject, path: Path) -> None:
    """Pixel size and channel names of a stack of two channels come back, from a format that holds such a stack."""
    sizes, names, array = {"X": 0.065, "Y": 0.065, "Z": 0.3}, ("DAPI", "GFP µ"), example("ZCYX", np.uint16)
    write = partial(write_image, path, array, "ZCYX", pixel_size_um=sizes, channel_names=names)
    refusal = _caught(OutputError, write)
    if refusal is not None and subject.holds is None:
        return
    assert refusal is None, f"a stack with pixel size and channel names is refused: {refusal}"
    image = read_image(path)
    assert image.channel_names == names
    assert image.pixel_size_um.keys() == sizes.keys()
    for letter, size in sizes.items():
        assert np.isclose(image.pixel_size_um[letter], size, rtol=1e-6)


def _plane(path: Path) -> npt.NDArray[Any]:
    """Write one grey plane, which every format can hold."""
    write_image(path, example("YX", np.uint16), "YX")
    return example("YX", np.uint16)


@contextmanager
def _fresh_folder(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        yield Path(folder) / path.name


def reads_lazily_like_numpy(path: Path) -> None:
    """Indexing with integers, slices and ellipses equals NumPy's, and gives arrays that may be written to."""
    array = _plane(path)
    data = read_image(path).data
    for key in ((slice(2, 9), slice(3, None)), (4,), (..., 5), (slice(None, None, 2), slice(1, 8, 3)), (-1,), ...):
        block = np.asarray(data[key])
        np.testing.assert_array_equal(block, array[key])
        assert block.flags.writeable
    _expect(IndexError, lambda: data[len(array)])


def travels_between_processes(path: Path) -> None:
    """An image can be pickled, as parallel readers need."""
    array, image = _plane(path), read_image(path)
    np.asarray(image)  # so that the file is open
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(image))), array)


def writes_in_any_order(path: Path) -> None:
    """Blocks may come in any order; what is never written is 0."""
    array = example("YX", np.uint16)
    with open_writer(path, array.shape, array.dtype, "YX") as writer:
        writer[9:, :] = array[9:]
        writer[3:9, 5:] = array[3:9, 5:]
        writer[0] = array[0]
        writer[1, 1] = 7
    expected = array.copy()
    expected[1:3], expected[3:9, :5], expected[1, 1] = 0, 0, 7
    np.testing.assert_array_equal(np.asarray(read_image(path)), expected)


def leaves_nothing_of_a_broken_run(path: Path) -> None:
    """An exception or Ctrl+C leaves no file, and an older one as it was."""
    for stop in (RuntimeError, KeyboardInterrupt):
        _expect(stop, partial(_interrupted, path, stop, overwrite=False))
        assert not list(path.parent.iterdir())
    array = _plane(path)
    for stop in (RuntimeError, KeyboardInterrupt):
        _expect(stop, partial(_interrupted, path, stop, overwrite=True))
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]
        np.testing.assert_array_equal(np.asarray(read_image(path)), array)


def overwrites_only_when_told(path: Path) -> None:
    """An existing result is refused with the flag to pass, and replaced with it, even while it is being read."""
    array = _plane(path)
    error = _expect(OutputError, lambda: write_image(path, array, "YX"))
    assert "overwrite=True" in str(error)
    image = read_image(path)
    first = np.asarray(image.data[0])
    with open_writer(path, array.shape, array.dtype, "YX", overwrite=True) as writer:
        writer[...] = np.asarray(image)[::-1]
    np.testing.assert_array_equal(np.asarray(read_image(path))[-1], first)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def refuses_a_missing_folder(path: Path) -> None:
    """A folder that does not exist is named before any work is done."""
    error = _expect(OutputError, lambda: write_image(path.parent / "none" / path.name, np.eye(5), "YX"))
    assert "mkdir" in str(error)


def refuses_a_missing_file(path: Path) -> None:
    """A missing file is one line, and near-by names are suggested."""
    (path.parent / f"imoge{path.name[5:]}").touch()
    error = _expect(ImageFileError, lambda: read_image(path))
    assert "did you mean" in str(error)


def refuses_what_is_no_image(path: Path) -> None:
    """Empty files and files of another kind are one line each."""
    for contents in (b"", b"x", b"hello, this is no image\n" * 50, bytes(1000)):
        path.write_bytes(contents)
        _expect(ImageFileError, lambda: read_image(path))


def refuses_a_truncated_file(path: Path) -> None:
    """Wherever a file was cut off, it is noticed when it is opened, or at the latest when it is read."""
    try:
        write_image(path, example("TYX", np.uint16), "TYX")
    except OutputError:
        _plane(path)
    if path.is_dir():
        return
    whole = path.read_bytes()
    complete = np.asarray(read_image(path))
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        refusal = _caught(QuietScopeError, lambda: np.asarray(read_image(path)))
        if refusal is None:  # only what comes after the pixels was lost
            np.testing.assert_array_equal(np.asarray(read_image(path)), complete)
        else:
            assert isinstance(refusal, ImageFileError)
            assert "\n" not in str(refusal)


def refuses_axes_that_do_not_fit(path: Path) -> None:
    """Axes that the user passes are checked against the file."""
    _plane(path)
    for axes in ("TYX", "YY", "TX", "", "Y-"):
        error = _expect(AxesError, partial(read_image, path, axes))
        assert "axes=" in str(error)


def refuses_a_series_it_has_not(path: Path) -> None:
    """A series beyond the last is refused."""
    _plane(path)
    _expect(ImageFileError, lambda: read_image(path, series=1))


def _interrupted(path: Path, stop: type[BaseException], *, overwrite: bool) -> None:
    with open_writer(path, (17, 23), np.uint16, "YX", overwrite=overwrite) as writer:
        writer[:5] = 3
        raise stop


def _caught(kind: type[_Error], action: Callable[[], object]) -> _Error | None:
    try:
        action()
    except kind as error:
        return error
    return None


def _expect(kind: type[_Error], action: Callable[[], object]) -> _Error:
    error = _caught(kind, action)
    assert error is not None, f"expected {kind.__name__}"
    assert "\n" not in str(error), "one line"
    return error


FILE_CHECKS: tuple[Check, ...] = (refuses_a_missing_file, refuses_what_is_no_image)
WRITTEN_CHECKS: tuple[Check, ...] = (
    reads_lazily_like_numpy,
    travels_between_processes,
    writes_in_any_order,
    leaves_nothing_of_a_broken_run,
    overwrites_only_when_told,
    refuses_a_missing_folder,
    refuses_a_truncated_file,
    refuses_axes_that_do_not_fit,
    refuses_a_series_it_has_not,
)
