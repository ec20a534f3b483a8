"""``quietscope psf theory``: a point spread function from optics."""

from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.psf_output import Overwrite, PsfFile, Size, SizeZ, check_output, finish
from quietscope.cli.screen import Screen
from quietscope.errors import PsfError


def psf_theory(
    *,
    na: Annotated[float, Parameter(help="Numerical aperture of the objective.")],
    wavelength_nm: Annotated[float, Parameter(help="Emission wavelength, in nanometres.")],
    pixel_nm: Annotated[float, Parameter(help="Side of a pixel in the sample, in nanometres.")],
    output: PsfFile,
    refractive_index: Annotated[float, Parameter(help="Of the immersion: oil 1.518, water 1.333, air 1.")] = 1.518,
    z_nm: Annotated[
        float | None, Parameter(help="Distance of planes: makes a PSF for volumes. Default: a PSF for planes.")
    ] = None,
    size: Size = None,
    size_z: SizeZ = None,
    sample_index: Annotated[float | None, Parameter(help="Refractive index of the sample. Default: matched.")] = None,
    depth_um: Annotated[float, Parameter(help="Depth in the sample, in micrometres, where it is not matched.")] = 0.0,
    excitation_nm: Annotated[
        float | None, Parameter(help="Excitation wavelength of a confocal microscope. Default: a widefield one.")
    ] = None,
    pinhole_airy: Annotated[float, Parameter(help="Diameter of its pinhole, in Airy disks.")] = 1.0,
    overwrite: Overwrite = False,
) -> None:
    """Make the PSF of a wide-field or confocal microscope: in focus, or with --z-nm for volumes.

    The scalar diffraction integral of Gibson and Lanni, with the coverslip the objective is made for, integrated over
    pixels. Real objectives are somewhat worse; beads show by how much.
    """
    from quietscope.psf.optics import Optics
    from quietscope.psf.theory import theory_psf

    screen = Screen()
    if z_nm is None and size_z is not None:
        raise PsfError("--z-nm with --size-z", "no --z-nm", "pass e.g. `--z-nm 200`, or leave out --size-z")
    for option, given, needed, partner in (
        ("--pinhole-airy", pinhole_airy != 1.0, "--excitation-nm 488", excitation_nm),
        ("--depth-um", depth_um > 0.0, "--sample-index 1.33", sample_index),
        ("--sample-index", sample_index is not None, "--depth-um 5", depth_um or None),
    ):
        if given and partner is None:
            raise PsfError(f"{option} together with {needed.split()[0]}", f"{option} alone", f"add `{needed}`")
    optics = Optics(
        numerical_aperture=na,
        wavelength_nm=wavelength_nm,
        refractive_index=refractive_index,
        sample_index=sample_index,
        depth_um=depth_um,
        excitation_nm=excitation_nm,
        pinhole_airy=pinhole_airy,
    )
    check_output(output, overwrite=overwrite)
    asked = (size, size) if z_nm is None else (size_z, size, size)
    psf = theory_psf(optics, pixel_nm, z_nm, asked, screen.note)
    kind = "wide-field" if excitation_nm is None else "confocal"
    what = f"{kind}, NA {na:g}, {wavelength_nm:g} nm, refractive index {refractive_index:g}"
    if depth_um > 0.0 and optics.medium != refractive_index:
        what += f", {depth_um:g} um deep in {optics.medium:g}"
    finish(screen, psf, output, what, overwrite=overwrite)
