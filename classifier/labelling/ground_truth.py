"""What staff say an image is: opinions become the ground truth, unless two of them contradict each other."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from classifier.models import Claim, Dispute, DisputeState, GroundTruth, Image, ImageQuerySet, Label

TAKEN_BACK = "taken back"
"""The reason of a row that undoes this person's last one."""
Opinions = dict[int | None, list[str]]
"""By person, oldest first; None: imported, or of accounts that are gone."""


def opinions_on(images: Iterable[int]) -> dict[int, Opinions]:
    """What each person has said about each image, less what they took back."""
    found: dict[int, Opinions] = defaultdict(lambda: defaultdict(list))
    rows = Label.objects.filter(image__in=list(images)).order_by("pk")
    for image, by, new, reason in rows.values_list("image_id", "by_id", "new", "reason"):
        said = found[image][by]
        if reason != TAKEN_BACK:
            said.append(new)
        elif said:
            said.pop()
    return found


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
    one answer lead. Images that have this label already get a row only if it is another person's. Images without
    consent stay as they are. Open disputes are answered by a ground truth.
    """
    with transaction.atomic():
        chosen = list(images.reviewable().select_for_update().order_by("pk").only("pk", "label", "contested"))
        known = opinions_on(image.pk for image in chosen)
        rows, outcomes, changed = [], defaultdict(list), 0
        for image in chosen:
            opinions = known[image.pk]
            others = any(said for person, said in opinions.items() if person not in (by.pk, None))
            mine = opinions[by.pk][-1] if opinions[by.pk] else ""
            if mine == new or (image.label == new and not others):
                continue
            rows.append(Label(image=image, by=by, old=image.label, new=new, reason=reason, category=category))
            opinions[by.pk].append(new)
            outcome = settle(opinions)
            outcomes[outcome].append(image.pk)
            changed += outcome != (image.label, image.contested)
        Label.objects.bulk_create(rows)
        for (label, contested), numbers in outcomes.items():
            _conclude(Image.objects.filter(pk__in=numbers), label, contested, by)
        same = images.reviewable().filter(label=new)
        answer_disputes(same, new, by)
    return changed


def take_back(last: Label, by: User) -> None:
    """Undo somebody's last opinion by another row; the dispute that it closed is open again."""
    with transaction.atomic():
        Label.objects.create(image=last.image, by=by, old=last.new, new=last.old, reason=TAKEN_BACK)
        label, contested = settle(opinions_on([last.image_id])[last.image_id])
        Image.objects.filter(pk=last.image_id).update(label=label, contested=contested)
        _reopen(Dispute.objects.filter(image=last.image, closed_by=by, closed_at__gte=last.created_at))


def _conclude(images: ImageQuerySet, label: str, contested: bool, by: User) -> None:
    images.update(label=label, contested=contested)
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
    closed = disputes.filter(state=DisputeState.OPEN).update(state=state, closed_at=timezone.now(), closed_by=by)
    return bool(closed)
