"""Which detectors there are, and which of them is active."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.utils import timezone

from classifier import wakeups
from classifier.detector.errors import BundleError
from classifier.detector.serving import bundle
from classifier.detector.stats.measured import Bin, Report, Training
from classifier.models import Detector, Image, Promotion, Rescoring
from classifier.registry import bundles

CHOICES = "choices.json"
INSTALLED = "came with the code"
"""The reason in the log when no person decided."""


class PageCard(TypedDict):
    """What the pages show of a bundle: the row's copy of a part of its card."""

    training: Training
    report: Report
    parameters: int
    fake_below: float
    real_above: float
    reliability: list[Bin]


def register(folder: Path, shipped: bool = False) -> Detector:
    """Make a bundle known, by its card alone. A bundle of the same version and model is registered once; its row is
    brought up to date with its card. Raises BundleError."""
    card = bundle.read_card(folder)
    known = Detector.objects.filter(version=card.version).first()
    kept = "" if shipped or known else bundles.keep(folder)
    detector, created = Detector.objects.get_or_create(
        version=card.version,
        defaults={
            "architecture": card.architecture,
            "sha256": card.sha256,
            "shipped": shipped,
            "card": _page_card(card),
            "bundle": kept,
        },
    )
    if not created and detector.sha256 != card.sha256:
        raise BundleError(f"version {card.version} is registered already, with another model; choose a new name")
    if not created and detector.card != _page_card(card):
        detector.card = _page_card(card)
        detector.bundle.name = "" if shipped else bundles.keep(folder)
        Detector.objects.filter(pk=detector.pk).update(card=detector.card, bundle=detector.bundle.name)
    return detector


def revise(detector: Detector, **changes: Any) -> bundle.Card:
    """Change entries of a detector's card, in its bundle and in its row alike."""
    with bundles.open_for_change(detector) as folder:
        card = bundle.revise(folder, **changes)
    detector.card = _page_card(card)
    refresh(card)
    return card


def refresh(card: bundle.Card) -> None:
    """Bring the row of a bundle up to date with its card, where it is registered."""
    Detector.objects.filter(version=card.version, sha256=card.sha256).update(card=_page_card(card))


def _page_card(card: bundle.Card) -> PageCard:
    return {
        "training": card.training,
        "report": card.report,
        "parameters": card.parameters,
        "fake_below": card.fake_below,
        "real_above": card.real_above,
        "reliability": card.reliability,
    }


def switch_to(
    detector: Detector,
    by: User | None = None,
    reason: str = "",
    overridden: Sequence[str] = (),
    rollback: bool = False,
) -> Promotion:
    """Make a detector the active one, whatever it is worth, and have history re-scored; workers pick it up at their
    next batch. Only `learning.gate`, which asks what it is worth first, and `install_shipped` call this."""
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
    """Have every image that another detector judged last re-scored, when no upload waits. None: there is none."""
    total = Image.objects.judged_by_another(detector).count()
    if not total:
        return None
    job = Rescoring.objects.create(detector=detector, total=total)
    wakeups.wake_workers()
    return job


def shipped_folder(choice: str = "") -> Path:
    """The bundle that comes with the code: the one that `choices.json` beside it names for `choice`, "thorough" or
    "quick", by default settings.DETECTOR; the only one where there is no such file. Raises BundleError."""
    root, choice = Path(settings.SHIPPED_DETECTORS), choice or settings.DETECTOR
    folders = [path.parent for path in sorted(root.glob("*/" + bundle.CARD_FILE))]
    named = root / CHOICES
    if named.is_file():
        version = json.loads(named.read_text(encoding="utf-8"))[choice]
        folders = [folder for folder in folders if folder.name == version]
    if len(folders) != 1:
        raise BundleError(f"expected one shipped detector that is {choice} in {root}, found {len(folders)}")
    return folders[0]


def install_shipped() -> Detector:
    """Register the shipped detector and make it the active one, unless staff chose another: on a fresh database,
    when the code ships a newer one, or when settings.DETECTOR changed. Returns the active detector."""
    bundles.keep_all()
    standing = Detector.objects.active()
    if standing and _chosen_by_staff(standing):
        return standing
    detector = register(shipped_folder(), shipped=True)
    if detector != standing:
        switch_to(detector, reason=INSTALLED)
    return detector


def _chosen_by_staff(standing: Detector) -> bool:
    """Trained here, or a shipped one that somebody promoted or rolled back to. Installations before INSTALLED was
    written gave no reason."""
    entry = Promotion.objects.filter(detector=standing).first()
    decided = entry and (entry.by_id or entry.rollback or entry.reason not in ("", INSTALLED))
    return not standing.shipped or bool(decided)


def active() -> Detector:
    """The active detector; reads only. Raises BundleError when none is installed."""
    if found := Detector.objects.active():
        return found
    raise BundleError("no detector is installed yet; run: manage.py install_shipped")


def find(version: str | None) -> Detector:
    """A registered detector by its version, or the active one; before any database or installation the shipped one, and
    a bundle that the database has not seen yet, as a row that is not stored: this only reads. Raises BundleError."""
    try:
        if found := Detector.objects.filter(version=version).first() if version else Detector.objects.active():
            return found
        known = ", ".join(Detector.objects.values_list("version", flat=True))
    except DatabaseError:  # no database yet, or none that has been migrated
        known = "none"
    if not version:
        return shipped()
    for with_code in (True, False):
        folder = Detector(version=version, shipped=with_code).folder
        if (folder / bundle.CARD_FILE).is_file():
            return _unstored(folder, with_code)
    raise BundleError(f"expected the version of a detector ({known}); received {version!r}")


def registered(version: str) -> Detector:
    """As `find`, for whoever stores something about it: a bundle that the database has not seen yet is registered."""
    detector = find(version)
    return detector if detector.pk else register(detector.folder, detector.shipped)


def shipped(choice: str = "") -> Detector:
    """A detector that came with the code, without any database: as a row that is not stored. Raises BundleError."""
    return _unstored(shipped_folder(choice), shipped=True)


def _unstored(folder: Path, shipped: bool) -> Detector:
    card = bundle.read_card(folder)
    return Detector(
        version=card.version, architecture=card.architecture, sha256=card.sha256, shipped=shipped, card=_page_card(card)
    )
