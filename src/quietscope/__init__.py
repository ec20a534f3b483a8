"""QuietScope removes noise from microscopy images without clean training data, and says how sure it is."""

from typing import TYPE_CHECKING, Any

from quietscope.version import __version__

if TYPE_CHECKING:
    from quietscope.compression import Compression, compress
    from quietscope.denoiser import Denoiser
    from quietscope.distillation.train import distill
    from quietscope.errors import Stop
    from quietscope.export import export_model
    from quietscope.io import Image, Storage, read_image, write_image
    from quietscope.model.exported import Deployed
    from quietscope.model.live_glance import glance
    from quietscope.model.result import Result
    from quietscope.pipeline.chunks.chunk_planning import plan_chunks
    from quietscope.pipeline.chunks.sharing import Sharing
    from quietscope.pipeline.events import (
        Began,
        ChunkProgress,
        Ended,
        Finished,
        ImageDone,
        Note,
        PredictionProgress,
        TrainingProgress,
        Waiting,
        Written,
    )
    from quietscope.pipeline.outcome import Outcome
    from quietscope.pipeline.plan import DenoisePlan, PredictPlan, TrainPlan
    from quietscope.pipeline.plan_words import describe
    from quietscope.pipeline.planning import plan_denoise, plan_predict, plan_train
    from quietscope.pipeline.predict_words import describe_prediction
    from quietscope.pipeline.results import Results
    from quietscope.pipeline.run import run
    from quietscope.pipeline.watch_plan import WatchPlan
    from quietscope.pipeline.watch_planning import plan_watch
    from quietscope.samples import sample_path
    from quietscope.tiling.request import Request


# Imported when first asked for: PyTorch takes longer to import than a short command to run.
_HOMES = {
    "Began": "quietscope.pipeline.events",
    "Compression": "quietscope.compression",
    "DenoisePlan": "quietscope.pipeline.plan",
    "Denoiser": "quietscope.denoiser",
    "Deployed": "quietscope.model.exported",
    "Ended": "quietscope.pipeline.events",
    "Finished": "quietscope.pipeline.events",
    "Image": "quietscope.io",
    "ChunkProgress": "quietscope.pipeline.events",
    "ImageDone": "quietscope.pipeline.events",
    "Note": "quietscope.pipeline.events",
    "Outcome": "quietscope.pipeline.outcome",
    "PredictPlan": "quietscope.pipeline.plan",
    "PredictionProgress": "quietscope.pipeline.events",
    "Request": "quietscope.tiling.request",
    "Result": "quietscope.model.result",
    "Results": "quietscope.pipeline.results",
    "Stop": "quietscope.errors",
    "Storage": "quietscope.io",
    "TrainPlan": "quietscope.pipeline.plan",
    "TrainingProgress": "quietscope.pipeline.events",
    "Waiting": "quietscope.pipeline.events",
    "WatchPlan": "quietscope.pipeline.watch_plan",
    "Written": "quietscope.pipeline.events",
    "compress": "quietscope.compression",
    "describe": "quietscope.pipeline.plan_words",
    "describe_prediction": "quietscope.pipeline.predict_words",
    "distill": "quietscope.distillation.train",
    "export_model": "quietscope.export",
    "glance": "quietscope.model.live_glance",
    "plan_denoise": "quietscope.pipeline.planning",
    "Sharing": "quietscope.pipeline.chunks.sharing",
    "plan_chunks": "quietscope.pipeline.chunks.chunk_planning",
    "plan_predict": "quietscope.pipeline.planning",
    "plan_train": "quietscope.pipeline.planning",
    "plan_watch": "quietscope.pipeline.watch_planning",
    "read_image": "quietscope.io",
    "run": "quietscope.pipeline.run",
    "sample_path": "quietscope.samples",
    "write_image": "quietscope.io",
}
__all__ = [
    "Began",
    "ChunkProgress",
    "Compression",
    "DenoisePlan",
    "Denoiser",
    "Deployed",
    "Ended",
    "Finished",
    "Image",
    "ImageDone",
    "Note",
    "Outcome",
    "PredictPlan",
    "PredictionProgress",
    "Request",
    "Result",
    "Results",
    "Sharing",
    "Stop",
    "Storage",
    "TrainPlan",
    "TrainingProgress",
    "Waiting",
    "WatchPlan",
    "Written",
    "__version__",
    "compress",
    "describe",
    "describe_prediction",
    "distill",
    "export_model",
    "glance",
    "plan_chunks",
    "plan_denoise",
    "plan_predict",
    "plan_train",
    "plan_watch",
    "read_image",
    "run",
    "sample_path",
    "write_image",
]


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quietscope' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
