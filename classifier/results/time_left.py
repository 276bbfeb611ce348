"""How long it takes until something that waits is judged, as far as anybody can tell."""

from classifier.models import Image, State, Verdict

LOOKED_AT = 20
"""How many of the last verdicts tell how long one takes."""


def seconds_each() -> float | None:
    """Seconds an image has taken lately, by all workers together; None where nothing was judged yet."""
    spent = list(Verdict.objects.order_by("-pk").values_list("milliseconds", flat=True)[:LOOKED_AT])
    if not spent:
        return None
    analysing = Image.objects.filter(state=State.ANALYSING).exclude(holder="").order_by()
    workers = analysing.values("holder").distinct().count()
    return sum(spent) / len(spent) / 1000 / max(1, workers)


def estimate(position: int) -> float | None:
    """Seconds until the one at this place in the queue is judged, as long as no worker is busy with anything else."""
    each = seconds_each() if position else None
    return None if each is None else position * each
