"""Which clean reference goes with which noisy image."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from quietscope.errors import SizeError
from quietscope.io import ImageSource
from quietscope.pipeline.found_images import Found, Sources, find_images
from quietscope.pipeline.stems import stems_of
from quietscope.wording import typed


def partners_of(noisy: Sequence[Found], clean: Sources | None, series: int | str | None = None) -> list[ImageSource]:
    """Find the clean references of noisy images.

    Args:
        noisy: The noisy images.
        clean: Their references: one for each, in their order; or folders and patterns, in which each has the name of
            its image, but for the extension, in the same folders below; or nothing.
        series: Which image of files that hold several is meant, as for the noisy ones.

    Returns:
        The references in the order of the images; as many as were named where all of them were named one by one.

    Raises:
        SizeError: If an image has none, or several.
        QuietScopeError: If a folder or a pattern stands for no image.
    """
    if clean is None or (isinstance(clean, list | tuple) and not clean):
        return []
    found = find_images(clean, series)
    if all(each.root is None for each in found):
        return [each.source for each in found]
    stems = stems_of(found)
    last = [Path(stem).name for stem in stems]
    counts = Counter(last)
    by_name = {name: each for name, each in zip(last, found, strict=True) if counts[name] == 1}
    by_stem = {**by_name, **dict(zip(stems, found, strict=True))}
    partners = []
    for each, stem in zip(noisy, stems_of(noisy), strict=True):
        partner = by_stem.get(stem) or by_name.get(Path(stem).name)
        if partner is None:
            raise SizeError(
                "a clean reference for each image, of the same name but for the extension",
                f"none of that name for {each.source}, among {len(found):,}",
                f"rename it, leave the image out, or name all one by one, e.g. `{typed(clean=['a.tif', 'b.tif'])}`",
            )
        partners.append(partner.source)
    return partners
