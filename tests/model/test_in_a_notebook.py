"""What a notebook shows, in a real kernel: progress that ends, models, results, figures and tables."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="there is nothing to run a notebook with")
pytest.importorskip("ipykernel", reason="there is no kernel to run a notebook in")
nbformat = pytest.importorskip("nbformat", reason="there is nothing to write a notebook with")

CELLS = (
    """import numpy as np
from quietscope import Denoiser
clean = np.kron(np.arange(9.0).reshape(3, 3), np.ones((16, 16))) * 20
noisy = np.random.default_rng(0).normal(clean, 5.0).astype(np.float32)
denoiser = Denoiser(method="hdn", noise="sigma=5", steps=6, network={"filters": [8, 8], "latent_channels": [4, 4]},
                    training={"batch_size": 2, "patch": 16, "validate_every": 3})
denoiser""",
    "denoiser.fit(noisy)",
    "result = denoiser.denoise(noisy, num_samples=4)\nresult",
    "result.show()",
    "result.compare(clean)",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What every cell has left on the page."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    paths = os.pathsep.join(filter(None, (str(Path("src").resolve()), os.environ.get("PYTHONPATH"))))
    kernel = {
        "IPYTHONDIR": str(folder),
        "PYTHONPATH": paths,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute(env={**os.environ, **kernel})
    return [cell.outputs for cell in notebook.cells]


def html_of(found: list[Any]) -> str:
    return "".join(output.data.get("text/html", "") for output in found if "data" in output)


def test_a_model_says_what_it_is_before_and_after(outputs: list[list[Any]]) -> None:
    assert "not trained yet" in html_of(outputs[0])
    assert "hdn" in html_of(outputs[1])
    assert "not trained yet" not in html_of(outputs[1])
    assert html_of(outputs[1]).count(">method<") == 1


def test_progress_is_one_line_that_ends(outputs: list[list[Any]]) -> None:
    """Not a line for each step, nor the codes of a terminal, nor a widget that a saved notebook cannot show."""
    shown = [output for output in outputs[1] if output.output_type == "display_data"]
    assert len(shown) == 1
    assert "training" in html_of(shown)
    assert "100%" in html_of(shown)
    everything = str(outputs)
    assert "\\x1b[" not in everything
    assert "jupyter.widget" not in everything


def test_a_result_shows_itself(outputs: list[list[Any]]) -> None:
    assert "data:image/png;base64," in html_of(outputs[2])
    assert "48 x 48" in html_of(outputs[2]).replace("×", "x")


def test_a_figure_is_shown_once(outputs: list[list[Any]]) -> None:
    pictures = [output for output in outputs[3] if "image/png" in output.get("data", {})]
    assert len(pictures) == 1


def test_a_comparison_is_a_table(outputs: list[list[Any]]) -> None:
    assert "<table" in html_of(outputs[4])
    assert "PSNR" in html_of(outputs[4])


def test_nothing_is_told_as_a_mistake(outputs: list[list[Any]]) -> None:
    said = [output.text for cell in outputs for output in cell if output.output_type == "stream"]
    assert [text for text in said if "Warning" in text or "Traceback" in text] == []
