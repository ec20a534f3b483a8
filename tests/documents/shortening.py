"""README and the pages for users, made short enough to be run: visibly so, and nothing else of them is changed.

A budget of 4 minutes becomes 3 steps, a verb that trains with its default budget gets 3 steps of a tiny network, where
it takes a configuration, 12 samples are drawn, 4 where they are analysed, and a region ends where the small images do.
"""

import re
from pathlib import Path

import torch

from quietscope.methods import METHODS
from tests.documents.furniture import furnish_for
from tests.documents.running import SIDE, make_configuration
from tests.importers.stated_hdn import LadderVAE

SMALL = "training: {patch: 32, batch_size: 2, validation_patches: 2, warmup_steps: 0}\n"


def shorten(text: str) -> str:
    """Make everything that takes minutes take seconds."""
    return "".join(_shorten_line(line) for line in text.splitlines(keepends=True))


def furnish(text: str, folder: Path) -> None:
    """Write what a page speaks of, a checkpoint of another program, and a tiny configuration per method."""
    furnish_for(text, folder)
    torch.save(LadderVAE(levels=2, blocks=1), folder / "cells_best_vae.net")
    for method in METHODS:
        make_configuration(folder / f"{method}.yaml", method)
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")


def _shorten_line(line: str) -> str:
    if not line.startswith("quietscope"):
        return line.replace('budget="4m"', "steps=3").replace("num_samples=50", "num_samples=12")
    command, _, comment = line.rstrip().partition("  #")
    words = command.replace("--budget 4m", "--steps 3").replace("--steps 400", "--steps 3").rstrip()
    words = words.replace("--max-loss-db 0.2", "--max-loss-db 60")  # of a model that has learnt nothing
    words = words.replace("--region 0:256,0:384", f"--region 0:{SIDE},0:{SIDE}")
    if words.startswith("quietscope denoise") and "--steps" not in words:
        words += " --steps 3"
    if words.startswith(("quietscope denoise", "quietscope train")) and "--config" not in words:
        words += f" --config {_configuration(words)}.yaml"
    if re.match(r"quietscope (denoise|predict|recalibrate)\b", words):
        words += " --samples 12"
    words = analyse_few(words)
    return f"{words}  #{comment}\n"


def analyse_few(words: str) -> str:
    """Have a command that analyses samples draw four of them; others stay as they are."""
    if not re.match(r"quietscope (segment|measure|spots|read)\b", words):
        return words
    return re.sub(r" --samples \d+", "", words) + " --samples 4"


def _configuration(words: str) -> str:
    """Return the name of a configuration for a command: of the method's tiny network, or of a short training alone."""
    named = re.search(r"--method (\w+)", words)
    method = named[1] if named else "hdn"
    return "small" if "--from" in words or method not in METHODS else method
