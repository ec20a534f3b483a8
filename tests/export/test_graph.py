"""A graph gives what its method gives, and leaves the method alone."""

import gc

import pytest
import torch
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.fx.graph_module import _loader

from quietscope.export import Graph
from quietscope.export.centre import Centre, centred
from quietscope.export.program import traced
from quietscope.methods import METHODS
from quietscope.methods.base import DeconvolvingMethod, MomentsMethod, PointMethod, PosteriorMethod
from quietscope.methods.hdn import HDN
from quietscope.methods.noise2void import Noise2Void
from tests.tiny import untrained


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dims", [2, 3])
def test_graph_equals_method(method: str, dims: int) -> None:
    original = untrained(METHODS[method], dims=dims, channels=2)
    before = {name: value.clone() for name, value in original.state_dict().items()}
    graph = Graph.of(original)
    x, *noise = graph.example_inputs(num_samples=3, seed=1)
    assert x.shape[:2] == (1, 2)
    found = graph(x, *noise)
    assert len(found) == len(graph.output_names)
    assert len(graph.input_names) == 1 + len(noise)
    with torch.no_grad():
        if isinstance(original, PosteriorMethod):
            encoding = tuple(part.expand(3, *part.shape[1:]) for part in original.encode(x))
            wanted = [original.decode(encoding, noise)]
            assert graph.output_names == ("sample",)
        elif isinstance(original, DeconvolvingMethod):
            wanted = [original.predict(x), original.deconvolve(x)]
        elif isinstance(original, MomentsMethod):
            wanted = [*original.moments(x)]
        else:
            assert isinstance(original, PointMethod)
            wanted = [original.predict(x)]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-3)
    assert original.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in original.state_dict().items())


def test_noise_that_is_not_random_is_zero() -> None:
    graph = Graph.of(untrained(HDN, preset="paper", deterministic_levels=(0,)))
    _, fine, coarse = graph.example_inputs()
    assert not fine.any()
    assert coarse.any()


def test_the_centre_of_a_posterior_is_its_image_at_zero_noise() -> None:
    method = untrained(HDN)
    centre = centred(method)
    assert isinstance(centre, Centre)
    graph = Graph.of(centre)
    assert graph.output_names == ("denoised",)
    (x,) = graph.example_inputs()
    zeros = [torch.zeros_like(each) for each in Graph.of(method).example_inputs(num_samples=1)[1:]]
    torch.testing.assert_close(graph(x)[0], Graph.of(method)(x, *zeros)[0])
    assert centred(untrained(Noise2Void)).name == "noise2void"


def test_a_traced_program_is_not_kept() -> None:
    """PyTorch would keep what it recorded of every program for as long as the process lives."""

    def recorded() -> int:
        return sum(type(each) is ShapeEnv and bool(vars(each)) for each in gc.get_objects())

    graph = Graph.of(untrained(Noise2Void))
    before, code = recorded(), {*_loader.eval_cache}
    with traced(graph) as program:
        assert recorded() > before
        assert {*_loader.eval_cache} > code
        assert program.graph_module.graph.nodes
    del program
    gc.collect()
    assert recorded() == before
    assert {*_loader.eval_cache} == code
