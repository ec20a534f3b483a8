"""Times of models, measured in one run: times from different runs depend on the machine and on what else it runs."""

import time
from collections.abc import Mapping
from statistics import median

from quietscope.compression.calibration import Inputs
from quietscope.compression.gate import Runner
from quietscope.main_memory import tune_allocator

SIDE = 512
SIZE_3D = (16, 128, 128)
"""Size of a volume with as many pixels as a plane of 512 x 512."""

FEWEST, MOST, SECONDS = 5, 25, 15.0


def interleaved(runs: Mapping[str, Runner], inputs: Inputs) -> dict[str, float]:
    """Time models in turns: one run of each model, then again one run of each, and so on.

    The memory allocator is tuned first, as in prediction. Otherwise the reference model would return its memory to the
    system after every layer, and the speed-ups measured against it would be too large.

    Args:
        runs: Functions that apply the models, by name.
        inputs: Input arrays for every model, by name.

    Returns:
        Median time of each model in seconds, over 5 to 25 runs after one that is not counted.
    """
    tune_allocator()
    noise = {name: value for name, value in inputs.items() if name != "x"}
    for run in runs.values():
        run(inputs["x"], noise)
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + SECONDS
    for number in range(MOST):
        if number >= FEWEST and time.perf_counter() > end:
            break
        for name, run in runs.items():
            started = time.perf_counter()
            run(inputs["x"], noise)
            times[name].append(time.perf_counter() - started)
    return {name: median(values) for name, values in times.items()}
