"""Programs of torch.export: their card, and PyTorch to run them."""

from pathlib import Path
from typing import final

from quietscope.deploy.card import KEY, MOST_BYTES, Card, damaged
from quietscope.deploy.program_check import safe_program
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.session import Array, Session
from quietscope.outside.archive import members, read_member


@final
class ProgramSession(Session):
    """A program that PyTorch has loaded.

    Args:
        card: What is known of it.
        path: Its file.
        device: Such as "cpu" or "cuda:1"; the CPU if None.
    """

    def __init__(self, card: Card, path: Path, device: str | None) -> None:
        import torch
        from torch.export.passes import move_to_device_pass

        from quietscope.main_memory import tune_allocator
        from quietscope.nn.hardware import chosen_device

        super().__init__(card, path)
        tune_allocator()
        self._device = chosen_device(device or "cpu")
        try:
            program = torch.export.load(safe_program(path))
        except Exception as error:  # whatever lies in a damaged archive
            raise damaged(path, str(error)) from error
        if self._device.type != "cpu":
            program = move_to_device_pass(program, self._device)
        # The tracer takes a free size for two at least, and asks for it; what it wrote holds for one as well.
        self._module = program.module(check_guards=False)

    def _compute(self, inputs: dict[str, Array]) -> dict[str, Array]:
        import torch

        with torch.inference_mode():
            found = self._module(*(torch.from_numpy(each).to(self._device) for each in inputs.values()))
        return {name: each.cpu().numpy() for name, each in zip(self.card.outputs, found, strict=True)}


def open_program(card: Card, path: Path, device: str | None) -> Session:
    """Open a program of torch.export.

    Args:
        card: Its card.
        path: Its file.
        device: Such as "cpu" or "cuda:1"; the CPU if None.

    Returns:
        The session.

    Raises:
        ModelFileError: If it cannot be read.
        SettingsError: If the device is not there.
    """
    return ProgramSession(card, path, device)


def card_text(path: Path) -> str | None:
    """Return the card in a program, which is an archive."""
    name = next((each for each in members(path) if each.endswith(f"extra/{KEY}")), None)
    return None if name is None else read_member(path, name, MOST_BYTES).decode()


RUNTIME = Runtime(name="torch.export", suffix=".pt2", card_text=card_text, open=open_program)
