"""What a library says while it runs a model is told in one line; too little memory stays what it is."""

from pathlib import Path

import numpy as np
import pytest

from quietscope.deploy.card import Card
from quietscope.deploy.session import Array, Session
from quietscope.errors import ModelFileError

CARD = Card(
    method="hdn", outputs=("denoised",), spatial_dims=2, size_multiple=(1, 1), halo=(0, 0), reach=(0, 0), num_channels=1
)


class Failing(Session):
    """A model whose library fails.

    Args:
        error: What it raises; None for an output of another name.
    """

    def __init__(self, error: Exception | None) -> None:
        super().__init__(CARD, Path("model.onnx"))
        self._error = error

    def _compute(self, inputs: dict[str, Array]) -> dict[str, Array]:
        if self._error is not None:
            raise self._error
        return {"other": inputs["x"]}


@pytest.mark.parametrize("error", [RuntimeError("Non-zero status code\nwhile running"), None])
def test_a_model_that_cannot_be_run_is_named(error: Exception | None) -> None:
    with pytest.raises(ModelFileError, match=r"model\.onnx") as caught:
        Failing(error).run(np.zeros((1, 1, 4, 4), np.float32))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("words", ["std::bad_alloc", "Failed to allocate memory for requested buffer"])
def test_too_little_memory_is_no_damage(words: str) -> None:
    with pytest.raises(MemoryError):
        Failing(RuntimeError(words)).run(np.zeros((1, 1, 4, 4), np.float32))
