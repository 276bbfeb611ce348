"""The start page of the administration: what waits for somebody, each with its link, as far as they may see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.timesince import timesince

from classifier.labelling import queue
from classifier.models import (
    DatasetVersion,
    Detector,
    Dispute,
    DisputeState,
    ImportBatch,
    Job,
    JobState,
    Label,
    Promotion,
    TrainingRun,
    may_see_images,
)
from classifier.results import status
from classifier.templatetags.verdicts import duration

COUNTED = 1000
"""How far rows are counted; beyond it the figure is no help."""


@dataclass(frozen=True)
class Card:
    """figure: the count, large. share: of work that runs, between 0 and 1."""

    title: str
    url: str
    figure: str
    said: str
    share: float | None = None


def cards(viewer: User) -> list[Card]:
    """Everything that this person may open, in the order of the loop from a wrong verdict to a better detector."""
    return [card(viewer) for allowed, card in CARDS if allowed(viewer)]


def counted(rows: "QuerySet[Any]") -> str:
    count = rows.order_by()[: COUNTED + 1].count()
    return f"{COUNTED:,}+" if count > COUNTED else intcomma(count)


def _review(viewer: User) -> Card:
    today = queue.labelled_today(viewer)
    said = f"disputed, contested and doubtful images; {today} labelled by you today"
    return Card("Review", reverse("admin:classifier_image_review"), counted(queue.waiting(viewer)), said)


def _disputes(viewer: User) -> Card:
    waiting = Dispute.objects.filter(state=DisputeState.OPEN)
    oldest = waiting.order_by("pk").first()
    said = f"wait for an answer, the oldest for {timesince(oldest.created_at)}" if oldest else "none waits"
    url = reverse("admin:classifier_dispute_changelist") + f"?state__exact={DisputeState.OPEN}"
    return Card("Disputes", url, counted(waiting), said)


def _imports(viewer: User) -> Card:
    batches = ImportBatch.objects.open().order_by("pk")
    running = batches.first()
    if running is None:
        return Card("Imports", reverse("admin:classifier_importbatch_changelist"), "0", "none is running")
    url = reverse("admin:classifier_importbatch_change", args=[running.pk])
    said = f"running: {running.cursor:,} of {running.progress.get('total', 0):,} pictures{left(running)}"
    return Card("Imports", url, counted(batches), said, running.share_done)


def left(job: Job) -> str:
    """ ", 4 min left", by the pace so far; "" as long as there is none to go by."""
    return "" if job.seconds_left is None else f", {duration(job.seconds_left)} left"


def _versions(viewer: User) -> Card:
    url = reverse("admin:classifier_datasetversion_changelist")
    newest = DatasetVersion.objects.first()
    if newest is None:
        return Card("Freeze", url, "0", "dataset versions; label images, then freeze the first")
    labels = Label.objects.filter(created_at__gt=newest.created_at)
    said = f"dataset versions; {newest} was frozen {timesince(newest.created_at)} ago, {counted(labels)} labels since"
    return Card("Freeze", url, str(newest.number), said)


def _training(viewer: User) -> Card:
    url = reverse("admin:classifier_trainingrun_changelist")
    runs = TrainingRun.objects.open().order_by("pk")
    running = runs.filter(state=JobState.RUNNING).first() or runs.first()
    if running:
        url = reverse("admin:classifier_trainingrun_change", args=[running.pk])
        said = f"{running} is {running.get_state_display()}{left(running)}"
        return Card("Training", url, counted(runs), said, running.share_done)
    last = TrainingRun.objects.first()
    return Card("Training", url, "0", f"none is running; the last, {last}, is {last.state}" if last else "no run yet")


def _detectors(viewer: User) -> Card:
    last = Promotion.objects.select_related("detector", "by").first()
    active = Detector.objects.active()
    candidates = Detector.objects.filter(active=False, promotions=None, run__state=JobState.DONE)
    said = f"candidates to compare; {active} is active" if active else "candidates; no detector is active"
    if last:
        what = "rolled back to" if last.rollback else "last promotion:"
        who = f" by {last.by}" if last.by else ""
        said += f"; {what} {last.detector}, {timesince(last.created_at)} ago{who}"
    return Card("Compare, promote", reverse("admin:classifier_detector_changelist"), counted(candidates), said)


def _drift(viewer: User) -> Card:
    return Card("Watch", reverse("drift"), "", "verdicts, doubts and mistakes by week: the drift page")


def _status(viewer: User) -> Card:
    waiting = status.queue()
    count = waiting.waiting + waiting.background + waiting.analysing
    said = f"image{pluralize(count)} in the queue; disks, workers, Redis, last errors"
    return Card("Status", reverse("status"), intcomma(count), said)


def _audit(viewer: User) -> Card:
    return Card("Audit log", reverse("admin:classifier_auditentry_changelist"), "", "what staff did and looked at")


def _may(permission: str) -> Callable[[User], bool]:
    return lambda viewer: viewer.has_perm(f"classifier.{permission}")


CARDS: list[tuple[Callable[[User], bool], Callable[[User], Card]]] = [
    (_may("change_image"), _review),
    (lambda viewer: may_see_images(viewer) and viewer.has_perm("classifier.view_dispute"), _disputes),
    (_may("view_importbatch"), _imports),
    (_may("view_datasetversion"), _versions),
    (_may("view_trainingrun"), _training),
    (_may("view_detector"), _detectors),
    (may_see_images, _drift),
    (_may("view_detector"), _status),
    (_may("view_auditentry"), _audit),
]
