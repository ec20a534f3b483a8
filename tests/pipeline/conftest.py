"""Two tiny noisy frames, their clean reference, and settings of a training of a fraction of a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietscope import DenoisePlan, Request, plan_denoise, write_image

SIDE = 48
_SETTINGS: dict[str, Any] = {
    "steps": 6,
    "network": {"filters": [8, 8], "latent_channels": [4, 4], "stem_filters": 8, "blocks": 0, "final_blocks": 0},
    "training": {
        "patch": 16,
        "batch_size": 2,
        "validate_every": 2,
        "validation_patches": 2,
        "warmup_steps": 0,
        "precision": "float32",
    },
}


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a.tif and b.tif (TYX uint16, 2 frames each) and their clean references."""
    folder = tmp_path_factory.mktemp("cells")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    for number, name in enumerate("ab"):
        clean = np.stack([200 + 100 * np.sin(x / 5 + n + number) * np.cos(y / 7) for n in range(2)])
        write_image(folder / f"clean_{name}.tif", clean.astype(np.float32), "TYX")
        write_image(folder / f"{name}.tif", rng.poisson(clean).astype(np.uint16), "TYX")
    return folder


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """How to train in six steps."""
    return _SETTINGS


@pytest.fixture(scope="session")
def plan_of(cells: Path) -> Callable[..., DenoisePlan]:
    """Return what plans to denoise images of `cells` by their names, ``plan_of(folder, "a", "b")``."""

    def plan(folder: Path, *names: str, **changes: Any) -> DenoisePlan:
        values: dict[str, Any] = {"settings": _SETTINGS, "device": "cpu", "request": Request(num_samples=3), **changes}
        return plan_denoise([cells / f"{name}.tif" for name in names or ("a",)], folder, **values)

    return plan
