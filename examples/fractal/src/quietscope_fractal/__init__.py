"""Denoising of OME-Zarr images by QuietScope, as a task of Fractal."""
