"""OME-XML, the metadata of OME-TIFF: what is read of it, and how what it tells gets into a new file.

https://docs.openmicroscopy.org/ome-model/. A new document has its own sizes, types and planes, which tifffile writes;
what the old one tells besides is taken over element by element.
"""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from quietscope.io.details import NO_DETAILS, Details, Told, valid_name, valid_wavelengths
from quietscope.io.units import micrometres, seconds, signed_micrometres

_SCHEMAS = "http://www.openmicroscopy.org/Schemas/"
_MODULO = "openmicroscopy.org/omero/dimension/modulo"  # axes beyond five, which each file has for itself
_DEEPEST = 100
_COPIED_ROOTS = ("Experimenter", "ExperimenterGroup", "Instrument", "StructuredAnnotations", "ROI")
_AFTER_IMAGES = ("StructuredAnnotations", "ROI")
_NOT_COPIED = ("Pixels", "ExperimentRef", "MicrobeamManipulationRef")
_OWN_OF_CHANNEL = ("ID", "SamplesPerPixel", "Name", "Color")
_TOLD_OF_CHANNEL = (*_OWN_OF_CHANNEL, "EmissionWavelength", "EmissionWavelengthUnit")


def read_document(text: str) -> Element | None:
    """Parse OME-XML.

    Args:
        text: The document.

    Returns:
        Its root, without namespaces of OME; None where it cannot be read, or is nested as no program would.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    waiting = [(root, 0)]
    while waiting:
        element, depth = waiting.pop()
        if depth > _DEEPEST:
            return None
        if isinstance(element.tag, str) and element.tag.startswith("{" + _SCHEMAS):
            element.tag = element.tag.partition("}")[2]
        waiting += [(child, depth + 1) for child in element]
    return root


def told_of_image(xml: str, index: int) -> Told:
    """Read what a document tells of one of its images.

    Args:
        xml: The document.
        index: Which image.

    Returns:
        The fields of `Image` that are known; nothing where the document cannot be read, or has no such image.
    """
    root = read_document(xml)
    if root is None:
        return {}
    pixels = root.findall("Image/Pixels")
    if index >= len(pixels):  # the metadata are in another file of the same set
        return {}
    chosen = pixels[index]
    sizes = {
        letter: micrometres(chosen.get(f"PhysicalSize{letter}"), chosen.get(f"PhysicalSize{letter}Unit", "µm"))
        for letter in "XYZ"
    }
    names = tuple(channel.get("Name") or "" for channel in chosen.findall("Channel"))
    return {
        "pixel_size_um": {letter: size for letter, size in sizes.items() if size is not None},
        "channel_names": names if any(names) else (),
        "frame_interval_s": seconds(chosen.get("TimeIncrement"), chosen.get("TimeIncrementUnit", "s")),
        "details": read_details(xml, root, index),
    }


def names_of_images(xml: str) -> tuple[str, ...]:
    """Return the name of each image of a document, empty where it has none; nothing where it cannot be read."""
    root = read_document(xml)
    return () if root is None else tuple(valid_name(image.get("Name")) for image in root.findall("Image"))


def read_details(text: str, root: Element, index: int) -> Details:
    """Read what is told of an image besides sizes, intervals and channel names.

    Args:
        text: The document.
        root: Its root, of `read_document`.
        index: Which of its images.

    Returns:
        The details.
    """
    image = root.findall("Image")[index]
    pixels = image.find("Pixels")
    if pixels is None:
        return NO_DETAILS
    channels, planes = pixels.findall("Channel"), pixels.findall("Plane")
    colors = [_color(channel.get("Color")) for channel in channels]
    place = {} if not planes else {letter: _position(planes[0], letter) for letter in "XYZ"}
    return Details(
        name=valid_name(image.get("Name")),
        acquired=(image.findtext("AcquisitionDate") or "").strip()[:64],
        colors=tuple(color or "FFFFFF" for color in colors) if any(colors) else (),
        emission_nm=valid_wavelengths(
            (channel.get("EmissionWavelength"), channel.get("EmissionWavelengthUnit", "nm")) for channel in channels
        ),
        position_um={letter: at for letter, at in place.items() if at is not None},
        ome=text,
        ome_index=index,
        ome_words=tuple(_words(root, image, channels, planes)),
    )


def _words(root: Element, image: Element, channels: list[Element], planes: list[Element]) -> Iterator[str]:
    """Name what only OME-TIFF has a place for."""
    if any(plane.get("DeltaT") for plane in planes):
        yield "times of planes (DeltaT)"
    if any(plane.get("ExposureTime") for plane in planes):
        yield "exposure times"
    if len({tuple(plane.get(f"Position{letter}") for letter in "XYZ") for plane in planes}) > 1:
        yield "positions of planes"
    if any(set(channel.keys()) - set(_TOLD_OF_CHANNEL) for channel in channels):
        yield "settings of channels"
    if image.find("Description") is not None:
        yield "description"
    if root.find("Instrument") is not None:
        yield "instrument"
    if any(each.get("Namespace") != _MODULO for kind in root.findall("StructuredAnnotations") for each in kind):
        yield "OME annotations"
    if root.find("ROI") is not None:
        yield "OME regions of interest"


def describe_file(path: Path, details: Details) -> None:
    """Put the details of an older image into the document of an OME-TIFF that is being written.

    That comes afterwards: tifffile makes the document of what it writes, and takes but a part of what OME knows.

    Args:
        path: The file.
        details: What is known of the image.
    """
    import tifffile

    if details != NO_DETAILS:
        tifffile.tiffcomment(path, described(tifffile.tiffcomment(path), details).encode())


def described(document: str, details: Details) -> str:
    """Return a new document with the details of an older image in it.

    Args:
        document: OME-XML of one image that is about to be written.
        details: What is known of it.

    Returns:
        The document; what does not fit its planes and channels is left out.
    """
    root = read_document(document)
    image = None if root is None else root.find("Image")
    pixels = None if image is None else image.find("Pixels")
    if root is None or image is None or pixels is None:
        return document
    if details.name:
        image.set("Name", details.name)
    _describe_channels(pixels, details)
    old_root = read_document(details.ome) if details.ome else None
    if old_root is not None:
        _take_over(root, image, pixels, old_root, old_root.findall("Image")[details.ome_index])
    if details.acquired and image.find("AcquisitionDate") is None:
        date = Element("AcquisitionDate")
        date.text = details.acquired
        image.insert(0, date)
    if details.position_um and pixels.find("Plane") is None:
        pixels.extend(_planes_at(pixels, details))
    root.set("xmlns", f"{_SCHEMAS}OME/2016-06")
    return '<?xml version="1.0" encoding="UTF-8"?>' + ElementTree.tostring(root, encoding="unicode")


def _describe_channels(pixels: Element, details: Details) -> None:
    """Set colour and wavelength of each channel, where there are as many as are known."""
    channels = pixels.findall("Channel")
    for channel, color in zip(channels, details.colors_of(len(channels)), strict=False):
        red, green, blue = bytes.fromhex(color)
        channel.set("Color", str(int.from_bytes([red, green, blue, 255], "big", signed=True)))
    if len(details.emission_nm) == len(channels):
        for channel, wavelength in zip(channels, details.emission_nm, strict=True):
            if wavelength is not None:
                channel.set("EmissionWavelength", f"{wavelength:.10g}")


def _planes_at(pixels: Element, details: Details) -> Iterator[Element]:
    """Make planes that tell the position, as OME has it."""
    place = {f"Position{letter}": f"{at:.10g}" for letter, at in details.position_um.items()}
    units = {f"{name}Unit": "µm" for name in place}
    sizes = [int(pixels.get(f"Size{letter}", 1)) for letter in "TCZ"]
    if pixels.find("Channel[@SamplesPerPixel]") is not None:
        sizes[1] = len(pixels.findall("Channel"))
    for t in range(sizes[0]):
        for c in range(sizes[1]):
            for z in range(sizes[2]):
                yield Element("Plane", {"TheC": str(c), "TheZ": str(z), "TheT": str(t), **place, **units})


def _take_over(root: Element, image: Element, pixels: Element, old_root: Element, old: Element) -> None:
    """Take over what another document tells of an image, into a new one with its own pixels."""
    dropped = _drop_modulo(old_root)
    _rename_annotations(root, {str(each.get("ID")) for each in old_root.iter() if each.get("ID")})
    refs = [each for each in image if each.tag == "AnnotationRef"]
    for child in list(image):
        image.remove(child)
    for child in old:
        if child.tag == "Pixels":
            image.append(pixels)
        elif child.tag not in _NOT_COPIED and child.get("ID") not in dropped:
            image.append(deepcopy(child))
    image.extend(refs)
    old_pixels = old.find("Pixels")
    assert old_pixels is not None, "an image of which details were read has pixels"
    _take_over_planes(pixels, old_pixels)
    for name in _COPIED_ROOTS:
        for element in old_root.findall(name):
            present = root.find(name) if name == "StructuredAnnotations" else None
            if present is not None:
                present.extend(deepcopy(each) for each in element)
            else:
                at = len(root) if name in _AFTER_IMAGES else list(root).index(image)
                root.insert(at, deepcopy(element))


def _take_over_planes(pixels: Element, old: Element) -> None:
    """Take over what is told of channels and planes, where there are as many."""
    channels, old_channels = pixels.findall("Channel"), old.findall("Channel")
    if len(channels) == len(old_channels):
        for channel, before in zip(channels, old_channels, strict=True):
            for name, value in before.items():
                if name not in _OWN_OF_CHANNEL:
                    channel.set(name, value)
            for child in [*channel]:
                channel.remove(child)
            channel.extend(deepcopy(child) for child in before)
    if all(pixels.get(f"Size{letter}") == old.get(f"Size{letter}") for letter in "TCZ"):
        for plane in old.findall("Plane"):
            copy = deepcopy(plane)
            for digest in copy.findall("HashSHA1"):  # of pixels that are no longer these
                copy.remove(digest)
            pixels.append(copy)


def _drop_modulo(root: Element) -> set[str]:
    """Remove annotations about axes beyond five, and return their names."""
    dropped = set()
    for annotations in root.findall("StructuredAnnotations"):
        for each in [each for each in annotations if each.get("Namespace") == _MODULO]:
            dropped.add(str(each.get("ID")))
            annotations.remove(each)
    return dropped


def _rename_annotations(root: Element, taken: set[str]) -> None:
    """Rename annotations of a new document whose names another one has."""
    for each in root.iter():
        name = str(each.get("ID"))
        if each.tag == "AnnotationRef" or str(each.tag).endswith("Annotation"):
            while name in taken:
                name += "-own"
            each.set("ID", name)


def _color(value: str | None) -> str:
    """Return a colour of OME, a signed integer of four bytes, as RRGGBB; empty where there is none."""
    try:
        return (int(value or "") & 0xFFFFFFFF).to_bytes(4, "big")[:3].hex().upper()
    except ValueError:
        return ""


def _position(plane: Element, letter: str) -> float | None:
    """Return where the stage stood for a plane, micrometres; None where that is not told, or in no known unit."""
    return signed_micrometres(plane.get(f"Position{letter}"), plane.get(f"Position{letter}Unit", ""))
