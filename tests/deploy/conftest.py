"""Exported models of three kinds, and the denoisers they were made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from quietscope import Denoiser
from quietscope.data.normalize import Statistics
from quietscope.export import export_model
from quietscope.methods import METHODS
from quietscope.model.file import ModelCard
from quietscope.noise import PoissonGaussian
from quietscope.presets import Configuration

LADDER = {"filters": (4, 4), "latent_channels": (2, 3), "blocks": 0, "final_blocks": 0, "stem_filters": 4}
CASES = {
    "hdn": ("model.onnx", 2, {**LADDER, "deterministic_levels": (0,)}),
    "deconoising": ("model.xml", 1, {"depth": 1, "filters": 4}),
    "direct": ("model.pt2", 1, {"depth": 1, "filters": 4}),
}


@dataclass(frozen=True)
class Case:
    """A denoiser, and the file it was exported to."""

    denoiser: Denoiser
    path: Path


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """One model of each kind: one that samples (ONNX), deconvolves (OpenVINO), gives one image (torch.export)."""
    cases = {}
    for method, (name, channels, network) in CASES.items():
        configuration = Configuration.of({"method": method, "network": network, "training": {"precision": "float32"}})
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            statistics = Statistics(torch.tensor([300.0, 90.0])[:channels], torch.tensor([60.0, 20.0])[:channels])
            noise = [PoissonGaussian(gain=0.5, offset=0.0, read_noise=3.0)] * channels
            made = METHODS[method].build(
                configuration.method_settings(), statistics, noise if METHODS[method].needs_noise else []
            )
            for parameter in made.parameters():
                if not parameter.abs().max():
                    torch.nn.init.normal_(parameter, 0, 0.1)
        denoiser = Denoiser.of(made.eval(), ModelCard(configuration=configuration, spread_factor=1.25), "cpu")
        path = tmp_path_factory.mktemp(method) / name
        export_model(denoiser, path, check=False)
        cases[method] = Case(denoiser, path)
    return cases
