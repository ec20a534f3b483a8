"""Judging and timing of models: held-out images with a known truth, and one row of the report's table per model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from quietscope.compression.backend import TorchRunner
from quietscope.compression.gate import NUM_SAMPLES, Runner, Trial, Verdict, cut, held_out_boxes, judge, rehearsal
from quietscope.compression.opinion_trial import SecondOpinion, opinion_trial
from quietscope.compression.report import Row
from quietscope.compression.stopwatch import SIDE, SIZE_3D, interleaved
from quietscope.data.by_itself import for_model, in_context, in_units
from quietscope.data.frames import Frames
from quietscope.data.measured import for_network, gap_notes
from quietscope.data.preparation import prepare
from quietscope.data.scaled import ScaledArray
from quietscope.data.split import split_measured
from quietscope.denoiser import Denoiser
from quietscope.errors import ChannelError, SizeError
from quietscope.export.graph import Graph
from quietscope.io import Image
from quietscope.io.pixel_check import check_finite
from quietscope.methods.base import LatentSpec, Method
from quietscope.tiling.grid import round_up


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One model of a compression: the full model, or the result of a step.

    Attributes:
        name: Name of the step that made the model, such as "pruned"; "full" for the full model.
        runs_in: Library and precision that run the model, in words.
        run: Function that applies the model.
        verdict: Quality of the model's output on the trial images.
        bytes: Size on disk.
        parameters: Number of weights.
    """

    name: str
    runs_in: str
    run: Runner
    verdict: Verdict
    bytes: int
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The images and the noise that all models of a compression are judged with.

    Attributes:
        frames: All noisy frames, NaN where nothing was measured.
        seen: The same frames as networks see them, with something harmless there.
        training: Indices of the frames that steps may learn from; with 10 frames or more, the trial is cut from the
            other frames.
        trial: Noisy images with a known truth.
        latents: Shapes of the noise inputs that the models take.
        seed: Seed of the noise inputs.
    """

    frames: Frames
    seen: Frames
    training: Sequence[int]
    trial: Trial
    latents: tuple[LatentSpec, ...]
    seed: int

    @classmethod
    def of(
        cls,
        denoiser: Denoiser,
        images: Sequence[Image],
        clean: Sequence[Image] | None,
        seed: int,
        notify: Callable[[str], None] | None,
        second: SecondOpinion | None = None,
    ) -> "Bench":
        """Set up a bench for a model.

        Args:
            denoiser: The full model.
            images: Noisy images.
            clean: Clean references of the images, if there are any.
            seed: Seed of everything random.
            notify: Called with one line for each fact about the images that a person should know.
            second: What fits another model to judge by, where there are no clean references.

        Returns:
            The bench.

        Raises:
            QuietScopeError: If the images do not fit the model, or the references do not fit the images.
        """
        method = denoiser.method
        normalize = denoiser.history.normalize
        context = denoiser.history.context
        found = [for_model(image, normalize, context) for image in images]
        frames = Frames.of(found, method.spatial_dims)
        seen = Frames.of([for_network(image) for image in found], method.spatial_dims)
        wanted = method.statistics.num_channels
        if frames.num_channels != wanted:
            raise ChannelError(
                f"{wanted} channel{'s' * (wanted != 1)}, as in the training images of the model",
                f"{frames.num_channels}",
                "compress with images like those that the model was trained on",
            )
        truths = [in_context(image, context) for image in clean or ()]
        references = None if clean is None else Frames.of(truths, method.spatial_dims)
        if references is not None:
            _check_alike(frames, references)
            if frames.own_units:
                references = Frames.of(_in_units_of(found, truths), method.spatial_dims)
        tell = notify or (lambda _: None)
        for text in gap_notes(found):
            tell(text)
        prepare(frames, notify)
        training, held_out = split_measured(frames, seed)
        boxes = held_out_boxes(frames, held_out, method.size_multiple, seed)
        noisy, latents = cut(seen, boxes), Graph.of(method).latents
        known = tuple(~np.isnan(each) for each in cut(frames, boxes)) if frames.has_gaps else None
        if references is not None:
            truth = cut(references, boxes)
            for number, each in enumerate(truth):
                check_finite(each if known is None else each[known[number]], "the clean references")
            trial = Trial(noisy=noisy, truth=truth, kind="clean", known=known)
        elif (other := None if second is None else second()) is not None:
            trial = opinion_trial(other, noisy, known)
        else:
            trial = rehearsal(TorchRunner.as_predicted(method, lower=False), noisy, latents, seed, known)
        return cls(frames=frames, seen=seen, training=training, trial=trial, latents=latents, seed=seed)

    @property
    def num_samples(self) -> int:
        """Samples behind every estimate; 0 for a point method."""
        return NUM_SAMPLES if self.latents else 0

    def judge(self, name: str, runs_in: str, run: Runner, size: int, method: Method) -> Candidate:
        """Judge a model on the trial images.

        Args:
            name: Name of the step that made the model, such as "pruned"; "full" for the full model.
            runs_in: Library and precision that run the model, in words.
            run: Function that applies the model.
            size: Size of the model's weights in bytes.
            method: The method that the model was made from.

        Returns:
            The model with its verdict.
        """
        verdict = judge(run, self.trial, self.latents, self.seed)
        weights = num_weights(method)
        return Candidate(name=name, runs_in=runs_in, run=run, verdict=verdict, bytes=size, parameters=weights)


def num_weights(method: Method) -> int:
    """Return the number of parameters that prediction uses; parameters of a noise model are not counted."""
    return Graph.of(method).num_parameters()


def rows_of(candidates: Sequence[Candidate], graph: Graph, seed: int) -> tuple[tuple[Row, ...], tuple[int, ...]]:
    """Time models side by side, and make the rows of the table; losses are relative to the first model.

    Args:
        candidates: The models.
        graph: Graph of the full model, which gives names and shapes of the inputs.
        seed: Seed of the inputs.

    Returns:
        One row per model, and the size of the image that was timed, in pixels per spatial axis.
    """
    size: tuple[int, ...] = (SIDE, SIDE) if graph.spatial_dims == 2 else SIZE_3D
    size = tuple(round_up(n, m) for n, m in zip(size, graph.size_multiple, strict=True))
    example = graph.example_inputs(size, num_samples=1, seed=seed)
    inputs = {name: each.numpy() for name, each in zip(graph.input_names, example, strict=True)}
    seconds = interleaved({str(n): each.run for n, each in enumerate(candidates)}, inputs)
    full = candidates[0].verdict
    rows = []
    for n, each in enumerate(candidates):
        verdict, is_full = each.verdict, n == 0
        change = None
        if verdict.deviation is not None and full.deviation is not None and full.deviation > 0:
            change = verdict.deviation / full.deviation - 1.0
        rows.append(
            Row(
                name=each.name,
                runs_in=each.runs_in,
                bytes=each.bytes,
                parameters=each.parameters,
                seconds=seconds[str(n)],
                psnr=verdict.psnr,
                loss=verdict.loss(full),
                agreement=None if is_full else verdict.agreement(full),
                agreement_deconvolved=None if is_full else verdict.agreement_deconvolved(full),
                deviation_change=None if is_full else change,
            )
        )
    return tuple(rows), size


def _in_units_of(noisy: Sequence[Image], clean: Sequence[Image]) -> list[Image]:
    """Return clean references in the units of their noisy images, each of which has its own.

    Raises:
        SizeError: If there is not one reference for each image.
    """
    if len(noisy) != len(clean):
        raise SizeError(f"{len(noisy)} clean references, one for each image", f"{len(clean)}", "pass them one by one")
    units = [image.data.units for image in noisy if isinstance(image.data, ScaledArray)]
    return [in_units(reference, own) for reference, own in zip(clean, units, strict=True)]


def _check_alike(noisy: Frames, clean: Frames) -> None:
    one, other = (
        [(frames.num_channels, *frames.spatial_shape(n)) for n in range(len(frames))] for frames in (noisy, clean)
    )
    if one != other:
        raise SizeError(
            f"clean references with the shape of the images: {len(one)} frames, the first of shape {one[0]}",
            f"{len(other)} frames, the first of shape {other[0]}",
            "pass one clean reference for each image, in the same order",
        )
