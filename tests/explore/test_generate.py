"""Images from the prior: any size, no seams, the same again from the same seed; noise as the model has it."""

import numpy as np
import pytest
import torch

from quietscope.errors import SettingsError
from quietscope.explore import Generation, generate, generate_into
from quietscope.methods.gap import GAP
from quietscope.methods.noise2void import Noise2Void
from quietscope.noise import PoissonGaussian
from quietscope.prediction import predict_frame
from quietscope.tiling.spec import TileSpec
from tests.explore.methods import tiny_dvlae, tiny_hdn
from tests.tiny import untrained


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (70, 65)])
def test_any_size_of_a_plane(size: tuple[int, ...]) -> None:
    images = generate(tiny_hdn(channels=2), Generation(num=2, size=size))
    assert images.shape == (2, 2, *size)
    assert images.dtype == np.float32
    assert np.isfinite(images).all()
    assert np.abs(images[0] - images[1]).max() > 1


@pytest.mark.parametrize(("dims", "with_noise"), [(2, False), (2, True), (3, True)])
def test_tiles_fit_together_without_a_seam(dims: int, with_noise: bool) -> None:
    method = tiny_hdn() if dims == 2 else tiny_hdn(dims=3, width=4, latent_channels=(2, 2))
    size = (72, 201) if dims == 2 else (9, 8, 130)
    cuts = [TileSpec((512,) * dims, (0,) * dims), TileSpec((8, 64, 64)[-dims:], (8, 64, 64)[-dims:])]
    whole, tiled = (generate(method, Generation(num=1, size=size, with_noise=with_noise, tile=cut)) for cut in cuts)
    np.testing.assert_allclose(tiled, whole, atol=0.05)
    assert whole.std() > 1
    if not with_noise:
        bare = generate(method, Generation(num=1, size=size, tile=TileSpec(cuts[1].size, (0,) * dims)))
        assert np.abs(bare - whole).max() > 0.1


def test_an_image_follows_from_seed_and_number_alone() -> None:
    method = tiny_hdn()
    many = generate(method, Generation(num=3, size=(40, 40), seed=5, with_noise=True))
    np.testing.assert_array_equal(many, generate(method, Generation(num=3, size=(40, 40), seed=5, with_noise=True)))
    np.testing.assert_array_equal(many[:1], generate(method, Generation(num=1, size=(40, 40), seed=5, with_noise=True)))
    assert np.abs(many - generate(method, Generation(num=3, size=(40, 40), seed=6, with_noise=True))).max() > 1
    assert np.abs(np.asarray(np.corrcoef(many.reshape(3, -1)))[np.triu_indices(3, 1)]).max() < 0.5


def test_a_larger_image_goes_on_where_the_smaller_one_ends() -> None:
    small, large = (generate(tiny_hdn(), Generation(num=1, size=size)) for size in ((64, 64), (192, 128)))
    np.testing.assert_allclose(large[..., :24, :24], small[..., :24, :24], atol=0.05)


def test_a_low_temperature_gives_less_varied_images() -> None:
    spread = [
        generate(tiny_hdn(), Generation(num=6, size=(32, 32), temperature=temperature)).std(0).mean()
        for temperature in (1e-3, 0.5, 1.0)
    ]
    assert spread[0] < 0.02 * spread[2]
    assert spread[0] < spread[1] < spread[2]


def test_added_noise_is_that_of_the_camera_and_differs_from_image_to_image() -> None:
    method, size = tiny_hdn(channels=2), (130, 140)
    clean = generate(method, Generation(num=2, size=size))
    noise = generate(method, Generation(num=2, size=size, with_noise=True)) - clean
    expected = method.channel_noise[0].variance(torch.from_numpy(clean)).mean()
    assert noise.var() == pytest.approx(float(expected), rel=0.05)
    # No block repeats another, nor one image or channel the other.
    flat = noise.reshape(4, -1)
    assert np.abs(np.corrcoef(flat)[np.triu_indices(4, 1)]).max() < 0.04
    blocks = [noise[0, 0, :64, :64], noise[0, 0, 64:128, :64], noise[0, 0, :64, 64:128]]
    assert np.abs(np.corrcoef([block.ravel() for block in blocks])[np.triu_indices(3, 1)]).max() < 0.08


def test_the_prior_shares_no_noise_with_the_posterior() -> None:
    method, samples = tiny_hdn(), []
    # With noise of the same key the two would rise and fall together, whatever the image says.
    frame = np.full((1, 64, 64), 1000, np.float32)
    predict_frame(method, frame, kinds=(), num_samples=4, on_sample=lambda box, k, block: samples.append(block))
    images = generate(method, Generation(num=4, size=(64, 64)))
    for image, sample in zip(images, samples, strict=True):
        assert abs(np.corrcoef(image.ravel(), sample.ravel())[0, 1]) < 0.5


def test_global_state_is_left_alone() -> None:
    method, state = tiny_hdn().train(), torch.get_rng_state()
    generate(method, Generation(num=1, size=(16, 16), with_noise=True))
    assert method.training
    assert torch.equal(torch.get_rng_state(), state)


def test_it_writes_piece_by_piece_and_counts() -> None:
    class Sink:
        largest, filled = 0, 0

        def __setitem__(self, index: tuple[slice, ...], block: np.ndarray) -> None:
            self.largest = max(self.largest, block.size)
            self.filled += block.size

    sink = Sink()
    seen: list[tuple[int, ...]] = []
    generation = Generation(num=2, size=(128, 200), tile=TileSpec((64, 64), (0, 0)))
    generate_into(tiny_hdn(), generation, sink, progress=lambda *counts: seen.append(counts))
    assert sink.filled == 2 * 128 * 200
    assert sink.largest == 64 * 64
    assert seen == [(n + 1, 16) for n in range(16)]


def test_errors_say_what_to_type() -> None:
    method = tiny_hdn()
    for values in ({"num": 0}, {"size": (0, 4)}, {"temperature": 0.0}, {"temperature": -1}):
        with pytest.raises(SettingsError, match=f"pass e.g. {next(iter(values))}="):
            Generation(**values)
    with pytest.raises(SettingsError, match="size="):
        Generation.of(method, (4, 4, 4))
    assert Generation.of(method, 30, num=2).size == (30, 30)
    method.noise_models = torch.nn.ModuleList()
    with pytest.raises(SettingsError, match="with_noise=False"):
        generate(method, Generation(num=1, size=(8, 8), with_noise=True))


def test_a_method_without_a_prior_is_refused() -> None:
    with pytest.raises(SettingsError, match=r'noise2void.*method="hdn"'):
        generate(untrained(Noise2Void), Generation())


def test_noise_stays_above_zero_where_all_that_was_learnt_from_does() -> None:
    """No camera of whole numbers records less, whether or not a noise model has found pixels piled up there."""
    dark = {"mean": 30.0, "std": 10.0, "noise": PoissonGaussian(gain=2.0, offset=0.0, read_noise=30.0)}
    for lowest, is_open in ((0.0, False), (-0.5, True)):
        for method in (tiny_hdn(**dark), tiny_dvlae(**dark)):
            method.statistics.quantiles[:, 0] = lowest
            noisy = generate(method, Generation(num=1, size=(32, 32), with_noise=True))
            assert (noisy.min() < 0.0) == is_open, method.name
            assert (noisy == 0.0).any() != is_open, method.name


def test_gap_draws_within_the_range_that_it_has_learnt_from() -> None:
    """Nothing corrects an expectation that leaves it; without the limit the next step would go further."""
    method = untrained(GAP, mean=100.0, std=5.0)
    low, high = (float(end) for end in method.statistics.quantiles[0, [0, -1]])
    images = generate(method, Generation(num=2, size=(32, 32)))
    assert (low, high) == (85.0, 115.0)
    assert images.min() >= low - 1e-3
    assert images.max() <= high + 1e-3
    assert images.std() > 1.0


def test_a_method_without_a_temperature_refuses_one() -> None:
    method = untrained(GAP)
    with pytest.raises(SettingsError, match=r"temperature of 1.* gap .*0\.7"):
        Generation.of(method, 16, temperature=0.7)
    with pytest.raises(SettingsError, match=r"temperature of 1.* gap .*0\.7"):
        generate(method, Generation(num=1, size=(16, 16), temperature=0.7))
