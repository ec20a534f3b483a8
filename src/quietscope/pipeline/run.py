"""A run: the steps of a plan, one after another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import assert_never

from quietscope.data.measured import as_measured
from quietscope.data.planes import score
from quietscope.errors import Terminated
from quietscope.io import Image
from quietscope.io.alive import at_work, check_idle
from quietscope.io.atomic import told_if_full
from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
from quietscope.pipeline.chunks.chunk_run import predict_chunks
from quietscope.pipeline.comparing import MOST_SAMPLES, compare
from quietscope.pipeline.cost_note import CostNote
from quietscope.pipeline.denoise_step import predict
from quietscope.pipeline.events import Finished, Listener, Note, Noted, ignore
from quietscope.pipeline.files import result_folder
from quietscope.pipeline.following_run import StagesTold, following, tell_outcome
from quietscope.pipeline.learning import load_trained, settle, train
from quietscope.pipeline.outcome import Outcome, Predicted, Trained
from quietscope.pipeline.plan import DenoisePlan, Plan, PredictPlan, Training, TrainPlan
from quietscope.pipeline.predicting import predict_images
from quietscope.pipeline.reporting import panels_of, report, report_training
from quietscope.pipeline.unaided import NOTHING_FOUND, Unaided, judge_unaided
from quietscope.pipeline.watch_plan import WatchPlan
from quietscope.pipeline.watching import watch_folder
from quietscope.training.followed import Followers, Names, check_trackers


def run(plan: Plan, events: Listener = ignore, *, resume: bool = False, log: Names = ()) -> Outcome:
    """Do what a plan says.

    Args:
        plan: The plan, of `plan_denoise`, `plan_train`, `plan_predict`, `plan_chunks` or `plan_watch`.
        events: Told all that happens, see `quietscope.pipeline.events`. It may raise `quietscope.Stop` to end the run:
            what was learnt until then is kept in the folder, and the same plan can be resumed. A watch ends well by it.
        resume: Go on with a run of this plan that was stopped or killed, as if it never had been: training goes on
            from its last state, and results that are written are not computed again.
        log: Programs that follow a run of `plan_denoise` or `plan_train` besides: "tensorboard", "wandb", "mlflow", or
            a list of them.

    Returns:
        What came of it.

    Raises:
        Stop: If the listener has raised it, unless it was a watch.
        QuietScopeError: If images, settings or files cannot be used.
    """
    if resume:
        plan = plan.resumed()
    check_trackers(log)
    if isinstance(plan, DenoisePlan | TrainPlan):
        check_idle(plan.folder)
    plan.check()
    match plan:
        case DenoisePlan():
            outcome = _denoise(plan, events, log)
        case TrainPlan():
            outcome = _train(plan, events, log)
        case PredictPlan():
            outcome = predict_images(plan, events)
        case ChunkPlan():
            outcome = predict_chunks(plan, events)
        case WatchPlan():
            outcome = watch_folder(plan, events)
        case _:
            assert_never(plan)
    events(Finished(outcome=outcome))
    return outcome


def _denoise(plan: DenoisePlan, events: Listener, log: Names) -> Outcome:
    """Learn from the images, denoise every one of them, and report."""
    noted = Noted(events)
    with result_folder(plan.folder), _alone(plan), _record(plan):
        plan = replace(plan, training=settle(plan.training, noted))
        with following(log, plan.folder, plan.training, noted) as followers:
            outcome = _denoised(plan, noted, followers)
            tell_outcome(followers, outcome)
        return outcome


def _denoised(plan: DenoisePlan, noted: Noted, followers: Followers) -> Outcome:
    """Learn, denoise and report; trackers are told how it goes."""
    events = StagesTold(noted, followers)
    noisy = [as_measured(target.image) for target in plan.targets]
    before = [score(image, clean) for image, clean in zip(noisy, plan.references, strict=False)]
    trained = _learn(plan, CostNote(plan, events), followers)
    unaided = _unaided(plan, trained, events)
    predicted = [_predicted(plan, number, trained, events) for number in range(len(plan.targets))]
    outcome = report(plan, trained, predicted, before, events, unaided=unaided, notes=noted.notes)
    return _compared(outcome, plan.training, plan.references, plan.targets[0].request.num_samples, events)


@contextmanager
def _alone(plan: DenoisePlan | TrainPlan) -> Iterator[None]:
    """Keep other runs out of a folder, after one last look at what they have left there."""
    with told_if_full(plan.folder), at_work(plan.folder):
        plan.check()
        yield


@contextmanager
def _record(plan: DenoisePlan) -> Iterator[None]:
    """Keep what a stopped run can go on from, where it has learnt anything, and remove it once all is done."""
    state = plan.training.folder
    with result_folder(state.path):
        if not plan.training.resume:
            plan.begin()
        try:
            yield
        except BaseException:
            if not state.has_learnt:
                plan.close()
            raise
    plan.close()


def _learn(plan: DenoisePlan, events: Listener, followers: Followers) -> Trained:
    """Train, or load the model where an earlier process has trained to the end of the same budget."""
    configuration, ledger = plan.training.configuration, plan.ledger
    if plan.training.resume:
        if ledger.is_trained(configuration):
            return load_trained(plan.training)
        ledger.begin(plan.files, plan.training.images)  # what a less trained model has made is made again
    trained = train(plan.training, events, followers)
    if trained.terminated:  # a scheduler wants the machine back: the model is kept, and nothing more is started
        raise Terminated
    if trained.interrupted:
        events(Note(text="the images are denoised with what was learnt; Ctrl-C again leaves them noisy"))
    else:
        ledger.note_training(configuration)
    return trained


def _unaided(plan: DenoisePlan, trained: Trained, events: Listener) -> Unaided:
    """Make the deviation honest where that is asked for, and keep the factor with the model."""
    if not plan.calibrate or trained.interrupted:
        return NOTHING_FOUND
    found = judge_unaided(trained.denoiser, plan.training.images, events)
    if trained.denoiser.spread != 1.0:
        trained.denoiser.save(plan.training.files["model"], overwrite=True)
    return found


def _predicted(plan: DenoisePlan, number: int, trained: Trained, events: Listener) -> Predicted:
    """Denoise one image, unless an earlier process has; the first one keeps what the picture shows."""
    target = plan.targets[number]
    found = plan.ledger.prediction(number, target) if plan.training.resume else None
    if found is None:
        panels = panels_of(plan, trained) if number == 0 else None
        with result_folder(target.folder):
            found = predict(trained.denoiser, target, events, panels=panels, is_own=True)
        plan.ledger.note_prediction(number, target, found)
    return found


def _train(plan: TrainPlan, events: Listener, log: Names) -> Outcome:
    """Learn, and keep the model."""
    noted = Noted(events)
    with result_folder(plan.folder), _alone(plan):
        training = settle(plan.training, noted)
        with following(log, plan.folder, training, noted) as followers:
            outcome = _learnt(replace(plan, training=training), noted, followers)
            tell_outcome(followers, outcome)
        return outcome


def _learnt(plan: TrainPlan, noted: Noted, followers: Followers) -> Outcome:
    """Learn and report; trackers are told how it goes."""
    training, events = plan.training, StagesTold(noted, followers)
    trained = train(training, events, followers)
    outcome = Outcome(trained=trained, files={**training.files, **plan.reports})
    if trained.terminated:  # a scheduler wants the machine back
        return replace(outcome, files=training.files)
    report_training(plan, trained, outcome.verdict, noted)
    if trained.interrupted:
        return outcome
    return _compared(outcome, training, (), MOST_SAMPLES, events)


def _compared(
    outcome: Outcome, training: Training, clean: Sequence[Image], num_samples: int, events: Listener
) -> Outcome:
    """Compare a direct denoiser that was trained along with the samples, and store the figures with it."""
    assert outcome.trained is not None
    denoiser, direct = outcome.trained.denoiser, outcome.trained.denoiser.direct
    if direct is None:
        return outcome
    lines = compare(denoiser, direct, training.images, clean, num_samples, events)
    direct.save(training.files["direct"], overwrite=True)
    return replace(outcome, comparison=lines)
