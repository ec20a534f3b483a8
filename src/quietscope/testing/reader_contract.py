"""What every image format must do, as checks for any test suite; they need `pip install "quietscope[testing]"`.

A third party that adds a format runs the same checks as QuietScope does:

    @pytest.mark.parametrize("case", reader_cases(FORMAT), ids=str)
    def test_contract(case, tmp_path):
        case.run(tmp_path)

A check fails with an AssertionError. Formats that are only read take part in the checks that need no written file. What
a format cannot hold it must refuse in one line; with `holds`, which says what it can hold, it must not refuse anything
else:

    reader_cases(FORMAT, holds=lambda request: sorted(request.axes) == ["X", "Y"] and request.dtype == np.uint8)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quietscope.io import Format
from quietscope.testing.example_images import DTYPES, example_of
from quietscope.testing.reader_checks import (
    FILE_CHECKS,
    WRITTEN_CHECKS,
    Check,
    Holds,
    Subject,
    is_written_alike,
    keeps_any_image,
    keeps_every_order_of_axes,
    keeps_metadata,
    keeps_thin_images,
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
    check: Check
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


def reader_cases(fmt: Format, *, holds: Holds | None = None, alike: Mapping[str, str] | None = None) -> list[Case]:
    """List the checks that apply to a format, which must be a member of `quietscope.io.FORMATS`.

    Args:
        fmt: The format.
        holds: Says of a request to write whether the format can hold it; if None, it may refuse anything but a plane of
            uint16.
        alike: Extensions that are written exactly as others, ``{".jpeg": ".jpg"}``: that is checked, and the rest of
            the others alone.

    Returns:
        The cases, by name and extension.
    """
    alike = alike or {}
    cases = [] if fmt.is_folder else [Case(f.__name__, f, suffix) for suffix in fmt.suffixes for f in FILE_CHECKS]
    for suffix in fmt.written:
        subject = Subject(fmt, suffix, holds)
        if suffix in alike:
            cases.append(Case("is_written_alike", partial(is_written_alike, subject, alike[suffix]), suffix))
        else:
            cases += _written_cases(subject)
    return cases


def _written_cases(subject: Subject) -> list[Case]:
    checks = {check.__name__: check for check in WRITTEN_CHECKS}
    if subject.fmt.names_axes and subject.can_hold(example_of("ZCYX", "uint16")):
        checks["keeps_metadata"] = partial(keeps_metadata, subject)
    checks |= {f"keeps_{dtype}": partial(keeps_every_order_of_axes, subject, dtype) for dtype in DTYPES}
    checks |= {check.__name__: partial(check, subject) for check in (keeps_any_image, keeps_thin_images)}
    return [Case(name, check, subject.suffix) for name, check in checks.items()]
