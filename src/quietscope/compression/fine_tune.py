"""Fine-tuning after pruning: the pruned network learns by its own loss, and to reproduce the full network's output."""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from quietscope.data.frames import Frames
from quietscope.methods.abilities import respond
from quietscope.methods.base import LearningMethod, Loss, Method, PosteriorMethod, TaughtMethod
from quietscope.methods.missing import mean_of_known, split_gaps
from quietscope.methods.wrapped import WrappedMethod
from quietscope.nn.hardware import place
from quietscope.training.budget import Budget
from quietscope.training.fit import FitReport, fit
from quietscope.training.settings import TrainingSettings
from quietscope.training.watch import Watcher

WARMUP_STEPS = 20


@dataclass(frozen=True)
class Master:
    """The full method, held in a plain record so that PyTorch does not count its weights among those to train.

    Attributes:
        method: The method, in evaluation mode.
    """

    method: Method


@final
class Apprentice(WrappedMethod[LearningMethod], LearningMethod):
    """A pruned method in training; a point method also learns from the full method's output.

    ``w_own loss(x) + w_full mean (f(x) - g(x))^2 / std^2``, with f the full method, g the pruned one and std the
    images' deviation. A deconvolved image counts as much as the denoised one. A posterior method learns by its own loss
    alone, because drawing samples from the full method takes time in which its own loss improves it more. PSNR on W2S
    ch0 after 150 s on one core, half of the channels removed, both weights 1 (for HDN w_full is 10, in nats):

    ==================  ======  ========  ========  =====
    dB                  full    own loss  from f    both
    ==================  ======  ========  ========  =====
    Noise2Void, 64      35.74   35.76     35.86     35.90
    HDN, fast           35.07   35.12     35.04     34.75
    ==================  ======  ========  ========  =====

    An `Apprentice` is not an `AnnealedMethod`, even if the pruned method is one: the posterior is already trained, so
    the check for a collapsed posterior, which would start training again, is not needed.

    Args:
        method: The pruned method, trained in place.
        master: The full method.
        own_weight: w_own.
        full_weight: w_full; 0 for a posterior method.
    """

    name: ClassVar[str] = "apprentice"

    def __init__(self, method: LearningMethod, master: Master, own_weight: float, full_weight: float) -> None:
        super().__init__(method)
        self._master = master
        self._own_weight, self._full_weight = own_weight, full_weight

    def loss(self, x: Tensor) -> Loss:
        """Return the weighted sum of own loss and distance from the full method for noisy patches x (B, C, *S)."""
        total, terms = x.new_zeros(()), {}
        if self._full_weight:
            seen, known = split_gaps(x, self.statistics.mean)
            found = respond(self.method, seen)
            with torch.no_grad():
                wanted = respond(self._master.method, seen)
            normalize = self.statistics.normalize
            errors = [(normalize(image) - normalize(wanted[name])).square() for name, image in found.items()]
            distance = torch.stack([mean_of_known(each, known) for each in errors]).sum()
            total, terms["full"] = total + self._full_weight * distance, distance.detach()
        if self._own_weight:
            own = self.method.loss(x)
            total = total + self._own_weight * own.total
            terms |= own.terms
        return Loss(total, terms)


def fine_tune(
    method: LearningMethod,
    full: Method,
    frames: Frames,
    settings: TrainingSettings,
    budget: Budget,
    watch: Watcher | None = None,
) -> FitReport:
    """Train a pruned method in place, see `Apprentice`.

    The learning rate falls from the preset's to zero, and the last weights are kept. A method that was trained by a
    teacher, such as a direct denoiser, no longer has the teacher that its own loss needs, so it learns from the full
    method alone.

    Args:
        method: The pruned method.
        full: The full method; left in evaluation mode.
        frames: Noisy frames: the model's training frames, or similar ones.
        settings: The preset's training settings.
        budget: Limit of time or steps.
        watch: Called after every step.

    Returns:
        The report of the training.

    Raises:
        TrainingError: If the loss does not stay finite.
    """
    own_weight = 0.0 if isinstance(method, TaughtMethod) else 1.0
    full_weight = 0.0 if isinstance(method, PosteriorMethod) else 1.0
    apprentice = Apprentice(method, Master(full.eval()), own_weight, full_weight)
    place(full, "cpu", full.spatial_dims)
    changes = {"schedule": "cosine", "keep": "last", "warmup_steps": WARMUP_STEPS, "compile": False}
    changes |= {"stop_when_settled": False}  # all of what is pruned away is to be learnt again
    try:
        return fit(
            apprentice,
            frames,
            settings.model_copy(update=changes),
            budget,
            device=torch.device("cpu"),
            watch=watch,
        )
    finally:
        method.eval()
