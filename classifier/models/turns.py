"""Who is served when: lanes, and owners who take turns within each."""

import uuid
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Self

from django.db.models import Count, F, Min, OuterRef, Q, Subquery

from classifier.models.claims import WorkQuerySet

if TYPE_CHECKING:
    from classifier.models.images import Image

HUGE = 20_000_000
"""Pixels from which on a picture is a batch of its own."""
LANES: tuple[dict[str, bool], ...] = (
    {"background": False, "bulk": False},
    {"background": False, "bulk": True},
    {"background": True},
)
"""Who is served first: single uploads, then batches, then imports and whatever else nobody waits for."""
TRIES = 5
"""Claims in a row that other workers may be quicker with."""


class InTurns(WorkQuerySet["Image"]):
    """Images, as workers take them."""

    def claim(self, token: uuid.UUID, limit: int) -> Self:
        """Take up to `limit` waiting rows for the worker `token` and return them: single uploads, then batches, then
        background work, each in turns (`_next_fresh`).

        A row that was tried before is taken alone: should it kill the worker, it drags no other row along.
        """
        for _ in range(TRIES):
            candidates, most = next((batch for batch in self._batches(limit) if batch[0]), ([], 0))
            if not candidates:
                break
            if (taken := self.take(candidates, token, most)).exists():
                return taken
        return self.none()

    def singles(self) -> Self:
        """Waiting images that were sent in one by one: those go first."""
        return self.free().filter(**LANES[0])

    def _batches(self, limit: int) -> Iterator[tuple[list[int], int]]:
        """What may be taken next, in this order, and how many of it at most."""
        for told in LANES:
            lane = self.free().filter(**told)
            yield lane._next_fresh(limit), limit
            yield lane._tried_before(), 1

    def _next_fresh(self, limit: int) -> list[int]:
        """Owners take turns, the one first who was served longest ago. Whose turn it is may bring a huge picture, which
        is then a batch of its own: nobody's small one waits in the same batch."""
        fresh = self.filter(attempts=0)
        owners = fresh.owners_in_turn()[: 2 * limit]
        if not owners:
            return []
        first = fresh.filter(owner=owners[0]).order_by("pk").first()
        if first and first.is_huge:
            return [first.pk]
        small = fresh.alias(area=F("width") * F("height")).filter(area__lte=HUGE).order_by("pk")
        rows = [small.filter(owner=owner).values_list("pk", flat=True)[: 2 * limit] for owner in owners]
        in_turns = (pk for turn in zip_longest(*rows) for pk in turn if pk is not None)
        return list(islice(in_turns, 2 * limit))  # more than needed: another worker may get some of them

    def _tried_before(self) -> list[int]:
        rows = self.filter(attempts__gt=0).order_by("attempts", "pk")
        return list(rows.values_list("pk", flat=True)[:8])

    def owners_in_turn(self) -> list[int]:
        """Whose rows these are, who was served longest ago first."""
        served = self.model._default_manager.filter(owner=OuterRef("owner"), claimed_at__isnull=False).order_by(
            "-claimed_at"
        )
        owners = (
            self.order_by().values("owner").annotate(oldest=Min("pk"), served=Subquery(served.values("claimed_at")[:1]))
        )
        return list(owners.order_by(F("served").asc(nulls_first=True), "oldest").values_list("owner", flat=True))

    def place_of(self, image: "Image") -> int:
        """Where one of these waiting rows stands: 1 for the next one to be taken, as far as it can be told."""
        mine = 2 if image.background else int(image.bulk)
        lane = self.filter(**LANES[mine])
        before = sum(self.filter(**told).count() for told in LANES[:mine])
        if image.attempts:
            earlier = Q(attempts__lt=image.attempts) | Q(attempts=image.attempts, pk__lte=image.pk)
            return before + lane.filter(earlier).count()
        fresh = lane.filter(attempts=0)
        own = fresh.filter(owner=image.owner_id, pk__lte=image.pk).count()
        owners = fresh.owners_in_turn()
        earlier_owners = set(owners[: owners.index(image.owner_id)]) if image.owner_id in owners else set()
        counts = fresh.exclude(owner=image.owner_id).order_by().values_list("owner").annotate(n=Count("pk"))
        others = sum(min(n, own if owner in earlier_owners else own - 1) for owner, n in counts)
        return int(before + own + others)
