"""Where the files of a detector are. In a local folder they simply lie there; in an object store a bundle is one zip,
named by its SHA-256 and never changed, of which every machine keeps the copy that it fetched once."""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage

from aidetect import copies
from classifier.detector.digests import file_digest
from classifier.detector.errors import BundleError, EncoderError
from classifier.detector.serving import bundle
from classifier.models import Detector

NOT_KEPT = ("backup", "features")
"""What only helps a training run that was killed, by the beginning of its name."""


def folder_of(detector: Detector) -> Path:
    """A folder with the detector's files on this machine, fetched if need be; not to be written to. Raises OSError,
    BundleError when the store holds something else than what was put there."""
    if not detector.bundle:
        return detector.folder
    place = copies.fetched("detectors") / Path(str(detector.bundle.name)).stem
    if not (place / bundle.CARD_FILE).is_file():
        _fetch(str(detector.bundle.name), place)
    _require_encoder(place)
    return place


def is_there(detector: Detector) -> bool:
    """Whether the detector could be loaded, asked without fetching it."""
    if detector.bundle:
        return bool(detector.bundle.storage.exists(str(detector.bundle.name)))
    return (detector.folder / bundle.MODEL_FILE).is_file()


def keep(folder: Path) -> str:
    """Put a bundle where all machines find it. Returns its name in the store; "" where the folder is that place."""
    if not copies.is_remote():
        return ""
    version = bundle.read_card(folder).version
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(folder)
                if path.is_file() and not name.parts[0].startswith(NOT_KEPT):
                    archive.write(path, name.as_posix())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        return default_storage.save(f"detectors/{version}/{digest}.zip", File(file))


@contextmanager
def open_for_change(detector: Detector) -> Iterator[Path]:
    """A folder with the detector's files that may be changed while the block runs; what is in it afterwards is kept."""
    if not detector.bundle:
        yield detector.folder
        return
    source = folder_of(detector)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / detector.version
        shutil.copytree(source, folder)
        yield folder
        detector.bundle.name = keep(folder)
    Detector.objects.filter(pk=detector.pk).update(bundle=detector.bundle.name)


def keep_encoder(path: Path) -> None:
    """Put an encoder file where all machines find it."""
    if copies.is_remote():
        with path.open("rb") as file:
            default_storage.save(_encoder_name(file_digest(path)), File(file))


def keep_all() -> None:
    """Put there what was trained before files lay in an object store, as far as this machine has it."""
    if copies.is_remote():
        for detector in Detector.objects.filter(shipped=False, bundle=""):
            if is_there(detector):
                Detector.objects.filter(pk=detector.pk).update(bundle=keep(detector.folder))


def _fetch(name: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".partial-") as made:
        archive, folder = Path(made) / "bundle.zip", Path(made) / "bundle"
        try:
            copies.on_disk(name, archive)
        except FileNotFoundError as error:
            raise BundleError(f"expected {name} in the object store; it is gone") from error
        if (received := file_digest(archive)) != place.name:
            raise BundleError(f"{name}: expected sha256 {place.name}, received {received}; the file was altered")
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
        try:
            folder.rename(place)
        except OSError:  # another process of this machine was quicker
            if not place.is_dir():
                raise


def _require_encoder(folder: Path) -> None:
    """Fetch the encoder that a card names, unless it is on this machine. Raises EncoderError."""
    sha256 = bundle.read_card(folder).encoder
    if not sha256:
        return
    from classifier.detector.networks import encoder_file  # Keras comes with it

    try:
        encoder_file.find(bundle.encoder_folders(folder), sha256)
    except EncoderError:
        copy = copies.fetched("encoders") / f"{sha256}.npz"
        try:
            copies.on_disk(_encoder_name(sha256), copy)
        except FileNotFoundError as error:
            raise EncoderError(f"expected the encoder with sha256 {sha256} in the object store; it is gone") from error


def _encoder_name(sha256: str) -> str:
    return f"encoders/{sha256}.npz"
