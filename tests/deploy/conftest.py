"""Exported models of three kinds, and the denoisers they were made of."""

import pytest

from quietscope.export import export_model
from quietscope.methods import METHODS
from tests.deploy.exported import Exported
from tests.tiny import Values, denoiser

CASES: dict[str, tuple[str, Values]] = {
    "hdn": ("model.onnx", {"deterministic_levels": (0,), "blocks": 0, "final_blocks": 0}),
    "deconoising": ("model.xml", {}),
    "direct": ("model.pt2", {}),
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """One model of each kind: one that samples (ONNX), deconvolves (OpenVINO), gives one image (torch.export)."""
    cases = {}
    for method, (name, settings) in CASES.items():
        scene = {"mean": 300.0, "std": 60.0, "channels": 2 if method == "hdn" else 1}
        made = denoiser(METHODS[method], scene=scene, card={"spread_factor": 1.25}, **settings)
        path = tmp_path_factory.mktemp(method) / name
        export_model(made, path, check=False)
        cases[method] = Exported(made, path)
    return cases
