"""What a plan will do, said without doing it: nothing is trained, and nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from quietscope.errors import SettingsError
from quietscope.io import Image
from quietscope.metrics.verdict import num_steps
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.events import Listener, Note, ignore
from quietscope.pipeline.plan import DenoisePlan, Plan, PredictPlan, TrainPlan
from quietscope.pipeline.watch_plan import WatchPlan
from quietscope.report.table import duration, samples

if TYPE_CHECKING:
    import torch

    from quietscope.data.frames import Frames
    from quietscope.methods.base import BuiltMethod
    from quietscope.setup.settle import Settled

_ORIGIN = {"auto": "measured", "bootstrap": "estimate; training measures it by a first denoiser"}


@dataclass(frozen=True, kw_only=True)
class LearningDescription:
    """How a run will learn.

    Attributes:
        method: The method, settled.
        preset: The preset.
        settings: Network settings that differ from the preset's or were settled, and what the network sees beside each
            plane, by name.
        noise: The noise model of every channel in words, and where it comes from.
        device: Where it computes.
        devices: Processes that train together.
        parameters: Trainable numbers of the network.
        learns: Whether anything is learnt from the images; a network that comes trained may suit them as it is, and
            training then takes no step.
        num_frames: Frames that are learnt from.
        num_held_out: Frames that are held out to validate on, beside these.
        num_regions: Regions that are held out of these frames to validate on, where there are too few frames to hold
            out whole ones, and weights, learning rate or the end of training hang on the validation loss.
        share_held_out: Share, 0 to 1, of the pixels of these frames that such regions and the gaps around them take.
        is_judged_by_heart: Whether any of these hangs on a loss of pixels that are learnt from, for want of room.
        batch_size: Patches of a step.
        patch: Their size in pixels per spatial axis.
        budget_seconds: Time that training may take; None for no limit.
        budget_steps: Steps that it may take; None for no limit.
        seconds: Time that training is expected to take.
        num_bytes: Memory that it is expected to take.
    """

    method: str
    preset: str
    settings: Mapping[str, Any]
    noise: tuple[str, ...]
    device: str
    devices: int = 1
    parameters: int
    learns: bool
    num_frames: int
    num_held_out: int
    num_regions: int
    share_held_out: float
    is_judged_by_heart: bool
    batch_size: int
    patch: tuple[int, ...]
    budget_seconds: float | None
    budget_steps: int | None
    seconds: float
    num_bytes: int

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield names and words."""
        yield "method", f"{self.method}, preset {self.preset}"
        for channel, noise in enumerate(self.noise):
            yield "noise" if len(self.noise) == 1 else f"noise of channel {channel}", noise
        yield from ((name.replace("_", " "), _words(value)) for name, value in self.settings.items())
        where = self.device if self.devices == 1 else f"{self.devices} processes, {self.device}"
        yield "network", f"{self.parameters:,} parameters, on {where}"
        if not self.learns:
            yield "training", "none: all of the method comes trained"
            return
        yield "learns from", f"{self.num_frames} frame{'s' * (self.num_frames != 1)}{self._held_out()}"
        yield "batches", f"{self.batch_size} patches of {_size(self.patch)} pixels"
        limits = [] if self.budget_seconds is None else [duration(self.budget_seconds)]
        limits += [] if self.budget_steps is None else [num_steps(self.budget_steps)]
        about = f", about {duration(self.seconds)}" if self.budget_steps is not None else ""
        yield "training", f"{' or '.join(limits)}{about}, about {_megabytes(self.num_bytes)} beside the program"

    def _held_out(self) -> str:
        if self.num_held_out:
            return f", {self.num_held_out} more to validate on"
        if self.num_regions:
            words = f"{self.num_regions} region{'s' * (self.num_regions != 1)}"
            return f", but for {words} to validate on ({self.share_held_out:.0%} of the pixels, gaps included)"
        return ", and validates on the same: no room to hold out a part" if self.is_judged_by_heart else ""


@dataclass(frozen=True, kw_only=True)
class ImageDescription:
    """How an image will be denoised.

    Attributes:
        source: The noisy image.
        what: Its axes, shape and data type in words.
        tile: Size of a tile in pixels per spatial axis.
        halo: Pixels around it that are computed and dropped.
        num_tiles: Tiles of all frames.
        num_samples: Posterior samples; 0 where the method draws none.
        seconds: Time that it is expected to take.
        num_bytes: Memory that it is expected to take.
        files: What will be written, by kind.
    """

    source: str
    what: str
    tile: tuple[int, ...]
    halo: tuple[int, ...]
    num_tiles: int
    num_samples: int
    seconds: float
    num_bytes: int
    files: Mapping[str, str]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield names and words."""
        yield "input", f"{self.source} ({self.what})"
        halo = f", halo {_size(self.halo)}" if any(self.halo) else ""
        yield "tiles", f"{self.num_tiles} of {_size(self.tile)} pixels{halo}"
        size = f"about {_megabytes(self.num_bytes)} beside the program"
        yield "prediction", f"{samples(self.num_samples)}, about {duration(self.seconds)}, {size}"
        yield from self.files.items()


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a run will do.

    Attributes:
        learning: How it will learn.
        images: How images will be denoised; none by a plan that only trains.
        files: What will be written besides, by name.
        intervals: What will be done about the deviation; empty where nothing will.
        notes: One line for each choice, and for each thing a person should know of the images.
    """

    learning: LearningDescription
    images: tuple[ImageDescription, ...]
    files: Mapping[str, str]
    intervals: str
    notes: tuple[str, ...]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield names and words, as for a table of two columns."""
        yield from self.learning.rows()
        if self.intervals:
            yield "intervals", self.intervals
        for image in self.images:
            yield from image.rows()
        yield from self.files.items()

    def values(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return asdict(self)


def describe(plan: Plan, events: Listener = ignore) -> Description:
    """Say what a plan will do: look at the images, measure their noise, time the untrained network on a part of them.

    Args:
        plan: The plan.
        events: Told one note for each choice, and for each thing a person should know of the images.

    Returns:
        What it will do.

    Raises:
        QuietScopeError: If images, settings or files cannot be used.
    """
    from quietscope.data.by_itself import for_model
    from quietscope.data.frames import Frames
    from quietscope.data.measured import as_measured, gap_notes
    from quietscope.model.starting import take_weights
    from quietscope.nn.hardware import chosen_device, place
    from quietscope.setup.settle import preview

    if isinstance(plan, PredictPlan | ChunkPlan | WatchPlan):
        raise SettingsError("a plan to train or to denoise", "a plan to predict", "call `describe_prediction`")
    plan.check()
    training, configuration = plan.training, plan.training.configuration
    images = [as_measured(image) for image in training.images]
    found = tuple(gap_notes(images))
    for text in found:
        events(Note(text=text))
    seen = [for_model(image, configuration.normalize, configuration.context) for image in images]
    frames = Frames.of(seen, configuration.dims)
    device = chosen_device(training.device)
    settled = preview(configuration, images, frames, notify=lambda text: events(Note(text=text)))
    method = settled.build(device)
    take_weights(method, settled.configuration)
    place(method.eval(), device, method.spatial_dims)
    files = {name: str(path) for name, path in training.files.items()}
    return Description(
        learning=replace(
            _learning(settled, method, frames, device, heeds_validation=_heeds_validation(settled, images, device)),
            devices=training.devices,
        ),
        images=_images(plan, method, frames, device) if isinstance(plan, DenoisePlan) else (),
        files={**files, **_reports(plan)},
        intervals=_intervals(plan, method),
        notes=(*found, *settled.notes),
    )


def _reports(plan: DenoisePlan | TrainPlan) -> dict[str, str]:
    beside = {"overview": plan.overview, "regions": plan.regions} if isinstance(plan, DenoisePlan) else {}
    return {name: str(path) for name, path in {**beside, **plan.reports}.items()}


def _intervals(plan: DenoisePlan | TrainPlan, method: "BuiltMethod") -> str:
    from quietscope.pipeline.unaided import is_judged_unaided

    judged = isinstance(plan, DenoisePlan) and plan.calibrate and is_judged_unaided(method)
    return "made honest without a clean image, which takes about half a minute" if judged else ""


def _heeds_validation(settled: "Settled", images: list[Image], device: "torch.device") -> bool:
    """Tell whether anything hangs on the validation loss; an end without a date does where nothing else can tell it."""
    from quietscope.pipeline.opinion import has_opinion

    settings = settled.configuration.training_settings()
    without_date = settings.stop_when_settled and not settings.heeds_validation
    return settings.heeds_validation or (without_date and not has_opinion(settled.configuration, images, device))


def _learning(
    settled: "Settled", method: "BuiltMethod", frames: "Frames", device: "torch.device", *, heeds_validation: bool
) -> LearningDescription:
    from quietscope.deploy.card import described_context
    from quietscope.pipeline.effort import step_cost
    from quietscope.training.held_out import hold_out
    from quietscope.training.learner import learns_anything

    configuration, budget = settled.configuration, settled.configuration.training_budget()
    settings = configuration.training_settings()
    cost = step_cost(method, frames, settings, device)
    held_out = hold_out(method, frames, settings, heeds_validation=heeds_validation)
    limits = [] if budget.seconds is None else [budget.seconds]
    limits += [] if budget.steps is None else [budget.steps * cost.seconds]
    words = [word.strip() for word in configuration.noise.split(",")]
    words *= len(settled.noise_models) // len(words)
    return LearningDescription(
        method=configuration.method,
        preset=configuration.preset,
        settings={**configuration.network, **described_context(configuration.context)},
        noise=tuple(
            f"{model.describe()} ({_ORIGIN.get(word.lower(), f'as named, {word}')})"
            for model, word in zip(settled.noise_models, words, strict=True)
        ),
        device=str(device),
        parameters=sum(parameter.numel() for parameter in method.parameters()),
        learns=learns_anything(method),
        num_frames=len(held_out.training),
        num_held_out=len(set(held_out.validation) - set(held_out.training)),
        num_regions=held_out.num_regions,
        share_held_out=held_out.share(frames),
        is_judged_by_heart=heeds_validation and not held_out.is_independent,
        batch_size=settings.batch_size,
        patch=cost.patch,
        budget_seconds=budget.seconds,
        budget_steps=budget.steps,
        seconds=min(limits),
        num_bytes=cost.num_bytes,
    )


def _images(
    plan: DenoisePlan, method: "BuiltMethod", frames: "Frames", device: "torch.device"
) -> tuple[ImageDescription, ...]:
    from quietscope.data.planes import describe_image
    from quietscope.pipeline.effort import plan_tiles, seconds_per_pixel
    from quietscope.pipeline.results import Abilities

    first = plan.targets[0]
    rate = seconds_per_pixel(method, frames, tuple(first.files), first.request, device)
    draws = Abilities.of(type(method)).draws(first.files)
    found = []
    for target in plan.targets:
        tiles = plan_tiles(method, target.image, target.request, device)
        found.append(
            ImageDescription(
                source=str(target.image.path or "array"),
                what=describe_image(target.image),
                tile=tiles.size,
                halo=tiles.halo,
                num_tiles=tiles.number,
                num_samples=target.request.num_samples if draws else 0,
                seconds=rate * tiles.pixels,
                num_bytes=tiles.num_bytes,
                files={kind: str(path) for kind, path in target.files.items()},
            )
        )
    return tuple(found)


def _size(lengths: tuple[int, ...]) -> str:
    return " x ".join(map(str, lengths))


def _words(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.0f} MB"
