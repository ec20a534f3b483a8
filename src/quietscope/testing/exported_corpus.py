"""One exported model of every kind, opened and run once by its native library, for `quietscope.testing.mutations`.

A mutation of these may kill the process that reads it: read them in a process of its own.
"""

import multiprocessing
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from quietscope.testing.mutations import Subject

SIDE = 16
_KINDS = {"model.onnx": "model.onnx", "model.xml": "model.xml", "model.bin": "model.xml", "model.pt2": "model.pt2"}
_NETWORK = {"filters": 4, "depth": 2}


def exported_subjects(folder: Path) -> Iterator[Subject]:
    """Export a tiny model in another process, so that none of the libraries has a thread in this one.

    Args:
        folder: Where to write, empty.

    Yields:
        The files and their readers.
    """
    process = multiprocessing.get_context("spawn").Process(target=_export, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode
    for file, opened in _KINDS.items():
        yield Subject(name=f"exported {file}", file=folder / file, read=partial(run_once, folder / opened))


def run_once(path: Path) -> None:
    """Open an exported model and run it on a small image.

    Args:
        path: The model.
    """
    from quietscope.deploy.formats import open_session

    session = open_session(path)
    size = (SIDE,) * session.card.spatial_dims
    x = np.zeros((1, session.card.num_channels, *size), np.float32)
    session.run(x)  # the model does not sample


def _export(folder: Path) -> None:
    import torch

    from quietscope.data.normalize import Statistics
    from quietscope.denoiser import Denoiser
    from quietscope.export import export_model
    from quietscope.methods import METHODS
    from quietscope.model.file import ModelCard
    from quietscope.presets import Configuration

    configuration = Configuration.of({"method": "noise2void", "network": _NETWORK})
    statistics = Statistics(torch.tensor([100.0]), torch.tensor([20.0]))
    method = METHODS["noise2void"].build(configuration.method_settings(), statistics, [])
    denoiser = Denoiser.of(method.eval(), ModelCard(configuration=configuration, axes="YX"), "cpu")
    for name in dict.fromkeys(_KINDS.values()):
        export_model(denoiser, folder / name)
