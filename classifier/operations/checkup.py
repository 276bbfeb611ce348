"""What is wrong with an installation, and what to do about it. Nothing here changes anything."""

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from classifier.detector.digests import file_digest
from classifier.detector.errors import BundleError
from classifier.detector.serving import bundle
from classifier.operations.orphans import Found
from classifier.results import status

LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1"}


class Level(StrEnum):
    FINE = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """sentence: what was found and, unless it is fine, what to do."""

    level: Level
    about: str
    sentence: str


def examine() -> Iterator[Finding]:
    """Everything that can be seen without comparing files with rows, one finding or more for each thing."""
    yield from _settings()
    yield from _parts()
    yield from _migrations()
    yield from _shipped()
    yield from _trust_list()
    yield from _disks()


def _settings() -> Iterator[Finding]:
    public = sorted(set(settings.ALLOWED_HOSTS) - LOCAL)
    complaints = []
    if settings.DEBUG and public:
        complaints.append((Level.PROBLEM, "DEBUG shows the insides of errors to everybody. Set DEBUG=false."))
    if public and not settings.HTTPS:
        complaints.append((Level.WARNING, f"{public[0]} is answered without HTTPS. Set HTTPS=true behind a proxy."))
    if public and settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        complaints.append((Level.WARNING, "Emails (new passwords) are only printed. Set EMAIL_URL."))
    if len(settings.SECRET_KEY) < 50:
        complaints.append((Level.WARNING, "SECRET_KEY is short. Set one of 50 random characters, or none."))
    for message in run_checks(include_deployment_checks=settings.HTTPS):
        if message.level >= WARNING and not message.is_silenced():
            level = Level.PROBLEM if message.is_serious() else Level.WARNING
            complaints.append((level, f"{message.msg} {message.hint or ''}".strip()))
    yield from (Finding(level, "settings", sentence) for level, sentence in complaints)
    if not complaints:
        yield Finding(Level.FINE, "settings", "They fit together.")


def _parts() -> Iterator[Finding]:
    for part in status.parts():
        if part.trouble:
            yield Finding(Level.PROBLEM, part.name, f"{part.trouble}. {part.sentence}")
        else:
            yield Finding(Level.FINE, part.name, "It works.")


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing)
        yield Finding(Level.PROBLEM, "migrations", f"Not applied: {names}. Run manage.py migrate.")
    else:
        yield Finding(Level.FINE, "migrations", "All are applied.")


def _shipped() -> Iterator[Finding]:
    """Detectors and encoders that came with the code, against the SHA-256 that their cards vouch for."""
    root = Path(settings.SHIPPED_DETECTORS)
    folders = sorted(path.parent for path in root.glob("*/" + bundle.CARD_FILE))
    wrong = [sentence for folder in folders for sentence in _wrong_with(folder)]
    for sentence in wrong or ([] if folders else [f"There is no detector in {root}."]):
        again = "Fetch the code again: git lfs and incomplete downloads leave such files."
        yield Finding(Level.PROBLEM, "shipped files", f"{sentence} {again}")
    if folders and not wrong:
        yield Finding(Level.FINE, "shipped files", f"{len(folders)} detectors, unchanged.")


def _wrong_with(folder: Path) -> Iterator[str]:
    try:
        card = bundle.read_card(folder)
        if file_digest(folder / bundle.MODEL_FILE) != card.sha256:
            yield f"{folder / bundle.MODEL_FILE} is not the file that its card names."
        encoders = {file_digest(path) for path in bundle.SHIPPED_ENCODERS.glob("*.npz")}
        if card.encoder and card.encoder not in encoders:
            yield f"The encoder of {card.version} is missing from {bundle.SHIPPED_ENCODERS} or damaged."
    except (BundleError, OSError, json.JSONDecodeError) as error:
        yield f"{folder}: {error}."


def _trust_list() -> Iterator[Finding]:
    folder = Path(settings.TRUST_LIST)
    files = sorted(folder.glob("*.pem"))
    if not files:
        yield Finding(Level.PROBLEM, "trust list", f"There are no PEM files in {folder}. Set TRUST_LIST.")
        return
    expired = certificates = 0
    for path in files:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=path.read_text(encoding="utf-8"))
        except (ssl.SSLError, OSError, ValueError) as error:
            yield Finding(Level.PROBLEM, "trust list", f"{path} can't be read as certificates ({error}). Replace it.")
            continue
        certificates += context.cert_store_stats()["x509"]
        expired += sum(_is_past(str(one["notAfter"])) for one in context.get_ca_certs())
    yield Finding(Level.FINE, "trust list", f"{certificates} certificates in {len(files)} files.")
    if expired:
        sentence = f"{expired} certificates have expired; their newer signatures are not trusted. Fetch a newer list."
        yield Finding(Level.WARNING, "trust list", sentence)


def _is_past(not_after: str) -> bool:
    return ssl.cert_time_to_seconds(not_after) < datetime.now(UTC).timestamp()


def _disks() -> Iterator[Finding]:
    for disk in status.disks():
        sentence = disk.sentence or f"The disk with {disk.holds} has {disk.free / 1e9:.1f} GB left."
        yield Finding(Level.WARNING if disk.sentence else Level.FINE, "disk", sentence)


def of_files(found: Found, repaired: bool) -> Iterator[Finding]:
    """What comparing files with rows has shown."""
    done = "" if repaired else " Run manage.py doctor --repair."
    level = Level.FINE if repaired else Level.WARNING
    if found.strays:
        size, some = f"{found.stray_bytes / 1e6:.1f} MB", ", ".join(found.stray_examples)
        what = "were deleted" if repaired else "belong to no row"
        yield Finding(level, "files", f"{found.strays} files of {size} {what}, such as {some}.{done}")
    if found.remake:
        what = "are made again" if repaired else "are missing"
        yield Finding(level, "files", f"Thumbnails or copies of {len(found.remake)} images {what}.{done}")
    if found.no_heat:
        what = "are drawn again" if repaired else "are missing"
        yield Finding(level, "files", f"{found.no_heat} heat maps {what}.{done}")
    if found.stuck:
        what = "were released" if repaired else "are held by workers that died"
        yield Finding(level, "claims", f"{found.stuck} pieces of work {what}.{done}")
    if found.lost:
        some = ", ".join(found.lost[:5])
        sentence = f"{len(found.lost)} uploaded files are gone: {some}. Verdicts stay; only a backup has the files."
        yield Finding(Level.PROBLEM, "files", sentence)
    if found == Found():
        yield Finding(Level.FINE, "files", "Every row has its files, and every file its row.")
