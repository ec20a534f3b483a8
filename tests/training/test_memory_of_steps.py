"""Steps in less memory: a batch in pieces has the gradients of the whole, and what is computed twice changes no bit."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from quietscope.errors import SettingsError
from quietscope.methods import METHODS
from quietscope.methods.base import LearningMethod
from quietscope.methods.direct import DirectDenoiser
from quietscope.methods.divnoising import DivNoising
from quietscope.methods.dvlae import DVLAE
from quietscope.methods.hdn import HDN
from quietscope.nn.ladder import Ladder
from quietscope.nn.recompute import blocks_of, recomputing
from quietscope.presets import Configuration
from quietscope.testing.method_contract import toy_frames, toy_settings
from quietscope.training.budget import Budget
from quietscope.training.companion import Companion
from quietscope.training.fit import fit
from quietscope.training.learner import TRAINING, Learner
from quietscope.training.patch_source import check_batch
from quietscope.training.settings import TrainingSettings
from quietscope.training.team import Team
from tests.tiny import Values, untrained
from tests.training.test_team import Blur

CPU = torch.device("cpu")
VARIANTS: dict[str, Values] = {
    "hdn paper": {"preset": "paper", "width": 8},
    "hdn fast": {},
    "dvlae paper": {"preset": "paper"},
    "dvlae fast": {},
    "divnoising": {},
    "noise2void paper": {"preset": "paper", "masked_share": 0.05},
    "deconoising paper": {"preset": "paper", "masked_share": 0.05},
    "hdn 3-D": {"dims": 3, "preset": "paper"},
}


def build(name: str) -> LearningMethod:
    return untrained(METHODS[name.partition(" ")[0]], **VARIANTS[name]).train()


def gradients(method: LearningMethod) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in method.named_parameters() if p.grad is not None}


def patches(number: int) -> Tensor:
    return 150 + 30 * torch.randn(number, 1, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def without_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the random numbers out of ladders; every piece draws its own, and a whole batch yet others."""

    def none(self: Ladder, x: Tensor) -> list[Tensor]:
        shapes = (self.latent_shape(level, tuple(x.shape[2:])) for level in range(self.shape.num_levels))
        return [torch.zeros(len(x), *shape) for shape in shapes]

    monkeypatch.setattr(Ladder, "draw_noise", none)
    monkeypatch.setattr(torch, "rand_like", partial(torch.full_like, fill_value=0.5))


@pytest.mark.usefixtures("without_chance")
@pytest.mark.parametrize("at_once", [1, 3, 4])
@pytest.mark.parametrize("kind", [HDN, DVLAE])
def test_a_batch_in_pieces_has_the_gradients_of_the_whole(kind: type[HDN] | type[DVLAE], at_once: int) -> None:
    found = []
    for micro_batch in (None, at_once):
        method = untrained(kind, preset="paper", batch_norm=False, dropout=0.0)
        settings = toy_settings(batch_size=8, micro_batch=micro_batch, precision="float32")
        learner = Learner(method, settings, Team(device=CPU))
        loss = learner.backward(patches(8), 3)
        found.append((loss, gradients(method)))
    (whole, expected), (parted, mine) = found
    assert float(parted.total) == pytest.approx(float(whole.total), rel=1e-5)
    assert parted.terms.keys() == whole.terms.keys()
    assert all(float(parted.terms[name]) == pytest.approx(float(whole.terms[name]), rel=1e-4) for name in whole.terms)
    assert mine.keys() == expected.keys()
    largest = max(float(value.abs().max()) for value in expected.values())
    for name, value in expected.items():
        assert torch.allclose(mine[name], value, rtol=1e-3, atol=1e-5 * largest), name


def test_a_piece_draws_what_a_process_with_its_number_draws() -> None:
    batch = patches(4)
    method = untrained(HDN)
    learner = Learner(method, toy_settings(batch_size=4, micro_batch=2), Team(device=CPU))
    alone = Learner(untrained(HDN), toy_settings(batch_size=2), Team(device=CPU, rank=1))
    with torch.no_grad():
        one = learner.loss(batch[2:], 7, TRAINING, place=1)
        same = alone.loss(batch[2:], 7, TRAINING)
        other = learner.loss(batch[2:], 7, TRAINING)
    assert torch.equal(one.total, same.total)
    assert not torch.equal(one.total, other.total)


def test_pieces_are_as_even_as_can_be() -> None:
    settings = toy_settings(batch_size=9, micro_batch=4)
    assert (settings.at_once, settings.num_pieces(9)) == (4, 3)
    assert [len(piece) for piece in torch.tensor_split(patches(9), settings.num_pieces(9))] == [3, 3, 3]
    assert toy_settings(batch_size=2, micro_batch=4).num_pieces(2) == 1
    assert toy_settings(batch_size=2).at_once == 2


def test_pieces_that_are_too_small_are_refused() -> None:
    with pytest.raises(SettingsError, match="micro_batch must be at least 4 for batch_size"):
        Configuration.of({"method": "hdn", "training": {"batch_size": 128, "micro_batch": 2}})
    method = untrained(HDN, preset="paper", filters=(4,) * 3, latent_channels=(4,) * 3)
    with pytest.raises(SettingsError, match=r"micro_batch = 1 and a patch of 8 x 8.*leave micro_batch out"):
        check_batch(method, toy_settings(patch=8, batch_size=4, micro_batch=1))
    with pytest.raises(SettingsError, match=r"batch_size = 1 and a patch of 8 x 8.*batch_size to 2"):
        check_batch(method, toy_settings(patch=8, batch_size=1))
    with pytest.raises(SettingsError, match=r"batch_size = 3, micro_batch = 2 and a patch"):
        check_batch(method, toy_settings(patch=8, batch_size=3, micro_batch=2))
    check_batch(method, toy_settings(patch=8, batch_size=8, micro_batch=2))


def trained(make: Callable[[], LearningMethod], **changes: object) -> tuple[dict[str, Tensor], float]:
    method = make()
    settings = toy_settings(batch_size=2, validate_every=2, **changes)
    report = fit(method, toy_frames(method), settings, Budget(steps=4), device=CPU)
    return report.last_state, report.best_validation_loss


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_computed_again_changes_no_bit(name: str, precision: str) -> None:
    """Dropout draws the same channels, and batch normalisation counts each batch once."""
    (plain, loss), (again, other) = (
        trained(partial(build, name), checkpointing=checkpointing, precision=precision)
        for checkpointing in (False, True)
    )
    assert loss == other
    assert plain.keys() == again.keys()
    for key, value in plain.items():
        assert torch.equal(value, again[key]), key


def test_a_companion_is_computed_again_too() -> None:
    states = []
    for checkpointing in (False, True):
        method, student = untrained(DivNoising).train(), untrained(DirectDenoiser).train()
        student.learn_from(method)
        settings = toy_settings(batch_size=2, micro_batch=1, checkpointing=checkpointing)
        fit(method, toy_frames(method), settings, Budget(steps=3), device=CPU, companion=Companion(student))
        states.append({**method.state_dict(), **{f"student {name}": v for name, v in student.state_dict().items()}})
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def kept_bytes(method: LearningMethod, x: Tensor) -> int:
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        method.loss(x)
    return sum(kept.values())


@pytest.mark.parametrize("name", ["hdn paper", "dvlae paper", "noise2void paper"])
def test_less_is_kept_and_the_network_is_as_it_was(name: str) -> None:
    method, x = build(name), patches(4)
    before = kept_bytes(method, x)
    with recomputing([method]):
        assert kept_bytes(method, x) < 0.7 * before
    assert kept_bytes(method, x) == before
    assert all("forward" not in vars(block) for block in blocks_of(method))


def test_settings_that_would_do_nothing_are_refused() -> None:
    class Plain(Blur):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Conv2d(1, 1, 3, padding=1)

    with pytest.raises(SettingsError, match="blocks that can be computed again"):
        Learner(Plain(), TrainingSettings(checkpointing=True), Team(device=CPU))
    with pytest.raises(SettingsError, match="compile and checkpointing"):
        Configuration.of({"method": "hdn", "training": {"compile": True, "checkpointing": True}})
