"""Compression from end to end: prune and fine-tune, convert, quantise; each step is judged before a file is written."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quietscope.compression.backend import BACKENDS, TorchRunner, check_backend
from quietscope.compression.bench import Bench, Candidate, rows_of
from quietscope.compression.calibration import calibration_inputs
from quietscope.compression.fine_tune import fine_tune
from quietscope.compression.gate import check_loss
from quietscope.compression.opinion_trial import SecondOpinion
from quietscope.compression.prune import check_share, prune
from quietscope.compression.report import REPORT_FILE, CompressionReport
from quietscope.data.mask import masked
from quietscope.denoiser import Denoiser
from quietscope.deploy.card import Card
from quietscope.errors import CompressionError, Terminated
from quietscope.export.describe import card_of
from quietscope.export.graph import Graph
from quietscope.io import ImageSource, as_images
from quietscope.io.alive import making, workshop
from quietscope.io.atomic import atomic_path, check_target
from quietscope.main_memory import tune_allocator
from quietscope.methods.abilities import require
from quietscope.methods.base import LearningMethod, Method
from quietscope.model.file import save_model
from quietscope.nn.hardware import gains_from_bf16
from quietscope.progress import training_shown
from quietscope.tiling.request import Precision
from quietscope.training.budget import Budget, parse_duration
from quietscope.training.fit import FitReport
from quietscope.training.watch import Watcher
from quietscope.wording import typed

DEFAULT_BUDGET = "4m"
DEFAULT_MAX_LOSS_DB = 0.1
MODEL_FILE = "model.safetensors"
_WORTH_BFLOAT16 = 0.05
"""dB that conversion to bfloat16 may lose, for twice the speed; if more is lost, the model stays in float32."""


@dataclass(frozen=True, kw_only=True)
class Compression:
    """How to compress a model; without `share` and `int8` the model is only converted to the backend.

    Attributes:
        share: Share of the channels to prune, above 0 and below 1; None prunes nothing.
        int8: Whether to quantise to 8-bit integers.
        max_loss_db: Largest loss allowed for all steps together, in dB.
        backend: Library that will run the compressed model: "openvino", "onnx" or "torch".
        budget: Fine-tuning time such as "4m"; 4 minutes if neither `budget` nor `steps` is given.
        steps: Fine-tuning steps; like `budget` of a model that is pruned alone.
        seed: Seed of everything random.

    Raises:
        CompressionError: If a setting is out of range, the backend does not support it, or a library is missing.
        BudgetError: If the budget cannot be read.
    """

    share: float | None = None
    int8: bool = False
    max_loss_db: float = DEFAULT_MAX_LOSS_DB
    backend: str = "openvino"
    budget: str | float | None = None
    steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.share is not None:
            check_share(self.share)
        elif self.budget is not None or self.steps is not None:
            given = typed(steps=self.steps) if self.budget is None else typed(budget=self.budget)
            raise CompressionError(
                "pruning, after which a model is fine-tuned", f"`{given}` without it", f"add `{typed(share=0.5)}`"
            )
        if not self.max_loss_db >= 0.0:
            raise CompressionError(
                "a loss of 0 dB or more", f"{self.max_loss_db:g}", f"pass e.g. `{typed(max_loss_db=0.1)}`"
            )
        check_backend(self.backend, is_pruned=self.share is not None, int8=self.int8)
        self.training_budget()

    def training_budget(self) -> Budget:
        """Return how long to fine-tune."""
        time = DEFAULT_BUDGET if self.budget is None and self.steps is None else self.budget
        return Budget(seconds=None if time is None else parse_duration(time), steps=self.steps)


def compress(
    denoiser: Denoiser,
    images: ImageSource | Sequence[ImageSource],
    folder: Path,
    compression: Compression,
    *,
    clean: ImageSource | Sequence[ImageSource] | None = None,
    second: SecondOpinion | None = None,
    axes: str | None = None,
    mask: ImageSource | None = None,
    overwrite: bool = False,
    watch: Watcher | None = None,
    notify: Callable[[str], None] | None = None,
    progress: bool | None = None,
) -> CompressionReport:
    """Make a trained model smaller and faster, and write the result only if it loses no more than `max_loss_db`.

    The steps are pruning with fine-tuning, conversion to the backend, and int8. Each step is judged on images that no
    step has seen (if there are 10 frames or more).

    Args:
        denoiser: The trained model; it is not changed.
        images: Noisy images like the training images, or the training images themselves; used for fine-tuning,
            calibration and judging.
        folder: Folder to write the compressed model to: model.xml with model.bin, model.onnx or model.safetensors, and
            report.json.
        compression: How to compress.
        clean: Clean references of the images, to judge by.
        second: Without them: what fits another model to judge by, see `quietscope.compression.opinion_trial`. Where
            there is none either, models are judged by `quietscope.compression.gate.rehearsal`.
        axes: Axes of the images, for files that do not name their axes.
        mask: Where pixels were measured, see `quietscope.Denoiser.fit`.
        overwrite: Whether a compressed model already in `folder` may be replaced.
        watch: Called after every step of fine-tuning.
        notify: Called with one line for each fact about the images that a person should know.
        progress: Whether to show how fine-tuning stands, see `quietscope.Denoiser.fit`.

    Returns:
        The report: size, speed and loss of the full model and of every step.

    Raises:
        CompressionError: If the model would lose more than `max_loss_db`; nothing is written in that case.
        QuietScopeError: If images or folder cannot be used.
    """
    check_target(folder, overwrite, is_compressed)
    if denoiser.method.neighbours:
        raise CompressionError(
            "a model that sees frames one by one",
            f"one that sees {denoiser.method.neighbours} more on each side",
            f"train one without `{typed('neighbours')}`, or export this one",
        )
    tune_allocator()
    with making(folder):
        references = None if clean is None else as_images(clean, axes)
        noisy = [masked(image, mask) for image in as_images(images, axes)]
        bench = Bench.of(denoiser, noisy, references, compression.seed, notify, second)
        with training_shown(watch, progress if compression.share is not None else False) as watcher:
            return _compress(denoiser, bench, folder, compression, overwrite, watcher)


def _compress(
    denoiser: Denoiser,
    bench: Bench,
    folder: Path,
    compression: Compression,
    overwrite: bool,
    watch: Watcher | None,
) -> CompressionReport:
    line = _Line(denoiser, compression, bench)
    if compression.share is not None:
        line.prune(compression.share, watch)
    if compression.backend != "torch":
        with workshop(folder.absolute()) as beside:
            line.convert(beside)
    if compression.int8:
        line.quantize()
    check_loss(line.costs, compression.max_loss_db, bench.trial.kind)
    with atomic_path(folder, overwrite=overwrite, replaceable=is_compressed) as target:
        target.mkdir()
        line.write(target)
        report = line.report()
        report.save(target / REPORT_FILE)
    return report


def is_compressed(folder: Path) -> bool:
    """Tell whether a folder holds a compressed model."""
    names = [MODEL_FILE, *(backend.file for backend in BACKENDS.values())]
    return (folder / REPORT_FILE).is_file() and any((folder / name).is_file() for name in names)


class _Line:
    """The sequence of compression steps applied to one model; each step adds a candidate to compare."""

    def __init__(self, denoiser: Denoiser, compression: Compression, bench: Bench) -> None:
        self.costs: dict[str, float] = {}
        self._denoiser, self._compression, self._bench = denoiser, compression, bench
        self._method = copy.deepcopy(denoiser.method).to("cpu").eval()
        self._lower = gains_from_bf16("cpu")
        self._in_torch = f"PyTorch {'bfloat16' if self._lower else 'float32'}"
        self._exported: Any = None
        self._precision: Precision = "auto"
        self._fit: FitReport | None = None
        method, size = self._method, _weight_bytes(self._method)
        predicted = TorchRunner.as_predicted(method, self._lower)
        self._candidates: list[Candidate] = [
            bench.judge("full", "PyTorch float32", TorchRunner.eager(method), size, method),
            bench.judge("full", self._in_torch, predicted, size, method),
        ]

    def prune(self, share: float, watch: Watcher | None) -> None:
        """Prune the model and fine-tune the pruned network."""
        full = self._method
        self._method = copy.deepcopy(full)
        prune(self._method, share)
        settings = self._denoiser.configuration.training_settings()
        settings = settings.model_copy(update={"seed": self._compression.seed})
        budget = self._compression.training_budget()
        learner = require(self._method, LearningMethod)
        self._fit = fine_tune(learner, copy.deepcopy(full), self._bench.frames, settings, budget, watch)
        if self._fit.terminated:
            raise Terminated
        runner = TorchRunner.as_predicted(self._method, self._lower)
        self._add("pruned", self._in_torch, runner, _weight_bytes(self._method))
        self._note("pruning")

    def convert(self, beside: Path) -> None:
        """Convert the model, by way of a folder.

        It is in bfloat16 if the CPU is faster in it and at most `_WORTH_BFLOAT16` dB are lost.
        """
        backend, graph = BACKENDS[self._compression.backend], Graph.of(self._method)
        self._exported = backend.convert(graph, beside)
        before = self._candidates[-1].verdict
        for precision in backend.precisions(self._lower):
            run = backend.load(self._exported, graph.output_names, precision)
            self._precision = "float32" if precision == "float32" else "auto"
            self._add("converted", f"{backend.title} {precision}", run, _weight_bytes(self._method))
            if self._candidates[-1].verdict.loss(before) <= _WORTH_BFLOAT16:
                break
        self._note("conversion")

    def quantize(self) -> None:
        """Quantise the converted model; the layers that read or produce the image stay in float32."""
        backend, graph, bench = BACKENDS[self._compression.backend], Graph.of(self._method), self._bench
        inputs = list(calibration_inputs(graph, bench.seen, bench.training, bench.seed))
        self._exported = backend.quantize(self._exported, inputs, graph.num_channels)
        self._precision = "float32"
        run = backend.load(self._exported, graph.output_names, "float32")
        self._add("int8", f"{backend.title} int8", run, _weight_bytes(self._method) // 4)
        self._note("int8")

    def write(self, folder: Path) -> None:
        """Write the last candidate into a folder, and record the size of its files."""
        if self._compression.backend == "torch":
            card = replace(self._denoiser.card, pruned_share=self._compression.share or 0.0)
            save_model(folder / MODEL_FILE, self._method, card)
        else:
            backend = BACKENDS[self._compression.backend]
            backend.save(self._exported, folder, self._card())
        size = sum(path.stat().st_size for path in folder.iterdir())
        self._candidates[-1] = replace(self._candidates[-1], bytes=size)

    def report(self) -> CompressionReport:
        """Time all candidates, and collect times, losses and sizes in one record."""
        rows, size = rows_of(self._candidates, Graph.of(self._denoiser.method), self._compression.seed)
        libraries = {"openvino": ("openvino", "nncf"), "onnx": ("onnxruntime", "nncf"), "torch": ()}
        used = ("quietscope", "torch", *libraries[self._compression.backend])
        return CompressionReport(
            method=self._denoiser.method.name,
            rows=rows,
            costs=self.costs,
            trial=self._bench.trial.kind,
            size=size,
            num_samples=self._bench.num_samples,
            steps=0 if self._fit is None else self._fit.steps,
            training_seconds=0.0 if self._fit is None else round(self._fit.seconds, 1),
            versions={name: version(name) for name in used},
        )

    def _add(self, name: str, runs_in: str, run: Any, size: int) -> None:
        self._candidates.append(self._bench.judge(name, runs_in, run, size, self._method))

    def _note(self, step: str) -> None:
        lost = self._candidates[-1].verdict.loss(self._candidates[0].verdict)
        self.costs[step] = lost - sum(self.costs.values())

    def _card(self) -> Card:
        share, done = self._compression.share, []
        if share is not None:
            done.append(f"{share:.0%} of the channels pruned")
        if self._compression.int8:
            done.append("int8")
        return card_of(self._method, self._denoiser.card, precision=self._precision, compression=done)


def _weight_bytes(method: Method) -> int:
    return sum(each.numel() * each.element_size() for each in method.state_dict().values())
