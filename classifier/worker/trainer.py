"""WORKER ONLY, in a process of its own: training runs and measurements, one after the other. Imports Keras."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from aidetect.stopping import told_to_stop
from classifier.detector.data import manifest
from classifier.detector.errors import DetectorError
from classifier.detector.labels import INCONCLUSIVE
from classifier.detector.serving import bundle
from classifier.detector.stats.measured import Epoch, Report
from classifier.detector.training.batches import Config
from classifier.detector.training.pace import Step
from classifier.learning import gate
from classifier.learning.pictures_on_disk import on_disk
from classifier.models import (
    DatasetVersion,
    Detector,
    JobState,
    Measurement,
    Progress,
    RegressionCase,
    Start,
    TrainingRun,
)
from classifier.models.jobs import Job
from classifier.registry import bundles, detectors
from classifier.worker import candidates, measuring

logger = logging.getLogger(__name__)
UNEXPECTED = "Something went wrong on our side; the log of the training worker says what."
NICE = 4
"""Classification goes first. On two cores, with uploads that never pause: at 10 verdicts take 0.4 s and training stands
still, at 4 they take 0.6 s and training keeps a third of its pace (`make bench`)."""
PAUSE = 1.0
"""Seconds between two looks at the row: progress is written, a cancellation noticed."""
TIER_IMAGES = 100
"""How many test images, drawn evenly, are measured degraded as well."""
UNREADABLE: gate.Answer = {"outcome": INCONCLUSIVE, "score": None}
"""The answer to a regression case whose file is lost: the same for every detector, so it refuses none."""


class Values(TypedDict):
    """What a finished measurement's row holds; scores: P(REAL) by SHA-256."""

    scores: dict[str, float]
    report: Report
    cases: gate.Answers


class CancelledRun(Exception):
    """The row was cancelled, or taken over by another worker."""


class ToldToStop(Exception):
    """The worker ends; the run goes on when it is back, or in another one."""


def work() -> int:
    """Do everything that waits, measurements first, since they are short. Returns how many rows were dealt with."""
    count = 0
    while not told_to_stop():
        job = Measurement.objects.claim_next() or TrainingRun.objects.claim_next()
        if job is None:
            return count
        os.nice(max(0, NICE - os.nice(0)))
        count += 1
        _do(job)
    return count


def _do(job: Job) -> None:
    try:
        with heartbeat(job):
            if isinstance(job, TrainingRun):
                train(job)
            elif isinstance(job, Measurement):
                measure(job)
    except CancelledRun:
        logger.info("%s was cancelled", job)
    except ToldToStop:
        job.mine.give_back_patiently()
    except DetectorError as error:
        job.finish(JobState.FAILED, error=error.sentence[:600])
    except Exception as error:  # the task boundary: a failed row with a sentence, and the reason in the log
        if not job.put_off(error):
            logger.exception("%s failed", job)
            job.finish(JobState.FAILED, error=UNEXPECTED)


@contextmanager
def heartbeat(job: Job) -> Iterator[None]:
    """Renew the claim while the work goes on, whatever it is busy with; a killed process renews nothing."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(min(5.0, settings.CLAIM_SECONDS / 4)):
            try:
                job.update_mine()
            except Exception:  # a database that is away for a moment must not end the training
                logger.warning("no heartbeat for %s", job, exc_info=True)
            finally:
                connection.close()  # this thread's own

    thread = threading.Thread(target=beat, daemon=True)
    if not connection.in_atomic_block:  # inside one, as in tests, nobody else could see it anyway
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()


class Listener:
    """Writes what training tells it to the row, at most once a second. Raises CancelledRun when the claim is gone."""

    def __init__(self, job: Job, phase: str) -> None:
        self.job, self.phase, self.last, self.started = job, phase, 0.0, time.monotonic()

    def step(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last < PAUSE and done < total:
            return
        self.last = now
        seconds = round(now - self.started, 1)
        progress: Progress = {"phase": self.phase, "done": done, "total": total, "seconds": seconds}
        self._write(progress=progress)

    def epoch(self, figures: Epoch) -> None:
        if isinstance(self.job, TrainingRun):
            epoch = {key: value for key, value in figures.items() if key not in ("epochs", "seconds", "left")}
            kept = [old for old in self.job.history if old["epoch"] < epoch["epoch"]]
            self._write(history=[*kept, epoch])

    def _write(self, **values: object) -> None:
        if told_to_stop():
            raise ToldToStop
        if not self.job.update_mine(**values):
            raise CancelledRun


def train(run: TrainingRun) -> None:
    """Dataset version → candidate detector, then both it and the active one measured on the version's test images. A
    run whose worker was killed resumes from its last finished epoch, or with what is left after training."""
    listener = Listener(run, "training")
    folder = Detector(version=run.name).folder
    if not (folder / bundle.CARD_FILE).exists():
        with on_disk(run.dataset) as path:
            config = _config(run, path)
            candidates.train_rows(config, manifest.read(path), folder, listener.epoch, listener.step)
    detector = candidates.finish(folder)
    if not run.update_mine(detector=detector, history=detector.card["report"].get("history") or run.history):
        raise CancelledRun
    for other in (detector, detectors.active()):
        measured_now(other, run.dataset, Listener(run, f"measuring {other.version}").step, run.by)
    shutil.rmtree(folder / "backup", ignore_errors=True)
    run.finish(JobState.DONE)


def _config(run: TrainingRun, path: Path) -> Config:
    start = ""
    if run.start == Start.ACTIVE:
        start = str(bundle.start_of(bundles.folder_of(detectors.find(run.started_from))))
    elif run.start == Start.IMAGENET:
        start = "imagenet"
    chosen = Config(run.architecture, run.name, epochs=run.epochs, minutes=run.minutes, seed=run.seed, start=start)
    return candidates.configured(path, chosen)


def measured_now(
    detector: Detector, dataset: DatasetVersion, on_image: Step | None = None, by: User | None = None
) -> Measurement:
    """The measurement of a detector on a version, made here and now unless it is there. Raises DatasetError."""
    if found := gate.measured(detector, dataset):
        return found
    row, _ = Measurement.objects.get_or_create(detector=detector, dataset=dataset, defaults={"by": by})
    values = measured_values(row, on_image)
    Measurement.objects.filter(pk=row.pk).update(**values, state=JobState.DONE, error="", claim=None)
    row.refresh_from_db()
    return row


def measure(row: Measurement) -> None:
    values = measured_values(row, Listener(row, "measuring").step)
    row.finish(JobState.DONE, **values)


def measured_values(row: Measurement, on_image: Step | None) -> Values:
    """Scores, report and cases of a measurement. Raises DatasetError when the version has no test images left."""
    cases = list(RegressionCase.objects.usable())
    files = [case.image.original for case in cases]
    with on_disk(row.dataset, "test") as path:
        there, gone = manifest.still_there(manifest.read(path))
        some = there[:: max(1, len(there) // TIER_IMAGES)][:TIER_IMAGES]
        measured = measuring.measure(row.detector, there, files, some, on_image)
    answers: gate.Answers = {
        str(case.pk): {"outcome": one.outcome, "score": round(one.judgement.score, 4)} if one else UNREADABLE
        for case, one in zip(cases, measured.answers, strict=True)
    }
    return {"scores": measured.scores, "report": {**measured.report, "missing": gone}, "cases": answers}


def gate_now(candidate: Detector, on_image: Step | None = None) -> gate.Gate:
    """For commands: the gate with everything measured that it needs. Without a dataset version both are compared on the
    test images that the candidate was trained beside, kept with its bundle; regression cases need a version."""
    active = detectors.active()
    if dataset := DatasetVersion.objects.first():
        for detector in (active, candidate):
            measured_now(detector, dataset, on_image)
        return gate.gate(candidate)
    own = bundles.folder_of(candidate) / candidates.MANIFEST_FILE
    rows = [row for row in manifest.read(own) if row.split == "test"] if own.is_file() else []
    rows, _ = manifest.still_there(rows)
    if not rows:
        return gate.gate(candidate)  # which says what is missing
    before, after = (measuring.measure(detector, rows, on_image=on_image).report for detector in (active, candidate))
    where = f"{len(rows)} test images of its own manifest"
    return gate.Gate(candidate, active, where, gate.checks_of(before, after, active, candidate))
