"""Numbers that can be drawn again are those of PyTorch's own seed, and leave no trace."""

import torch

from quietscope.nn.seeding import seeded


def test_it_draws_what_pytorch_draws_and_goes_on_as_before() -> None:
    with torch.random.fork_rng([]):
        torch.manual_seed(7)
        wanted = torch.rand(3)
    before = torch.get_rng_state()
    for device in (None, torch.device("cpu")):
        with seeded(7, device):
            assert torch.equal(torch.rand(3), wanted)
    assert torch.equal(torch.get_rng_state(), before)
