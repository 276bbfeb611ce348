"""How verdicts, doubts and mistakes move over time, by week and detector; accuracy estimated from a random sample."""

import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.core.cache import cache
from django.db.models import Avg, Case, Count, Exists, F, IntegerField, OuterRef, Q, Value, When
from django.db.models.functions import Floor, Least, TruncWeek
from django.utils import timezone

from classifier.detector.labels import FAKE, INCONCLUSIVE, REAL
from classifier.detector.stats.classification import wilson
from classifier.models import Dispute, Image, Verdict

WEEKS = 26
BINS = 10
LONG, KEPT = 2.0, 600
"""Seconds of counting from which on the result is kept, and for how long."""
OPPOSITE = Q(verdict_label=REAL, outcome=FAKE) | Q(verdict_label=FAKE, outcome=REAL)


class Week(TypedDict):
    """One week of a detector's verdicts. labelled: decided verdicts whose image has a ground truth; overturned:
    how many of them say the opposite. histogram: of the scores, in BINS equal parts."""

    week: datetime
    version: str
    n: int
    mean: float
    REAL: int
    FAKE: int
    INCONCLUSIVE: int
    labelled: int
    overturned: int
    disputed: int
    histogram: list[int]
    shares: dict[str, float | None]


class Sampled(TypedDict):
    """Of the labelled random sample: how many a detector decides, and how often it is correct, with a 95 % interval."""

    version: str
    n: int
    decided: int
    accuracy: float | None
    interval: tuple[float, float] | None


def lately() -> tuple[list[Week], datetime]:
    """`by_week`, and as of when. Where counting takes long, among millions of verdicts, it is kept for KEPT seconds."""
    kept: tuple[list[Week], datetime] | None = cache.get("drift")
    if kept:
        return kept
    now, started = timezone.now(), time.monotonic()
    weeks = by_week()
    if time.monotonic() - started > LONG:
        cache.set("drift", (weeks, now), KEPT)
    return weeks, now


def by_week(weeks: int = WEEKS) -> list[Week]:
    """The weeks of each detector, newest first."""
    since = timezone.now() - timedelta(weeks=weeks)
    verdicts = (
        Verdict.objects.filter(created_at__gte=since, image__guest="").annotate(week=TruncWeek("created_at")).order_by()
    )
    disputed = Exists(Dispute.objects.filter(image=OuterRef("image"), created_at__gte=OuterRef("created_at")))
    keys = verdicts.annotate(verdict_label=F("image__label")).values("week", "detector__version")
    rows = keys.annotate(
        n=Count("pk"),
        mean=Avg("score"),
        REAL=Count("pk", filter=Q(outcome=REAL)),
        FAKE=Count("pk", filter=Q(outcome=FAKE)),
        INCONCLUSIVE=Count("pk", filter=Q(outcome=INCONCLUSIVE)),
        labelled=Count("pk", filter=Q(verdict_label__in=[REAL, FAKE]) & ~Q(outcome=INCONCLUSIVE)),
        overturned=Count("pk", filter=OPPOSITE),
    )
    disputes = dict(_counted(verdicts.filter(disputed)))
    histograms: dict[Any, list[int]] = defaultdict(lambda: [0] * BINS)
    part = Least(Floor(F("score") * BINS), Value(float(BINS - 1)))
    cells = verdicts.annotate(part=Case(When(score__gte=0, then=part)))
    for cell in cells.values("week", "detector__version", "part").annotate(n=Count("pk")):
        histograms[cell["week"], cell["detector__version"]][int(cell["part"])] += cell["n"]
    table: list[Week] = []
    row: Any
    for row in sorted(rows, key=lambda row: (row["week"], row["detector__version"]), reverse=True):
        key = row["week"], row["detector__version"]
        disputed_here = disputes.get(key, 0)
        entry: Week = {
            "week": row["week"],
            "version": row["detector__version"],
            "n": row["n"],
            "mean": row["mean"],
            REAL: row[REAL],
            FAKE: row[FAKE],
            INCONCLUSIVE: row[INCONCLUSIVE],
            "labelled": row["labelled"],
            "overturned": row["overturned"],
            "disputed": disputed_here,
            "histogram": histograms[key],
            "shares": _shares(row, disputed_here),
        }
        table.append(entry)
    return table


def _counted(verdicts: Any) -> list[tuple[Any, int]]:
    rows = verdicts.values("week", "detector__version").annotate(n=Count("pk"))
    return [((row["week"], row["detector__version"]), row["n"]) for row in rows]


def _shares(row: Mapping[str, Any], disputed: int) -> dict[str, float | None]:
    return {
        REAL: row[REAL] / row["n"],
        FAKE: row[FAKE] / row["n"],
        INCONCLUSIVE: row[INCONCLUSIVE] / row["n"],
        "disputed": disputed / row["n"],
        "overturned": row["overturned"] / row["labelled"] if row["labelled"] else None,
    }


def sampled_accuracy() -> list[Sampled]:
    """For each detector the images of the random sample that staff labelled; by what the network said, whatever the
    file declared."""
    sample = Verdict.objects.filter(image__sampled=True, image__label__in=[REAL, FAKE]).order_by()
    right = Case(When(outcome=F("image__label"), then=1), default=0, output_field=IntegerField())
    rows = (
        sample.annotate(right=right)
        .values("detector__version")
        .annotate(
            n=Count("pk"),
            decided=Count("pk", filter=~Q(outcome=INCONCLUSIVE)),
            hits=Count("pk", filter=Q(right=1)),
        )
    )
    return [
        {
            "version": row["detector__version"],
            "n": row["n"],
            "decided": row["decided"],
            "accuracy": row["hits"] / row["decided"] if row["decided"] else None,
            "interval": wilson(row["hits"], row["decided"]) if row["decided"] else None,
        }
        for row in sorted(rows, key=lambda row: row["detector__version"])
    ]


def waiting_sample() -> int:
    """How many images of the sample are not labelled yet."""
    return Image.objects.filter(sampled=True, label="").count()
