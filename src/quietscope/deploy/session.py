"""An exported model, opened: NumPy arrays in, NumPy arrays out, whatever runs it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quietscope.deploy.card import Card, damaged
from quietscope.errors import ModelFileError, SettingsError
from quietscope.main_memory import tune_allocator
from quietscope.wording import typed

Array = npt.NDArray[np.float32]
INSTALL = 'run `pip install "quietscope[export]"`'


class Session(ABC):
    """A model that is ready to run.

    Args:
        card: What is known of it.
        path: Its file.
    """

    def __init__(self, card: Card, path: Path) -> None:
        self.card = card
        self.path = path
        tune_allocator()  # what is made of tiles and chunks, too, is allocated and freed again and again

    def run(self, x: Array, noise: Sequence[Array] = ()) -> dict[str, Array]:
        """Run the model once.

        Args:
            x: An image (1, C, *S), intensity units, S multiples of `Card.size_multiple`.
            noise: One (K, c_l, *S_l) per entry of `Card.latents`.

        Returns:
            By name of the output: (1, C, *S), or samples (K, C, *S); float32, intensity units.

        Raises:
            ModelFileError: If the library that runs it cannot.
        """
        assert len(noise) == len(self.card.latents), (len(noise), self.card.latents)
        inputs = [np.ascontiguousarray(each, dtype=np.float32) for each in (x, *noise)]
        try:
            found = self._compute(dict(zip(self.card.input_names, inputs, strict=True)))
            return {name: found[name] for name in self.card.outputs}
        except Exception as error:  # the libraries raise whatever they like
            if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
                raise
            if "allocate memory" in str(error) or "bad_alloc" in str(error):
                raise MemoryError(str(error)) from error
            raise damaged(self.path, str(error)) from error

    @abstractmethod
    def _compute(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Compute all outputs by name."""


def missing(library: str, path: Path) -> ModelFileError:
    """Build the error of a runtime that is not installed."""
    return ModelFileError(f"{library} to be installed, which runs {path.name}", f"no module {library}", INSTALL)


def unknown_device(device: str, known: Sequence[str]) -> SettingsError:
    """Build the error of a device that is not there."""
    return SettingsError(
        "a device that is there", f"{device!r}, and there is {' and '.join(known)}", f"try `{typed(device='cpu')}`"
    )
