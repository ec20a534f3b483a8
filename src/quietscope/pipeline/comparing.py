"""The step that compares a direct denoiser with what it stands for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quietscope.io import Image
from quietscope.pipeline.events import Listener, PredictionProgress, ignore, step
from quietscope.pipeline.results import Abilities

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser

MOST_SAMPLES, LEAST_SAMPLES = 100, 2


def compare(
    teacher: "Denoiser",
    direct: "Denoiser",
    noisy: Sequence[Image],
    clean: Sequence[Image] = (),
    num_samples: int = MOST_SAMPLES,
    events: Listener = ignore,
) -> tuple[str, ...]:
    """Compare a direct denoiser with the samples of its teacher, or its one image; its card takes the figures up.

    Args:
        teacher: The model that it learnt from.
        direct: The direct denoiser.
        noisy: Noisy images.
        clean: Their clean references, or none.
        num_samples: Samples of the teacher; at least two are drawn.
        events: Told how it stands.

    Returns:
        The comparison in a few lines.

    Raises:
        QuietScopeError: If the images do not fit each other or the models.
    """
    from quietscope.distillation.compare import compare as compare_with_samples

    is_drawn = Abilities.of(type(teacher.method)).deviates_by_samples
    what = f"{num_samples} samples to compare with" if is_drawn else "the image to compare with"

    def progress(done: int, total: int) -> None:
        events(PredictionProgress(what=what, done=done, total=total))

    with step(events, "compare", what):
        found = compare_with_samples(
            teacher,
            direct,
            list(noisy),
            list(clean) or None,
            num_samples=max(num_samples, LEAST_SAMPLES),
            progress=progress,
        )
    return tuple(found.lines())
