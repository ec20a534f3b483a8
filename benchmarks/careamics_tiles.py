"""Tiled prediction of CAREamics, timed: run by `throughput.py` with an interpreter that has CAREamics.

``python careamics_tiles.py ARRAY FRAMES`` reads so many frames of a Zarr array (T, Y, X) into memory, trains a
Noise2Void U-Net for one epoch on a corner of them, and predicts all of them in tiles of 512 x 512 pixels. Where
torchvision is missing, which Noise2Void does not need, an empty module takes its place. Prints one line of JSON.
"""

import contextlib
import importlib
import importlib.util
import io
import json
import resource
import sys
import tempfile
import time
import types
from typing import Any

DEPTH, FILTERS, TILE, OVERLAP = 2, 30, 512, 48


def without_torchvision() -> None:
    """Let CAREamics be imported where torchvision is missing: other networks than that of Noise2Void use it."""
    importlib.import_module("torchmetrics")  # it looks for torchvision, and must not find the empty one

    if importlib.util.find_spec("torchvision") is not None:
        return
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        module: Any = types.ModuleType(name)
        module.__path__, module.__version__ = [], "0"
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)


def main() -> None:
    import zarr

    path, frames = sys.argv[1], int(sys.argv[2])
    noisy = zarr.open_array(path, mode="r")[:frames].astype("float32")
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        without_torchvision()
        package: Any = importlib.import_module("careamics")
        settings: Any = importlib.import_module("careamics.config")
        config = settings.create_advanced_n2v_config(
            experiment_name="n2v",
            data_type="array",
            axes="SYX",
            patch_size=(64, 64),
            batch_size=4,
            num_epochs=1,
            model_params={"depth": DEPTH, "num_channels_init": FILTERS},
        )
        careamist = package.CAREamist(config, work_dir=folder, enable_progress_bar=False)
        careamist.train(train_data=noisy[:, :128, :128], val_data=noisy[:1, :128, :128])
        weights = sum(each.numel() for each in careamist.model.parameters())
        options: dict[str, Any] = {
            "tile_size": (TILE, TILE),
            "tile_overlap": (OVERLAP, OVERLAP),
            "batch_size": 1,
            "num_workers": 0,
        }
        careamist.predict(noisy[:1], axes="SYX", data_type="array", **options)
        begin, processor = time.perf_counter(), used()
        careamist.predict(noisy, axes="SYX", data_type="array", **options)
        row = {"seconds": time.perf_counter() - begin, "cpu_seconds": used() - processor, "weights": weights}
    print(json.dumps(row))


def used() -> float:
    """Return the seconds of processor time of this process."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


if __name__ == "__main__":
    main()
