"""Chromium without a window, spoken to over a pair of pipes; no other program is needed to drive it."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MOST_SECONDS = 30.0
"""How long an answer is waited for."""

_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
          "--no-first-run", "--disable-background-networking", "--disable-extensions")  # fmt: skip


class Tab:
    """A page that is open, and what it has said and asked for.

    Args:
        pipe: Function that sends a message and returns the answer.
        session: Identity of the page for it.
    """

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **values: Any) -> dict[str, Any]:
        """Ask for something, and return the answer."""
        return self._browser.call(method, values, self._session)

    def open(self, path: Path) -> None:
        """Show a file, and wait until all of it is there."""
        self.events.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=path.resolve().as_uri())
        self._browser.wait(lambda: any(event["method"] == "Page.loadEventFired" for event in self.events))

    def value(self, script: str) -> Any:
        """Return what an expression of JavaScript gives; promises are waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def media(self, kind: str = "", **features: str) -> None:
        """Show the page as on another medium, e.g. "print", or with features, e.g. prefers_color_scheme="dark"."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=kind, features=named)

    def size(self, width: int, height: int, *, scale: float = 1.0) -> None:
        """Set the size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def press(self, key: str, code: int) -> None:
        """Press and release a key, such as "Tab" with code 9."""
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        for kind in ("keyDown", "keyUp"):
            extra = text if kind == "keyDown" else {}
            values = {"type": kind, "key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", **values, **extra)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move, press or release ("mouseMoved", "mousePressed", "mouseReleased") at a place of the window."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def picture(self, *, whole: bool = False) -> bytes:
        """Return what is seen as PNG, of the window or of the whole page."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def pdf(self) -> bytes:
        """Return the page as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, to: int, of: int) -> None:
        self._to, self._of = to, of
        self._left = b""
        self._count = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._tabs: dict[str, Tab] = {}

    def call(self, method: str, values: dict[str, Any], session: str = "") -> dict[str, Any]:
        """Send a message, and return the answer."""
        self._count += 1
        number = self._count
        message = {"id": number, "method": method, "params": values} | ({"sessionId": session} if session else {})
        os.write(self._to, json.dumps(message).encode() + b"\0")
        self.wait(lambda: number in self._answers)
        answer = self._answers.pop(number)
        assert "error" not in answer, (method, answer)
        return dict(answer["result"])

    def wait(self, is_so: Any) -> None:
        """Hear what Chromium says until something is so."""
        until = time.monotonic() + MOST_SECONDS
        while not is_so():
            assert time.monotonic() < until, "Chromium does not answer"
            self._hear(0.2)

    def hear(self, seconds: float) -> None:
        """Hear what Chromium says for some time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._hear(left)

    def tab(self) -> Tab:
        """Open an empty page."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._tabs[session] = found = Tab(self, session)
        return found

    def _hear(self, seconds: float) -> None:
        if not select.select([self._of], [], [], seconds)[0]:
            return
        *messages, self._left = (self._left + os.read(self._of, 1 << 20)).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            elif message.get("sessionId") in self._tabs:
                self._tabs[message["sessionId"]].events.append(message)


@contextmanager
def chromium(home: Path) -> Iterator[Browser]:
    """Start Chromium with a profile of its own in a folder, and end it."""
    assert PROGRAM is not None
    (theirs_in, to), (of, theirs_out) = os.pipe(), os.pipe()
    words = [PROGRAM, *_FLAGS, "--remote-debugging-pipe", f"--user-data-dir={home}", "about:blank"]
    joined = ["sh", "-c", f'exec "$@" 3</dev/fd/{theirs_in} 4>/dev/fd/{theirs_out}', "sh", *words]
    with subprocess.Popen(
        joined, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs_in)
        os.close(theirs_out)
        browser = Browser(to, of)
        try:
            yield browser
            browser.call("Browser.close", {})
        finally:
            os.close(to)
            os.close(of)
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
