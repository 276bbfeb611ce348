"""Training runs as staff ask for them: started, cancelled, and refused where there is nothing new to learn."""

from typing import TypedDict
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import transaction

from classifier import wakeups
from classifier.detector.errors import DetectorError
from classifier.detector.serving import bundle
from classifier.models import (
    Architecture,
    DatasetVersion,
    Detector,
    JobState,
    Measurement,
    Start,
    TrainingRun,
)

APPLICATIONS = {Architecture.MOBILENETV2, Architecture.EFFICIENTNETV2, Architecture.RESNET50, Architecture.CONVNEXT}


def start_training(run: TrainingRun, by: User | None) -> TrainingRun:
    """Store a run and wake the training worker. Raises DetectorError, as `check_run` does."""
    check_run(run)
    run.by = by
    run.save()
    wakeups.wake_trainer()
    return run


def check_run(run: TrainingRun) -> None:
    """Fill in what the run starts from. Raises DetectorError with a sentence when the choices do not go together, or
    when the same was learnt from the same images already."""
    active = Detector.objects.active()
    if run.start == Start.ACTIVE:
        if active is None or active.architecture != run.architecture:
            theirs = active.architecture if active else "missing"
            raise DetectorError(
                f"the active detector is of architecture {theirs}; only a run of the same can start from it"
            )
        run.started_from = active.version
    if run.start == Start.IMAGENET and run.architecture not in APPLICATIONS:
        raise DetectorError(f"ImageNet weights are there for {', '.join(sorted(APPLICATIONS))} only")
    if Detector.objects.filter(version=run.name).exists() or (
        (Detector(version=run.name).folder / bundle.CARD_FILE).exists()
    ):
        raise DetectorError(f"a detector named {run.name} exists already; choose another name")
    fields = ("architecture", "start", "started_from", "epochs", "minutes", "seed")
    ended = [JobState.FAILED, JobState.CANCELLED]
    same = TrainingRun.objects.filter(dataset__digest=run.dataset.digest).exclude(state__in=ended)
    if twin := same.filter(**{name: getattr(run, name) for name in fields}).first():
        raise DetectorError(
            f"nothing new to learn: {twin.name} has the same images and the same settings; label more and freeze a new "
            "version, or change a setting"
        )


def cancel(run: TrainingRun) -> bool:
    """Stop a run; the trainer notices at its next step. False when it had ended already."""
    return run.cancel()


def ask_for_measurement(detector: Detector, dataset: DatasetVersion, by: User | None = None) -> Measurement:
    """Have a detector scored on the test images of a version; again where it was done before."""
    with transaction.atomic():
        row, created = Measurement.objects.get_or_create(detector=detector, dataset=dataset, defaults={"by": by})
        if not created and not row.is_open:
            Measurement.objects.filter(pk=row.pk).update(
                state=JobState.WAITING, attempts=0, setbacks=0, not_before=None, error="", progress={}
            )
    wakeups.wake_trainer()
    return row


SETTINGS = ("dataset_id", "architecture", "start", "epochs", "minutes", "seed")


class Status(TypedDict):
    """What the polled page shows. share: of the phase, None where it can't be told. seen: changes whenever there is
    something new. again: the form's address with the same settings."""

    run: TrainingRun
    phase: str
    share: float | None
    seen: str
    again: str


def status_of(run: TrainingRun) -> Status:
    phase = run.progress.get("phase", "")
    return {
        "run": run,
        "phase": phase,
        "share": run.share_done,
        "again": urlencode({name.removesuffix("_id"): getattr(run, name) for name in SETTINGS}),
        "seen": f"{run.state}-{len(run.history)}-{phase}-{run.progress.get('done', 0)}",
    }
