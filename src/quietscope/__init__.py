"""QuietScope removes noise from microscopy images without clean training data, and says how sure it is."""

from typing import TYPE_CHECKING, Any

from quietscope.version import __version__

if TYPE_CHECKING:
    from quietscope.compression import Compression, compress
    from quietscope.denoiser import Denoiser
    from quietscope.distillation.train import distill
    from quietscope.export import export_model
    from quietscope.io import Image, read_image, write_image
    from quietscope.model.denoising import Result
    from quietscope.model.exported import Deployed
    from quietscope.samples import sample_path


# Imported when first asked for: PyTorch takes longer to import than a short command to run.
_HOMES = {
    "Compression": "quietscope.compression",
    "Denoiser": "quietscope.denoiser",
    "Deployed": "quietscope.model.exported",
    "Image": "quietscope.io",
    "Result": "quietscope.model.denoising",
    "compress": "quietscope.compression",
    "distill": "quietscope.distillation.train",
    "export_model": "quietscope.export",
    "read_image": "quietscope.io",
    "sample_path": "quietscope.samples",
    "write_image": "quietscope.io",
}
__all__ = [
    "Compression",
    "Denoiser",
    "Deployed",
    "Image",
    "Result",
    "__version__",
    "compress",
    "distill",
    "export_model",
    "read_image",
    "sample_path",
    "write_image",
]


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quietscope' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
