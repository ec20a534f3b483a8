"""Convolution with a PSF: both ways agree, and what must hold of any convolution does."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve as oracle

from quietscope.nn.convolve import Way, convolve


@pytest.mark.parametrize(
    ("size", "kernel"),
    [((20, 17), (3, 5)), ((9, 11), (9, 11)), ((5, 6), (31, 7)), ((6, 14, 13), (3, 7, 5)), ((4, 9, 8), (9, 3, 1))],
)
def test_both_ways_agree_with_scipy(size: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    images, kernels = rng.normal(size=(2, 3, *size)), rng.random((3, *kernel))
    kernels /= kernels.sum(axis=tuple(range(1, kernels.ndim)), keepdims=True)
    expected = np.stack([[oracle(c, k, mode="nearest") for c, k in zip(i, kernels, strict=True)] for i in images])
    x, psf = (torch.from_numpy(each).float() for each in (images, kernels))
    results = [convolve(x, psf, way) for way in ("direct", "fft", "auto")]
    for result in results:
        assert result.shape == x.shape
        assert np.abs(result.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("way", ["direct", "fft"])
def test_a_kernel_per_image(way: Way) -> None:
    torch.manual_seed(0)
    x, kernels = torch.randn(3, 2, 8, 9), torch.rand(3, 2, 5, 5)
    together = convolve(x, kernels, way)
    for n in range(3):
        assert torch.allclose(together[n], convolve(x[n : n + 1], kernels[n], way)[0], atol=1e-5)


@pytest.mark.parametrize("way", ["direct", "fft"])
def test_flat_stays_flat_and_gradients_flow(way: Way) -> None:
    x = torch.full((1, 1, 6, 7), 3.0, requires_grad=True)
    psf = torch.rand(1, 5, 3)
    psf /= psf.sum()
    out = convolve(x, psf, way)
    assert torch.allclose(out, torch.full_like(out, 3.0), atol=1e-5)
    torch.autograd.backward(out.sum())
    assert x.grad is not None
    # every pixel of the output is a mean: in all, the inputs count once each
    assert float(x.grad.sum()) == pytest.approx(42, rel=1e-5)


def test_bfloat16_is_left_outside() -> None:
    x, psf = torch.rand(1, 1, 16, 16) * 1000, torch.full((1, 3, 3), 1 / 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = convolve(x, psf)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, convolve(x, psf))
