"""Memory and threads are as flat after many runs as after a few."""

import gc
import threading
import weakref
from typing import Any

from tests.napari.conftest import MakeDock, denoise, image_layer, layer_of_kind, learn, noisy
from tests.napari.screen import live, until

RUNS, LEARNT, FIRST = 20, 4, 5
"""Runs, among them those that begin with learning, and those after which threads are counted."""


def test_twenty_runs_leave_nothing_behind(make_dock: MakeDock) -> None:
    layer = image_layer(noisy(48, 64))
    dock = make_dock(layer)
    left: dict[str, weakref.WeakSet[Any]] = {name: weakref.WeakSet() for name in ("layers", "models", "results")}
    arrays, threads = list[weakref.ref[Any]](), []
    for number in range(RUNS):
        if number < LEARNT:
            learn(dock)
        denoise(dock)
        made = layer_of_kind(dock, "mean")
        left["layers"].add(made)
        left["models"].add(dock.desk.denoiser)
        left["results"].add(dock.desk.shown[layer])
        arrays.append(weakref.ref(made.data))
        dock.viewer.layers.remove(made)
        del made
        live(0.01)
        threads.append(threading.active_count())
    assert max(threads[FIRST:]) <= threads[FIRST - 1]
    assert dock.desk.is_busy is False

    def kept() -> list[int]:
        gc.collect()
        return [*(len(each) for each in left.values()), sum(each() is not None for each in arrays)]

    # The last of each, and at most the one before, which a thread that ends may hold a little longer; not 4 or 20.
    until(lambda: min(kept()) >= 1 and max(kept()) <= 2, seconds=20)
