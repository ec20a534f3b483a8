"""What every image format must do, as checks that any test suite can run.

A third party that adds a format runs the same checks as QuietScope does:

    @pytest.mark.parametrize("case", reader_cases(FORMAT), ids=str)
    def test_contract(case, tmp_path):
        case.run(tmp_path)

A check fails with an AssertionError. Formats that are only read take part in the checks that need no written file.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from quietscope.axes import Layout, reorder
from quietscope.errors import AxesError, ImageFileError, OutputError, QuietScopeError
from quietscope.io import Format, Image, open_writer, read_image, write_image

_Error = TypeVar("_Error", bound=BaseException)
_SIZES = {"T": 3, "C": 2, "Z": 4, "Y": 17, "X": 23, "S": 3, "P": 2, "Q": 5}
_AXES = ("YX", "XY", "TYX", "QYX", "ZYX", "CYX", "YXC", "TZCYX", "TCZYX", "CZYX", "YXS", "TYXS", "PTYX", "CXYZ")
_DTYPES = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
)


@dataclass(frozen=True)
class Case:
    """One check of one format with one extension.

    Attributes:
        name: What it is called in a test report.
        check: The check.
        suffix: The extension it writes or reads.
    """

    name: str
    check: Callable[[Path], None]
    suffix: str

    def run(self, folder: Path) -> None:
        """Run the check.

        Args:
            folder: An empty folder to work in.

        Raises:
            AssertionError: If the format does not do what is asked.
        """
        self.check(folder / f"image{self.suffix}")

    def __str__(self) -> str:
        return f"{self.name}{self.suffix}"


def reader_cases(fmt: Format) -> list[Case]:
    """List the checks that apply to a format, which must be a member of `quietscope.io.FORMATS`.

    Args:
        fmt: The format.

    Returns:
        The cases, by name and extension.
    """
    cases = [] if fmt.is_folder else [Case(f.__name__, f, suffix) for suffix in fmt.suffixes for f in _FILE_CHECKS]
    for suffix in fmt.written:
        cases += [Case(f.__name__, f, suffix) for f in _WRITTEN_CHECKS]
        for axes, dtype in product(_AXES, _DTYPES):
            cases.append(Case(f"{axes}-{dtype}", _round_trip(axes, dtype, fmt.names_axes), suffix))
    return cases


def example(axes: str, dtype: Any) -> np.ndarray:
    """Make an array in which every pixel matters.

    Args:
        axes: One letter per dimension, from T, C, Z, Y, X, S, P and Q.
        dtype: Data type.

    Returns:
        The array; its values depend on the position and use both ends of the data type's range.
    """
    shape = tuple(_SIZES[letter] for letter in axes)
    kind = np.dtype(dtype)
    values = np.arange(np.prod(shape), dtype=np.int64) * 7919 % 251
    array = (values > 125 if kind.kind == "b" else values % 127).astype(kind).reshape(shape)
    if kind.kind in "iu":
        array.flat[0], array.flat[-1] = np.iinfo(kind).min, np.iinfo(kind).max
    elif kind.kind == "f":
        array = (array / kind.type(4)).astype(kind)
        array.flat[0] = -1.5
    return array


def _round_trip(axes: str, dtype: str, names_axes: bool) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        array = example(axes, dtype)
        refusal = _caught(OutputError, partial(write_image, path, array, axes))
        if refusal is not None:
            assert refusal.fix, "a refusal says what to do instead"
            assert not list(path.parent.iterdir()), "a refusal leaves nothing behind"
            return
        _assert_same(read_image(path, None if names_axes else axes), array, axes)

    return check


def _assert_same(image: Image, array: np.ndarray, axes: str) -> None:
    # Formats may prescribe the order of axes, and may have no truth values of their own.
    assert sorted(image.axes) == sorted(axes), image.axes
    back = reorder(np.asarray(image), image.axes, axes)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype or array.dtype == bool
    assert back.dtype.isnative
    mine, theirs = Layout.of(axes, array.shape), image.layout()
    assert mine.frame_shape == theirs.frame_shape


def _plane(path: Path) -> np.ndarray:
    """Write one grey plane, which every format can hold."""
    write_image(path, example("YX", np.uint16), "YX")
    return example("YX", np.uint16)


def keeps_metadata(path: Path) -> None:
    """Pixel size and channel names come back, where the format has axes to hang them on."""
    sizes, names, array = {"X": 0.065, "Y": 0.065, "Z": 0.3}, ("DAPI", "GFP µ"), example("ZCYX", np.uint16)
    try:
        write_image(path, array, "ZCYX", pixel_size_um=sizes, channel_names=names)
        image = read_image(path)
    except (OutputError, AxesError):  # one plane only, or no axes and so no metadata
        return
    assert image.channel_names == names
    assert image.pixel_size_um.keys() == sizes.keys()
    for letter, size in sizes.items():
        assert np.isclose(image.pixel_size_um[letter], size, rtol=1e-6)


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
    assert "--overwrite" in str(error)
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
        assert "--axes" in str(error)


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


_FILE_CHECKS = (refuses_a_missing_file, refuses_what_is_no_image)
_WRITTEN_CHECKS = (
    keeps_metadata,
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
