"""A screen, a viewer with the dock in it, and settings of nobody."""

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny
from tests.napari.screen import live, open_screen, until

MakeDock = Callable[..., Any]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="session")
def is_drawn() -> bool:
    """Return whether windows are drawn; the tests need Qt at least, which needs libraries of the system."""
    os.environ["NAPARI_CONFIG"] = ""  # napari is to leave the settings of whoever runs the tests alone
    os.environ["QT_API"] = "pyside6"
    is_drawn = open_screen()
    pytest.importorskip("qtpy.QtWidgets", reason="Qt lacks libraries of the system", exc_type=ImportError)
    with warnings.catch_warnings(action="ignore"):  # what other people's packages warn of while they are imported
        for name in ("napari.viewer", "napari.components", "napari.layers", "napari.qt", "npe2", "napari.plugins"):
            importlib.import_module(name)
    return is_drawn


@pytest.fixture
def app(is_drawn: bool, tmp_path: Path) -> Iterator[Any]:
    """Return the application, with settings in a folder of the test; what fails in a slot of Qt fails the test."""
    from napari.qt import get_qapp
    from npe2 import PluginManager, PluginManifest
    from qtpy.QtCore import QSettings

    application = get_qapp()
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))
    manager = PluginManager.instance()
    if "quietscope" not in manager:
        import quietscope.napari

        place = Path(str(quietscope.napari.__file__)).with_name("napari.yaml")
        manager.register(PluginManifest.from_file(place))
    raised: list[BaseException] = []
    before, sys.excepthook = sys.excepthook, lambda kind, error, trace: raised.append(error)
    yield application
    sys.excepthook = before
    assert raised == []


@pytest.fixture
def qtbot(app: Any, request: pytest.FixtureRequest) -> Any:
    """Return the mouse of pytest-qt; its plugin is not loaded, for it ends runs of any tests where Qt cannot be."""
    from pytestqt.qt_compat import qt_api
    from pytestqt.qtbot import QtBot

    qt_api.set_qt_api("pyside6")
    return QtBot(request)


@pytest.fixture
def told(app: Any) -> Iterator[list[str]]:
    """Return the notifications, as they come."""
    from napari.utils.notifications import notification_manager

    lines: list[str] = []

    def hear(notification: Any) -> None:
        lines.append(notification.message)

    notification_manager.notification_ready.connect(hear)
    yield lines
    notification_manager.notification_ready.disconnect(hear)


@pytest.fixture
def make_dock(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeDock]:
    """Return what makes a dock over some layers, without a window around it; networks are tiny, runs short."""
    from napari.components import ViewerModel

    from quietscope.napari.dock import QuietScopeDock
    from quietscope.napari.learn_settings import LearnSettings

    docks: list[Any] = []
    values = LearnSettings.values

    def brief(self: Any) -> dict[str, Any]:
        asked = values(self)
        name = "noise2void" if asked["method"] == "auto" else asked["method"]
        short = {"network": tiny.network(name), "training": tiny.TRAINING, "steps": 4}
        return (
            {**asked, "method": name, "noise": "sigma=10", **short}
            if name == "hdn"
            else {**asked, "method": name, **short}
        )

    monkeypatch.setattr(LearnSettings, "values", brief)
    monkeypatch.setattr("quietscope.napari.learning_work._Watched.quick", lambda self: None)  # seconds, where it suits

    def make(*layers: Any) -> Any:
        viewer = ViewerModel()
        dock = QuietScopeDock(viewer)
        for layer in layers:
            viewer.add_layer(layer)
        dock.learn.runs.setText(str(tmp_path / "runs"))
        docks.append(dock)
        return dock

    yield make
    for dock in docks:
        dock.leave()
        dock.deleteLater()
    live(0.01)
    gc.collect()


def image_layer(pixels: Any, name: str = "cells", **more: Any) -> Any:
    """Return an image layer."""
    from napari.layers import Image

    return Image(pixels, name=name, **more)


def noisy(*shape: int) -> Any:
    """Return a noisy image of some shape: blobs, and noise with a deviation of 10."""
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    clean = 100 + 40 * np.sin(x / 6) * np.cos(y / 7)
    return (clean + RNG.normal(0, 10, shape)).astype(np.float32)


def settle(dock: Any) -> None:
    """Let a dock work until nothing is at work any more."""
    until(lambda: not dock.desk.is_busy)


def learn(dock: Any, method: str = "noise2void") -> None:
    """Press Learn, and wait."""
    dock.learn.settings.choose(method)
    dock.learn.learn.click()
    settle(dock)
    assert dock.desk.denoiser is not None, dock.learn.words.text()


def denoise(dock: Any) -> None:
    """Press Denoise, and wait."""
    dock.denoise.run.click()
    settle(dock)


def layer_of_kind(dock: Any, kind: str) -> Any:
    """Return the one layer of a kind that QuietScope has made."""
    [found] = [each for each in dock.viewer.layers if each.metadata.get("quietscope", {}).get("kind") == kind]
    return found
