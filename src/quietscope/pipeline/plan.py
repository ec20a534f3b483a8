"""Plans: everything that a run will do, said before it does anything, and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from quietscope.io import Image
from quietscope.io.alive import check_idle
from quietscope.io.atomic import check_target
from quietscope.outside.sources import reading
from quietscope.pipeline.files import CONFIG, trial_folder
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.ledger import Ledger
from quietscope.pipeline.run_folder import RunFolder

if TYPE_CHECKING:
    from quietscope.presets import Configuration

UNFINISHED = "unfinished"
"""Folder, within the results of `denoise`, of what a stopped run goes on from; it is gone once all is done."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is learnt from which images, and what is kept of it.

    Attributes:
        images: The noisy images.
        configuration: How to learn; what it leaves "auto" is settled by a look at the images.
        device: Where to compute; the best there is if None.
        folder: What keeps logs, and the state to go on from.
        files: Where models and settings go, among "model", "best", "last", "direct" and "settings".
        resume: Go on from the folder's state.
        overwrite: Whether an earlier run in the folder, and files that exist, may be replaced.
    """

    images: tuple[Image, ...]
    configuration: "Configuration"
    device: str | None = None
    folder: RunFolder
    files: Mapping[str, Path]
    resume: bool = False
    overwrite: bool = False

    def check(self) -> None:
        """Refuse what could not be begun or kept.

        Raises:
            OutputError: If a run is in the way, or a file cannot be written, or is one that the settings name.
        """
        if not self.resume:
            self.folder.check_free(overwrite=self.overwrite)
        with reading(self.configuration.model_dump()):
            for path in self.files.values():
                is_own = path == self.folder.path / CONFIG  # the run folder's own, which every run there writes
                check_target(path, self.resume or self.overwrite or is_own)

    def resumed(self) -> Self:
        """Return the same, going on from the state in the folder with the settings that the run began with.

        A run that was killed before it had learnt anything begins again.

        Raises:
            OutputError: If there is no run to go on with.
            SettingsError: If the run in the folder began with other settings.
        """
        asked = self.configuration.model_dump(exclude_unset=True)
        learnt = self.folder.has_learnt
        self.folder.check_images(self.images)
        if learnt:
            self.folder.check_steps(asked.get("steps"))
        return replace(
            self,
            configuration=self.folder.earlier(asked),
            resume=learnt,
            overwrite=self.overwrite or not learnt,
        )


@dataclass(frozen=True, kw_only=True)
class TrainPlan:
    """Train a model in a run folder.

    Attributes:
        folder: The run folder.
        training: What is learnt.
    """

    folder: Path
    training: Training

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is there at the end, besides logs and the state to go on from."""
        return tuple(self.training.files.values())

    def check(self) -> None:
        """Try everything that could keep the run from being begun or kept, and leave nothing behind.

        Raises:
            OutputError: If something would.
        """
        with trial_folder(self.folder):
            self.training.folder.check_writable()
            self.training.check()

    def resumed(self) -> Self:
        """Return the plan that goes on with the run in the folder, see `Training.resumed`."""
        return replace(self, training=self.training.resumed())


@dataclass(frozen=True, kw_only=True)
class DenoisePlan:
    """Train on the very images and denoise them.

    Attributes:
        folder: Where the results go.
        training: What is learnt.
        targets: What is written for each image.
        references: Clean references to judge the results by, one per image, or none.
        overview: The picture of the first image.
        regions: The table of what noise does not explain, of all images.
        calibrate: Make the deviation honest and estimate the PSNR, without a clean image.
    """

    folder: Path
    training: Training
    targets: tuple[Target, ...]
    references: tuple[Image, ...] = ()
    overview: Path
    regions: Path
    calibrate: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is there at the end."""
        results = [path for target in self.targets for path in target.files.values()]
        return (*results, *self.training.files.values(), self.overview, self.regions)

    @property
    def ledger(self) -> Ledger:
        """What of the run is done."""
        return Ledger(self.training.folder.path)

    def check(self) -> None:
        """Try everything that could keep the results from being written, and leave nothing behind.

        Raises:
            OutputError: If something would.
        """
        with trial_folder(self.folder):
            self.training.check()
            for path in (self.overview, self.regions):
                check_target(path, self.training.resume or self.training.overwrite)
            for target in self.targets:
                target.check()

    def begin(self) -> None:
        """Forget an earlier run that was stopped in this folder, and write down what this one is to write."""
        self.ledger.begin(self.files, self.training.images)

    def close(self) -> None:
        """Remove what only a stopped run needs: once all is done, or where nothing was learnt."""
        self.training.folder.forget()
        self.training.folder.drop_earlier()
        self.ledger.close()

    def resumed(self) -> Self:
        """Return the plan that goes on with the run in the folder, see `Training.resumed`.

        Results of that very run may be replaced: some of one image may be there, and others not.
        """
        self.ledger.check_images(self.training.images)
        own = self.ledger.files
        targets = [
            replace(target, overwrite=target.overwrite or own.issuperset(target.files.values()))
            for target in self.targets
        ]
        return replace(self, training=self.training.resumed(), targets=tuple(targets))


@dataclass(frozen=True, kw_only=True)
class PredictPlan:
    """Denoise an image with a model that there is.

    Attributes:
        model: File of the model, trained or exported.
        device: Where to compute; the best there is if None.
        target: What is written.
        insist: Whether to go on where the image is so unlike those of training that the result must be wrong.
    """

    model: Path
    device: str | None = None
    target: Target
    insist: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is there at the end."""
        return tuple(self.target.files.values())

    def check(self) -> None:
        """Try everything that could keep the results from being written, and leave nothing behind.

        Raises:
            OutputError: If something would.
        """
        for folder in {path.absolute().parent for path in self.files}:
            check_idle(folder)
        self.target.check()

    def resumed(self) -> Self:
        """Return the plan itself: there is nothing but one image to do."""
        return self


Plan: TypeAlias = DenoisePlan | TrainPlan | PredictPlan
