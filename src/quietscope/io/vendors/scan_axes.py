"""Axes of scans that are not planes of X and Y."""

from collections.abc import Mapping

from quietscope.wording import typed


def with_rows(axes: str, sizes_um: Mapping[str, float | None]) -> tuple[str, dict[str, float], tuple[str, ...]]:
    """Take Z as the rows of an image that was scanned in X and Z alone, and say so.

    Args:
        axes: One letter per axis.
        sizes_um: Micrometres per pixel, None where unknown.

    Returns:
        The axes, of which one is Y where X and Z are there; the known sizes of these axes; and what to tell.
    """
    known = {letter: size for letter, size in sizes_um.items() if size is not None and letter in axes}
    if "Y" not in axes and {"X", "Z"} <= set(axes):
        told = "it was scanned in X and Z: Z is called Y, so that each plane of X and Z is one frame."
        return (
            axes.replace("Z", "Y"),
            {"Y" if letter == "Z" else letter: size for letter, size in known.items()},
            (told,),
        )
    if "Y" in axes and axes[-2:] == "ZX":
        passed = axes.replace("Y", "Q").replace("Z", "Y")
        return axes, known, (f"it was scanned in planes of X and Z: to denoise these, pass `{typed(axes=passed)}`.",)
    return axes, known, ()


def in_letters(labels: tuple[str, ...], known: Mapping[str, str]) -> str:
    """Return one capital letter per label, each of them once.

    Args:
        labels: What a library calls the axes.
        known: Letters for labels that are no capital letter, or mean something else here.
    """
    taken: list[str] = []
    for label in labels:
        wanted = known.get(label, label)
        free = [wanted, *"QUVWJKNO"] if len(wanted) == 1 and wanted.isascii() and wanted.isupper() else "QUVWJKNO"
        taken.append(next(letter for letter in free if letter not in taken and letter not in _others(label, labels)))
    return "".join(taken)


def _others(label: str, labels: tuple[str, ...]) -> set[str]:
    return {*labels} - {label}
