"""Plans: everything that a run will do, said before it does anything, and checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from quietscope.io import Image
from quietscope.io.alive import check_idle
from quietscope.io.atomic import check_target
from quietscope.outside.sources import reading
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.files import CONFIG, PREDICTED, report_files, trial_folder
from quietscope.pipeline.image_files import Target
from quietscope.pipeline.journal import JOURNAL, Journal, digest_of
from quietscope.pipeline.ledger import Ledger
from quietscope.pipeline.run_folder import RunFolder
from quietscope.pipeline.standing import Standing, look_around, mask_parts
from quietscope.pipeline.targets import Targets
from quietscope.pipeline.watch_plan import WatchPlan

if TYPE_CHECKING:
    from quietscope.presets import Configuration


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is learnt from which images, and what is kept of it.

    Attributes:
        images: The noisy images.
        configuration: How to learn; what it leaves "auto" is settled by a look at the images.
        device: Where to compute; the best there is if None.
        devices: Processes that train together.
        folder: What keeps logs, and the state to go on from.
        files: Where models and settings go, among "model", "best", "last", "direct" and "settings".
        resume: Go on from the folder's state.
        overwrite: Whether an earlier run in the folder, and files that exist, may be replaced.
    """

    images: tuple[Image, ...]
    configuration: "Configuration"
    device: str | None = None
    devices: int = 1
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
        return (*self.training.files.values(), *self.reports.values())

    @property
    def reports(self) -> dict[str, Path]:
        """The report of the run, and what it is made of, by "report" and "record"."""
        return report_files(self.folder)

    def check(self) -> None:
        """Try everything that could keep the run from being begun or kept, and leave nothing behind.

        Raises:
            OutputError: If something would.
        """
        with trial_folder(self.folder):
            self.training.folder.check_writable()
            self.training.check()
            for path in self.reports.values():
                check_target(path, self.training.resume or self.training.overwrite)

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
        return (*results, *self.training.files.values(), self.overview, self.regions, *self.reports.values())

    @property
    def reports(self) -> dict[str, Path]:
        """The report of the run, and what it is made of, by "report" and "record"."""
        return report_files(self.folder)

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
            for path in (self.overview, self.regions, *self.reports.values()):
                check_target(path, self.training.resume or self.training.overwrite)
            for target in self.targets:
                with trial_folder(target.folder):
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
    """Denoise images with a model that there is.

    Attributes:
        model: File of the model, trained or exported.
        device: Where to compute; the best there is if None.
        targets: The images and what is written of each. Of one image whose result has a name of its own it is open
            already; of all others names alone are known.
        folder: Where the results go; None where the result of one image has a name of its own.
        insist: Whether to go on where an image is so unlike those of training that the result must be wrong.
        resume: Pass over images whose results an earlier process of the same run has written.
    """

    model: Path
    device: str | None = None
    targets: Targets
    folder: Path | None = None
    insist: bool = False
    resume: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is there at the end."""
        results = [path for number in range(len(self.targets)) for path in self.targets.files(number).values()]
        return (*results, *self.lists.values())

    @property
    def lists(self) -> dict[str, Path]:
        """The files that tell of all images, by name; none where there is no folder."""
        return {} if self.folder is None else {"table": self.folder / PREDICTED, "journal": self.folder / JOURNAL}

    @property
    def made_by(self) -> str:
        """What tells results of this model, asked for in this way, from others: 16 hexadecimal digits."""
        targets, weights = self.targets, self.model.with_suffix(".bin")
        opening = targets.opening
        asked = (targets.request, targets.main, targets.dtype, targets.storage)
        seen = (opening.axes, opening.series, opening.part)
        text = "\n".join(map(repr, (*asked, *seen, *targets.endings.items())))
        files = [self.model, *([weights] if weights.is_file() else [])]
        return digest_of(text.encode(), *files, *mask_parts(opening.mask))

    def check(self) -> None:
        """Try everything that could keep the results from being written, and leave nothing behind.

        Raises:
            OutputError: If something would.
        """
        if self.folder is None:
            for folder in {path.absolute().parent for path in self.files}:
                check_idle(folder)
            self.targets[0].check()
            return
        with trial_folder(self.folder):
            table, journal = self.lists["table"], self.lists["journal"]
            check_target(journal, overwrite=True)
            check_target(table, self.targets.overwrite or journal.exists())  # of another program where there is none
            self.standing(Journal.read(self.folder))

    def standing(self, journal: Journal) -> Standing:
        """Look at what stands at the places of the results.

        Args:
            journal: The journal of the folder.

        Returns:
            What of it is done, and what is this run's own.

        Raises:
            OutputError: If something stands there that may not be replaced.
        """
        return look_around(self.targets, journal, self.made_by if self.resume else None)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield what the run told of each image in its folder, as values that JSON has, once it is over.

        Yields:
            What `quietscope.report.table.Denoised.values` tells, and "error": None, or why it could not be denoised.
        """
        assert self.folder is not None, "the outcome has the one image"
        journal = Journal.read(self.folder)
        yield from (journal.image(self.targets.name(number)) for number in range(len(self.targets)))

    @property
    def is_begun(self) -> bool:
        """Whether a run has left something to go on from."""
        return self.folder is not None and self.lists["journal"].exists()

    def resumed(self) -> Self:
        """Return the plan that passes over what is done; the same one where there is nothing but one image to do."""
        return self if self.folder is None else replace(self, resume=True)


Plan: TypeAlias = DenoisePlan | TrainPlan | PredictPlan | ChunkPlan | WatchPlan
