"""What a training budget does not include, said as soon as the first steps are timed: the time of denoising."""

from math import prod

from quietscope.pipeline.events import Event, Listener, Note, TrainingProgress
from quietscope.pipeline.plan import DenoisePlan
from quietscope.pipeline.results import Abilities
from quietscope.report.table import duration, samples
from quietscope.wording import typed

TIMED_AFTER = 6
PASSES_OF_A_STEP = 3.0
"""A training step goes forward once and back, which costs about two more passes."""

SHARE_OF_DECODER = 0.6
"""Share of a pass that every sample costs; the rest, encoding, is done once per image."""

NOTEWORTHY_SECONDS = 30.0


class CostNote:
    """Passes events on, and adds one note where denoising will take long. Use with a plan that is settled.

    Args:
        plan: The plan.
        events: Who listens.
    """

    def __init__(self, plan: DenoisePlan, events: Listener) -> None:
        self._plan, self._events = plan, events
        self._is_told = "bootstrap" in plan.training.configuration.noise  # whose first steps are another network's

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        self._events(event)
        if self._is_told or not isinstance(event, TrainingProgress) or event.state.step < TIMED_AFTER:
            return
        self._is_told = True
        seconds = self._seconds(event.state.seconds / event.state.step)
        if seconds > NOTEWORTHY_SECONDS:
            drawn = self._samples
            words = f" with {samples(drawn)} (`{typed('num_samples')}` takes fewer)" if drawn > 1 else ""
            text = f"The budget is for training alone. Denoising comes after it: about {duration(seconds)}{words}."
            self._events(Note(text=text))

    @property
    def _samples(self) -> int:
        from quietscope.methods import METHODS

        able = Abilities.of(METHODS[self._plan.training.configuration.method])
        target = self._plan.targets[0]
        return target.request.num_samples if able.draws(target.files) else 0

    def _seconds(self, seconds_of_a_step: float) -> float:
        """Estimate the time of denoising all images, from that of a training step."""
        configuration = self._plan.training.configuration
        settings = configuration.training_settings()
        sides = (settings.patch_z, settings.patch, settings.patch)[-configuration.dims :]
        rate = seconds_of_a_step / (PASSES_OF_A_STEP * settings.batch_size * prod(sides))
        pixels = sum(
            layout.num_frames * prod(layout.spatial_shape)
            for layout in (target.image.layout(configuration.dims) for target in self._plan.targets)
        )
        passes = 1.0 + SHARE_OF_DECODER * max(0, self._samples - 1)
        return rate * pixels * passes
