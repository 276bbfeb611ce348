"""How long it takes until something that waits is judged, as far as anybody can tell."""

from datetime import timedelta

from django.utils import timezone

from classifier.models import Image, State, Verdict

LOOKED_AT = 20
"""How many of the last verdicts tell how long one takes."""
PATIENCE = timedelta(minutes=1)
"""Nothing taken up in this time means that no worker is there."""


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


def nobody_works(image: Image) -> bool:
    """Whether an image waits so long, while none at all is analysed, that no worker can be there."""
    long_enough = image.state == State.WAITING and timezone.now() - image.created_at > PATIENCE
    return long_enough and not Image.objects.filter(state=State.ANALYSING).exists()


def promise(image: Image, position: int) -> str:
    """When the verdict of a waiting image can be expected, in a sentence; "" where nobody can tell."""
    if nobody_works(image):
        return "No worker is answering at the moment. Your picture is kept and will be judged as soon as one is back."
    seconds = estimate(position)
    return "" if seconds is None else f"That takes about {in_words(seconds)}, if nothing gets in the way."


def in_words(seconds: float) -> str:
    """Rounded up, and coarser the longer it is: nobody knows better."""
    if seconds <= 5:
        return "5 seconds"
    if seconds < 60:
        return f"{-(-int(seconds + 0.99) // 10) * 10} seconds"
    if seconds < 5400:
        minutes = -(-int(seconds) // 60)
        return f"{minutes} minutes" if minutes > 1 else "a minute"
    return f"{-(-int(seconds) // 3600)} hours"
