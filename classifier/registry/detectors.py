"""Which detectors there are, and which of them is active."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from classifier import wakeups
from classifier.detector.errors import BundleError
from classifier.detector.serving import bundle
from classifier.models import Detector, Image, Promotion, Rescoring


def register(folder: Path, shipped: bool = False) -> Detector:
    """Make a bundle known, by its card alone. A bundle of the same version and content is registered once."""
    card = bundle.read_card(folder)
    detector, created = Detector.objects.get_or_create(
        version=card.version,
        defaults={
            "architecture": card.architecture,
            "sha256": card.sha256,
            "shipped": shipped,
            "card": _page_card(card),
        },
    )
    if not created and detector.sha256 != card.sha256:
        raise BundleError(f"version {card.version} is registered already, with another model; choose a new name")
    return detector


def _page_card(card: bundle.Card) -> dict[str, Any]:
    """What the pages show of a bundle."""
    return {
        "training": card.training,
        "report": card.report,
        "parameters": card.parameters,
        "fake_below": card.fake_below,
        "real_above": card.real_above,
        "reliability": card.reliability,
    }


def promote(
    detector: Detector,
    by: User | None = None,
    reason: str = "",
    overridden: Sequence[str] = (),
    rollback: bool = False,
) -> Promotion:
    """Make a detector the active one, whatever it is worth (`promotion.promote` asks that first), and have history
    judged anew. Workers pick it up at their next batch."""
    with transaction.atomic():
        list(Detector.objects.select_for_update().values_list("pk"))  # one promotion at a time
        before = Detector.objects.active()
        Detector.objects.filter(active=True).update(active=False)
        Detector.objects.filter(pk=detector.pk).update(active=True, promoted_at=timezone.now())
        entry = Promotion.objects.create(
            detector=detector, before=before, by=by, reason=reason, overridden=list(overridden), rollback=rollback
        )
        if settings.RESCORE_HISTORY:
            rescore(detector)
    detector.refresh_from_db()
    return entry


def rescore(detector: Detector) -> Rescoring | None:
    """Have every image that another detector judged last judged anew, when no upload waits. None: there is none."""
    total = Image.objects.judged_by_another(detector).count()
    if not total:
        return None
    wakeups.wake_workers()
    return Rescoring.objects.create(detector=detector, total=total)


def shipped_folder() -> Path:
    """The bundle that comes with the code. Raises BundleError unless there is exactly one."""
    folders = [path.parent for path in Path(settings.SHIPPED_DETECTORS).glob("*/" + bundle.CARD_FILE)]
    if len(folders) != 1:
        raise BundleError(f"expected one shipped detector in {settings.SHIPPED_DETECTORS}, found {len(folders)}")
    return folders[0]


def active() -> Detector:
    """The active detector. On a fresh database, or when the code ships another one than the shipped one in use, the
    shipped detector is registered and promoted first; a detector that staff promoted stays."""
    found = Detector.objects.active()
    if found and not found.shipped:
        return found
    folder = shipped_folder()
    if found and found.version == folder.name:
        return found
    detector = register(folder, shipped=True)
    promote(detector)
    return detector


def find(version: str | None) -> Detector:
    """A registered detector by its version, or the active one. A trained bundle that a new database has not seen yet
    is registered first. Raises BundleError."""
    standing = active()
    if not version:
        return standing
    if detector := Detector.objects.filter(version=version).first():
        return detector
    folder = Detector(version=version).folder
    if not (folder / bundle.CARD_FILE).is_file():
        known = ", ".join(Detector.objects.values_list("version", flat=True))
        raise BundleError(f"expected the version of a detector ({known}); received {version!r}")
    return register(folder)
