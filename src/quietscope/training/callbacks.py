"""What happens beside the training steps: watching, stopping on Ctrl-C, checkpoints that survive a kill."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L

from quietscope.errors import Stop
from quietscope.training.module import TrainingModule


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """What a progress display shows after a step."""

    step: int
    seconds: float
    progress: float
    loss: float
    terms: dict[str, float]
    validation_loss: float
    learning_rate: float


Watcher = Callable[[TrainingState], None]
"""Told how training stands; ends it in order by raising `quietscope.errors.Stop`."""


class Watch(L.Callback):
    """Tells a watcher how training stands, after every step."""

    def __init__(self, watcher: Watcher | None, interrupt: "Interrupt") -> None:
        self._watcher, self._interrupt = watcher, interrupt

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        """Tell."""
        assert isinstance(module, TrainingModule)
        if self._watcher is None or module.last_loss is None:
            return
        state = TrainingState(
            step=module.global_step,
            seconds=module.seconds,
            progress=module.progress,
            loss=float(module.last_loss.total.detach()),
            terms={name: float(value) for name, value in module.last_loss.terms.items()},
            validation_loss=module.validation_loss,
            learning_rate=float(trainer.optimizers[0].param_groups[0]["lr"]),
        )
        try:
            self._watcher(state)
        except Stop:
            self._interrupt.requested = True


class Interrupt(L.Callback):
    """Turns the first Ctrl-C (or SIGTERM) into an orderly end; the second one interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self.terminated = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside this block; a no-op outside the main thread, which alone receives them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        earlier = [signal.signal(number, self._request) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, earlier, strict=True):
                signal.signal(number, handler)

    def on_train_start(self, *_: Any) -> None:
        """Take SIGTERM back from Lightning, which would answer it with an exception in the middle of the loop."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._request)

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """End the run after this step if asked to."""
        if self.requested:
            trainer.should_stop = True

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self.terminated = number == signal.SIGTERM


class Checkpoint(L.Callback):
    """Writes the resume file after every validation and at the end, beside the old one and then in its place."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every = path, every

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        """Write before the step that follows a validation.

        At the end of a step Lightning calls callbacks before the module itself, which has yet to validate then.
        """
        if trainer.global_step > 0 and trainer.global_step % self._every == 0:
            self._write(trainer)

    def on_train_end(self, trainer: Any, *_: Any) -> None:
        """Write the last state."""
        self._write(trainer)

    def _write(self, trainer: Any) -> None:
        temporary = self._path.with_suffix(".partial")
        trainer.save_checkpoint(temporary)
        temporary.replace(self._path)
