"""The examples as notebooks without outputs: Sphinx runs them when it builds the site."""

from pathlib import Path

import jupytext
import nbformat

from pages import write_text

_NOTE = """:::{{note}}
The outputs below were made when this site was built, on the sample that comes with the package: by few steps of
training on small crops (`QUIETSCOPE_REDUCED=site`), so that figures and pictures are worse than what minutes give.
`python examples/{name}` takes these minutes; [Measured](../../explanations/measured.md) has figures of careful runs.
:::"""


def write(examples: Path, folder: Path) -> None:
    """Turn every script of a folder into a notebook.

    Args:
        examples: Where the scripts are.
        folder: Where the notebooks go; one that would not change is left alone, so that it is not run again.
    """
    scripts = sorted(examples.glob("*.py"))
    assert scripts, f"no examples in {examples}"
    for script in scripts:
        notebook = jupytext.read(script)
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"  # jupytext draws them, and a drawn one would be a change
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(_NOTE.format(name=script.name), id="note"))
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata["kernelspec"] = kernel
        write_text(folder / f"{script.stem}.ipynb", jupytext.writes(notebook, fmt="ipynb"))
    made = {script.stem for script in scripts}
    for old in folder.glob("*.ipynb"):
        if old.stem not in made:
            old.unlink()
