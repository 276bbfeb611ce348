"""What staff say an image is: opinions become the ground truth, unless two of them contradict each other."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from classifier.accounts import hooks
from classifier.models import Claim, Dispute, DisputeState, Event, GroundTruth, Image, ImageQuerySet, Label, LabelKind

Opinions = dict[int | None, list[str]]
"""By person, oldest first; None: imported, or of accounts that are gone."""


def opinions_on(images: Iterable[int]) -> dict[int, Opinions]:
    """What each person has said about each image, less what they took back."""
    opinions: dict[int, Opinions] = defaultdict(lambda: defaultdict(list))
    rows = Label.objects.filter(image__in=list(images)).order_by("pk")
    for image, by, kind, new in rows.values_list("image_id", "by_id", "kind", "new"):
        said = opinions[image][None if kind == LabelKind.IMPORT else by]
        if kind != LabelKind.TAKEN_BACK:
            said.append(new)
        elif said:
            said.pop()
    return opinions


def settle(opinions: Opinions) -> tuple[str, bool]:
    """(ground truth, whether it is contested): what most people said last; contested, and without a ground truth, when
    no answer leads. What nobody present said (an import) counts only as long as nobody else says anything."""
    last = {by: said[-1] for by, said in opinions.items() if said and said[-1]}
    if len(last) > 1:
        last.pop(None, None)
    ranked = Counter(last.values()).most_common(2)
    if not ranked:
        return "", False
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return "", True
    return ranked[0][0], False


def label_images(images: ImageQuerySet, by: User, new: GroundTruth, reason: str, category: str = "") -> int:
    """Say what images are that staff may review; each opinion becomes a Label row. Returns how many images changed.

    Where somebody else said otherwise the image becomes contested, until a third opinion, or a change of mind, makes
    one answer lead. Whoever says the same again leaves no second row. Images without consent stay as they are. Open
    disputes are answered by a ground truth.
    """
    with transaction.atomic():
        reviewable = list(images.reviewable().select_for_update().order_by("pk").only("pk", "label", "contested"))
        known = opinions_on(image.pk for image in reviewable)
        unsaid = [image for image in reviewable if known[image.pk][by.pk][-1:] != [new]]
        rows = [
            Label(
                image=image, by=by, kind=LabelKind.OPINION, old=image.label, new=new, reason=reason, category=category
            )
            for image in unsaid
        ]
        before = {image.pk: (image.label, image.contested) for image in unsaid}
        outcomes = _record(rows)
        for outcome, numbers in outcomes.items():
            _tell_owners(Image.objects.filter(pk__in=numbers), *outcome, by)
        answer_disputes(images.reviewable().filter(label=new), new, by)
    return sum(before[number] != outcome for outcome, numbers in outcomes.items() for number in numbers)


def label_imported(image: Image, by: User | None, new: GroundTruth, reason: str) -> None:
    """What a collection says an image is: it counts as long as no person has an opinion."""
    _record([Label(image=image, by=by, kind=LabelKind.IMPORT, old=image.label, new=new, reason=reason)])


def take_back(last: Label, by: User) -> None:
    """Undo somebody's last opinion by another row; the dispute that it closed is open again."""
    undone = Label(image=last.image, by=by, kind=LabelKind.TAKEN_BACK, old=last.new, new=last.old, reason="taken back")
    with transaction.atomic():
        _record([undone])
        _reopen(Dispute.objects.filter(image=last.image, closed_by=by, closed_at__gte=last.created_at))


def _record(rows: Sequence[Label]) -> dict[tuple[str, bool], list[int]]:
    """The one writer of labels: add rows, one an image, and let each image's ground truth follow from all that was said
    about it. Returns the images by what they came to: (ground truth, whether it is contested)."""
    outcomes: dict[tuple[str, bool], list[int]] = defaultdict(list)
    with transaction.atomic(savepoint=False):
        Label.objects.bulk_create(rows)
        for image, opinions in opinions_on(row.image_id for row in rows).items():
            outcomes[settle(opinions)].append(image)
        for (label, contested), numbers in outcomes.items():
            Image.objects.filter(pk__in=numbers).update(label=label, contested=contested)
    return outcomes


def _tell_owners(images: ImageQuerySet, label: str, contested: bool, by: User) -> None:
    """Answer the disputes of images that have a ground truth now; those of contested ones wait again."""
    if contested:
        answered = [DisputeState.AGREED, DisputeState.DISAGREED, DisputeState.ANSWERED]
        _reopen(Dispute.objects.filter(image__in=images.values("pk"), state__in=answered))
    elif label:
        answer_disputes(images, GroundTruth(label), by)


def _reopen(disputes: QuerySet[Dispute]) -> None:
    """The last closed dispute of each image waits again, where none is open."""
    open_ones = Dispute.objects.filter(state=DisputeState.OPEN).values("image")
    last = dict(disputes.exclude(image__in=open_ones).order_by("pk").values_list("image_id", "pk"))
    Dispute.objects.filter(pk__in=last.values()).update(state=DisputeState.OPEN, closed_at=None, closed_by=None)


def answer_disputes(images: ImageQuerySet, label: GroundTruth, by: User) -> None:
    """Close the open disputes of images that were labelled: agreed, disagreed, or answered where neither fits."""
    disputes = Dispute.objects.filter(image__in=images.values("pk"))
    if label != GroundTruth.UNUSABLE:
        close_disputes(disputes.filter(claim=label), DisputeState.AGREED, by)
        close_disputes(disputes.exclude(claim__in=[label, Claim.UNSURE]), DisputeState.DISAGREED, by)
    close_disputes(disputes, DisputeState.ANSWERED, by)


def close_disputes(disputes: QuerySet[Dispute], state: DisputeState, by: User | None) -> bool:
    """Answered by a person, or withdrawn by the owner, who then needs no message."""
    with transaction.atomic():
        waiting = list(disputes.filter(state=DisputeState.OPEN).select_related("image"))
        mine = Dispute.objects.filter(pk__in=[dispute.pk for dispute in waiting])
        closed = mine.update(state=state, closed_at=timezone.now(), closed_by=by)
        if state != DisputeState.WITHDRAWN:
            hooks.record(Event.ANSWERED, [dispute.image for dispute in waiting], dispute=state)
    return bool(closed)
