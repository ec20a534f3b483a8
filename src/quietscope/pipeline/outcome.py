"""What the steps of a run give: frozen records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quietscope.metrics.unexplained import NOT_TESTED, Unexplained
from quietscope.metrics.verdict import USABLE, Verdict, judge, worst_of
from quietscope.pipeline.unaided import NOTHING_FOUND, Unaided
from quietscope.report.image_list import Tally
from quietscope.report.table import Denoised, Summary

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model that has been trained.

    Attributes:
        denoiser: The model.
        steps: Training steps, resumed runs included.
        seconds: Training time, resumed runs included.
        interrupted: Whether training was ended before its budget was used up.
        terminated: Whether it was the system that ended it: nothing more should be started.
    """

    denoiser: "Denoiser"
    steps: int
    seconds: float
    interrupted: bool = False
    terminated: bool = False

    @property
    def method(self) -> str:
        """Method and preset in words."""
        configuration = self.denoiser.configuration
        return f"{configuration.method}, preset {configuration.preset}"

    @property
    def noise(self) -> tuple[str, ...]:
        """The noise model of every channel, in words."""
        return tuple(model.describe() for model in self.denoiser.noise_models)


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """The results of one image are written.

    Attributes:
        seconds: Time that it took.
        panels: The part that a picture shows, of the kinds of results that it shows, (Y, X) each and (N, Y, X) for
            samples, float32, intensity units; empty where no picture was asked for.
        verdict: What the result is worth.
        unexplained: Regions that noise does not explain.
    """

    seconds: float
    panels: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    verdict: Verdict = USABLE
    unexplained: Unexplained = NOT_TESTED


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        trained: The model, where one was trained.
        images: The images that were denoised; none of a prediction into a folder, which may be of very many.
        num_samples: Posterior samples behind their means; 0 where the method draws none.
        files: What was written besides their results, by name.
        comparison: How a direct denoiser that was trained along compares with the samples, in a few lines.
        unaided: What was found without a clean image.
        tally: What came of the images of a prediction into a folder.
    """

    trained: Trained | None = None
    images: tuple[Denoised, ...] = ()
    num_samples: int = 0
    files: Mapping[str, Path] = field(default_factory=dict)
    comparison: tuple[str, ...] = ()
    unaided: Unaided = NOTHING_FOUND
    tally: Tally | None = None

    @property
    def verdict(self) -> Verdict:
        """What the run is worth: the worst of its images; where none was denoised, how long was trained alone."""
        if self.tally is not None:
            return self.tally.verdict
        if self.images or self.trained is None:
            return worst_of([image.verdict for image in self.images])
        return judge((), self.trained.denoiser.history.effort)

    def training_values(self) -> dict[str, Any]:
        """Return what was trained as values that JSON has, where a model was trained."""
        assert self.trained is not None
        return {
            "verdict": self.verdict.values(),
            "method": self.trained.method,
            "noise": list(self.trained.noise),
            "steps": self.trained.steps,
            "training_seconds": round(self.trained.seconds, 3),
            "interrupted": self.trained.interrupted,
            "files": {name: str(path) for name, path in self.files.items()},
        }

    @property
    def summary(self) -> Summary:
        """The run in the words of a table, where a model was trained."""
        assert self.trained is not None
        return Summary(
            method=self.trained.method,
            noise=self.trained.noise,
            steps=self.trained.steps,
            training_seconds=self.trained.seconds,
            num_samples=self.num_samples,
            images=self.images,
            files=self.files,
            intervals=self.unaided.intervals,
            quality=self.unaided.quality,
        )
