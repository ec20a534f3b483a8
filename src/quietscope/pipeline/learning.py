"""The first steps of a run: settle what is left open, and train."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from quietscope.errors import OutputError, Stop, Terminated
from quietscope.io import atomic_path
from quietscope.metrics.verdict import num_steps
from quietscope.pipeline.events import Listener, Note, TrainingProgress, Written, ignore, step
from quietscope.pipeline.files import MODEL, result_folder
from quietscope.pipeline.outcome import Trained
from quietscope.pipeline.plan import Training
from quietscope.wording import typed

if TYPE_CHECKING:
    from quietscope.denoiser import Denoiser
    from quietscope.training.followed import Log
    from quietscope.training.settling import Judge
    from quietscope.training.watch import TrainingState

_WEIGHTS: Mapping[str, Literal["chosen", "best", "last"]] = {"model": "chosen", "best": "best", "last": "last"}
"""Which weights go into which of the files of a training."""


def settle(training: Training, events: Listener = ignore) -> Training:
    """Replace every "auto" of a training's configuration by what suits the noise of its images.

    Args:
        training: What is to be learnt.
        events: Told of each choice.

    Returns:
        The same, with nothing left open.

    Raises:
        QuietScopeError: If the images are too small to say anything of their noise, or what was found does not go with
            the other settings.
    """
    from quietscope.denoiser import Denoiser

    with step(events, "settle"):
        denoiser = Denoiser.from_configuration(training.configuration, device=training.device)
        settled = denoiser.settle(list(training.images), notify=lambda text: events(Note(text=text)))
    return replace(training, configuration=settled)


def train(training: Training, events: Listener = ignore, followers: "Log" = ()) -> Trained:
    """Train a model, and write it before anything else can go wrong.

    Where training is stopped, by the listener, by Ctrl-C or by the system, what was learnt until then is written too,
    and the folder keeps the state to go on from. Where nothing was learnt, nothing is left.

    Args:
        training: What is to be learnt, settled.
        events: Told how training stands.
        followers: Trackers, see `quietscope.training.followed`.

    Returns:
        The model.

    Raises:
        Stop: If the listener has raised it.
        QuietScopeError: If images, noise or settings cannot be used, or files not be written.
    """
    from quietscope.denoiser import Denoiser

    watch, state = _Watch(events), training.folder
    denoiser = Denoiser.from_configuration(training.configuration, device=training.device)
    with step(events, "train"), result_folder(state.path):
        if not training.resume:
            state.set_aside()
        try:
            state.begin(training.configuration, training.images)
            _learn(denoiser, training, watch, events, followers)
        except BaseException:
            state.come_to_nothing()
            if watch.stop is not None:  # while a first denoiser was trained, to measure the noise by
                raise watch.stop from None
            raise
        try:
            _save(denoiser, training, events)
        except OutputError:
            state.come_to_nothing()
            raise
        state.drop_earlier()
    if watch.stop is not None:
        raise watch.stop
    report = denoiser.fit_report
    assert report is not None
    if training.resume and not watch.is_called and not report.settled:  # of which training has told by itself
        done = num_steps(report.steps)
        more = f"`{typed('steps')}` or `{typed('budget')}`"
        events(Note(text=f"nothing was left to train: {done} are done; raise {more} to go on"))
    return Trained(
        denoiser=denoiser,
        steps=report.steps,
        seconds=report.seconds,
        interrupted=report.interrupted,
        terminated=report.terminated,
    )


def _judge(training: Training, events: Listener) -> "Judge | None":
    """Make what tells when nothing more is gained, where training is to end by that."""
    from quietscope.pipeline.opinion import judge_of

    if not training.configuration.training_settings().stop_when_settled:
        return None
    judge = judge_of(training.configuration, training.images, training.device)
    by = "the validation loss tells, since there is no estimate of the PSNR for this noise"
    events(Note(text=f"training ends where nothing more is gained: {by if judge is None else f'{judge.name} tells'}"))
    return judge


def _learn(denoiser: "Denoiser", training: Training, watch: "_Watch", events: Listener, log: "Log") -> None:
    """Train; where the system ended it, whoever has saved the model ends the program."""
    try:
        denoiser.fit(
            list(training.images),
            folder=training.folder.path,
            resume=training.resume,
            watch=watch,
            notify=lambda text: events(Note(text=text)),
            judge=_judge(training, events),
            devices=training.devices,
            log=log,
        )
    except Terminated:
        if denoiser.fit_report is None:
            raise


class _Watch:
    """Passes on how training stands, and remembers that the listener wants it to stop."""

    def __init__(self, events: Listener) -> None:
        self._events = events
        self.stop: Stop | None = None
        self.is_called = False

    def __call__(self, state: "TrainingState") -> None:
        """Pass it on."""
        self.is_called = True
        try:
            self._events(TrainingProgress(state=state))
        except Stop as stop:
            self.stop = stop
            raise


def load_trained(training: Training) -> Trained:
    """Return the model that an earlier process has trained and written.

    Args:
        training: What was learnt.

    Returns:
        The model.

    Raises:
        ModelFileError: If there is none, or its file is damaged.
    """
    from quietscope.denoiser import Denoiser

    denoiser = Denoiser.load(training.files["model"], device=training.device)
    if "direct" in training.files:
        denoiser.direct = Denoiser.load(training.files["direct"], device=training.device)
    numbers = denoiser.card.training
    return Trained(denoiser=denoiser, steps=int(numbers["steps"]), seconds=float(numbers["training_seconds"]))


def _save(denoiser: "Denoiser", training: Training, events: Listener) -> None:
    """Write a model that has just been trained, and its settings, into the files that the plan names."""
    overwrite = training.overwrite or training.resume
    for name, path in training.files.items():
        if name == "settings":
            # The run folder of `train` has them already; training has added what it found out, the size of a PSF.
            with atomic_path(path, overwrite=overwrite or path.parent == training.folder.path) as temporary:
                denoiser.configuration.save(temporary)
        elif name == "direct":
            assert denoiser.direct is not None
            denoiser.direct.save(path, overwrite=overwrite)
        else:
            try:
                denoiser.save(path, weights=_WEIGHTS[name], overwrite=overwrite)
            except OutputError as error:
                if name == "model" or not isinstance(error.__cause__, OSError):
                    raise
                events(Note(text=f"no room on the disk for {path}, which is left out: predict needs {MODEL} alone"))
                continue
        events(Written(name=name, path=path))
