"""What the application does. Views, admin, tasks and commands call these functions and hold no logic of their own."""

import hashlib
import logging
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.utils import timezone

from classifier.detector import bundle
from classifier.detector.decoding import Header, Limits
from classifier.detector.errors import BundleError
from classifier.models import Detector, Image, ImageQuerySet, Promotion, Rescoring

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckedFile:
    """An uploaded file that passed every rule of the form."""

    file: "File[bytes]"
    name: str
    header: Header


@dataclass(frozen=True)
class Submission:
    image: Image
    created: bool


def submit_images(owner: User, files: Iterable[CheckedFile], consent: bool) -> list[Submission]:
    """Store each file with its row, or find the row of the same bytes; each in its own transaction, so that whatever
    happens to one file, the others stay accepted."""
    submissions = [submit(owner, checked, consent) for checked in files]
    wake_workers()
    return submissions


def submit(owner: User, checked: CheckedFile, consent: bool, **told: Any) -> Submission:
    """One file; told: further values of its row. Wakes nobody."""
    digest = hashlib.sha256()
    for chunk in checked.file.chunks():
        digest.update(chunk)
    same = {"owner": owner, "sha256": digest.hexdigest()}
    if image := Image.objects.filter(**same).first():
        return Submission(image, created=False)
    image = Image(
        **same,
        name=checked.name,
        format=checked.header.format,
        width=checked.header.width,
        height=checked.header.height,
        size=checked.file.size,
        consent=consent,
        **told,
    )
    image.original.save(checked.name, checked.file, save=False)
    try:
        with transaction.atomic():
            image.save()
    except IntegrityError:  # the form was posted twice at the same moment: the other one won
        image.original.delete(save=False)
        return Submission(Image.objects.get(**same), created=False)
    except BaseException:
        image.original.delete(save=False)
        raise
    return Submission(image, created=True)


def wake_workers() -> None:
    """Tell a worker, once this transaction is committed, that images are waiting."""
    _wake("classify_pending", "the images wait")


def wake_trainer() -> None:
    """Tell the training worker, once this transaction is committed, that there is work."""
    _wake("train_waiting", "training waits")


def _wake(task: str, otherwise: str) -> None:
    """A lost message costs no more than SWEEP_SECONDS."""

    def send() -> None:
        from classifier import tasks

        try:
            getattr(tasks, task).apply_async(expires=60)
        except Exception as error:  # kombu, redis and socket errors alike: the rows wait until the broker is back
            logger.warning("the broker can't be reached; %s: %s", otherwise, error)

    transaction.on_commit(send, robust=True)


def delete_images(images: ImageQuerySet) -> int:
    """Delete rows, verdicts, labels and files. Returns how many images went."""
    with transaction.atomic():
        return images.delete()[1].get(Image._meta.label, 0)


def delete_account(user: User) -> None:
    """Delete a person with every image, verdict and file of theirs."""
    with transaction.atomic():
        user.delete()


def limits() -> Limits:
    """What uploads are held to, by the form and by the worker alike."""
    return Limits(settings.MAX_MEGAPIXELS, settings.SMALLEST_SIDE)


def clean_name(name: str, longest: int = 120) -> str:
    """A file name that is safe to show: no path, no control or direction-changing characters, a bounded length."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in name if c == "\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = kept.strip() or "image"
    if len(kept) > longest:
        stem, dot, extension = kept.rpartition(".")
        tail = f"….{extension}" if dot and len(extension) <= 10 else "…"
        kept = (stem or kept)[: longest - len(tail)] + tail
    return kept


def size_in_words(size: int) -> str:
    """Decimal units, as the limits are meant: a file of 20,100,000 bytes is larger than 20 MB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


def register_detector(folder: Path, shipped: bool = False) -> Detector:
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
    wake_workers()
    return Rescoring.objects.create(detector=detector, total=total)


def shipped_folder() -> Path:
    """The bundle that comes with the code. Raises BundleError unless there is exactly one."""
    folders = [path.parent for path in Path(settings.SHIPPED_DETECTORS).glob("*/" + bundle.CARD_FILE)]
    if len(folders) != 1:
        raise BundleError(f"expected one shipped detector in {settings.SHIPPED_DETECTORS}, found {len(folders)}")
    return folders[0]


def active_detector() -> Detector:
    """The active detector. On a fresh database, or when the code ships another one than the shipped one in use, the
    shipped detector is registered and promoted first; a detector that staff promoted stays."""
    active = Detector.objects.active()
    if active and not active.shipped:
        return active
    folder = shipped_folder()
    if active and active.version == folder.name:
        return active
    detector = register_detector(folder, shipped=True)
    promote(detector)
    return detector


def ensure_staff(email: str, password: str) -> User | None:
    """Create the first staff account; None when there is one already."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    user = User.objects.create_superuser(email.partition("@")[0], email, password)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user


def find_detector(version: str | None) -> Detector:
    """A registered detector by its version, or the active one. A trained bundle that a new database has not seen yet
    is registered first. Raises BundleError."""
    active = active_detector()
    if not version:
        return active
    if detector := Detector.objects.filter(version=version).first():
        return detector
    folder = Detector(version=version).folder
    if not (folder / bundle.CARD_FILE).is_file():
        known = ", ".join(Detector.objects.values_list("version", flat=True))
        raise BundleError(f"expected the version of a detector ({known}); received {version!r}")
    return register_detector(folder)
