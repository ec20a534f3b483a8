"""Memory and threads are as flat after many runs as after a few."""

import gc
import threading
import weakref
from types import FrameType
from typing import Any

from tests.napari.conftest import MakeDock, denoise, image_layer, layer_of_kind, learn, noisy
from tests.napari.screen import live

RUNS, LEARNT, FIRST, TRIES = 20, 4, 5, 20
"""Runs, among them those that begin with learning, those after which threads are counted; looks at what is kept."""


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

    # The last of each alone; where a process is full of other tests, the one before may be held longer, not 4 or 20.
    for _ in range(TRIES):
        now = kept()
        if now == [1, 1, 1, 1]:
            break
        live(0.2)
    assert min(now) >= 1
    assert max(now) <= 2, [_holders(each) for each in left["models"] if each is not dock.desk.denoiser]


def _holders(kept: Any, depth: int = 4) -> list[Any]:
    """Return in words who holds an object, and who holds those, so that a failure names them."""
    found, referrers = [], gc.get_referrers(kept)
    while referrers:  # which refers to them, too, as long as it has them
        each = referrers.pop()
        if not isinstance(each, FrameType):
            words = f"{type(each).__module__}.{type(each).__qualname__} {str(each)[:80]}"
            found.append([words, *(_holders(each, depth - 1) if depth > 1 else [])])
    return found
