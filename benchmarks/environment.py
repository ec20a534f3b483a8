"""Where a benchmark ran, and its result file: every figure names its machine and versions."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("quietscope", "torch", "numpy", "scipy", "scikit-image")


def environment() -> dict[str, Any]:
    """Return the machine, the interpreter and the versions of the packages that matter to a figure."""
    return {
        "cpu": _cpu_model(),
        "num_cpus": os.cpu_count(),
        "gpu": _gpu_model(),
        "num_threads": int(os.environ.get("OMP_NUM_THREADS", "0")) or None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def write_result(name: str, payload: dict[str, Any]) -> Path:
    """Write ``results/NAME.json``: the payload beside the environment; return its path."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    text = json.dumps({"benchmark": name, "environment": environment(), **payload}, indent=2, allow_nan=False)
    partial = path.with_suffix(".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def data_folder() -> Path:
    """Return the folder of the benchmark data: ``QUIETSCOPE_DATA``, or ``../shared/data`` beside the repository."""
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("QUIETSCOPE_DATA", default))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _gpu_model() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
