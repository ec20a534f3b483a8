"""``quietscope psf gaussian``: a point spread function from its width."""

from typing import Annotated

from cyclopts import Parameter

from quietscope.cli.psf_output import Overwrite, PsfFile, Size, SizeZ, check_output, finish
from quietscope.cli.screen import Screen
from quietscope.errors import PsfError


def psf_gaussian(
    *,
    sigma: Annotated[float, Parameter(help="Standard deviation along Y and X, in pixels; FWHM / 2.355.")],
    output: PsfFile,
    sigma_z: Annotated[
        float | None, Parameter(help="Along Z, in planes: makes a PSF for volumes. Default: a PSF for planes.")
    ] = None,
    size: Size = None,
    size_z: SizeZ = None,
    pixel_nm: Annotated[
        float | None, Parameter(help="Side of a pixel, in nanometres; for the record. Default: not recorded.")
    ] = None,
    z_nm: Annotated[
        float | None, Parameter(help="Distance of planes, in nanometres; for the record. Default: not recorded.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a Gaussian PSF, integrated over pixels: for planes, or with --sigma-z for volumes."""
    from quietscope.psf.gaussian_psf import gaussian_psf

    screen = Screen()
    if sigma_z is None and (size_z is not None or z_nm is not None):
        raise PsfError(
            "--sigma-z with --size-z and --z-nm", "no --sigma-z", "pass it for a PSF of volumes, or leave out both"
        )
    for option, value in (("--pixel-nm", pixel_nm), ("--z-nm", z_nm)):
        if value is not None and not 0.0 < value < 1e7:
            raise PsfError("a pixel size above zero, in nanometres", f"{value:g}", f"pass e.g. `{option} 65`")
    check_output(output, overwrite=overwrite)
    sigmas = (sigma, sigma) if sigma_z is None else (sigma_z, sigma, sigma)
    asked = (size, size) if sigma_z is None else (size_z, size, size)
    known = {"X": pixel_nm, "Y": pixel_nm, "Z": z_nm}
    psf = gaussian_psf(sigmas, asked, {letter: nm / 1000.0 for letter, nm in known.items() if nm is not None})
    words = " x ".join(f"{each:g}" for each in sigmas)
    finish(screen, psf, output, f"Gaussian of sigma {words} pixels", overwrite=overwrite)
