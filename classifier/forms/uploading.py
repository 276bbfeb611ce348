"""The upload field with one code per rule, and the history's filter form."""

import threading
from dataclasses import dataclass, field
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Field, Layout, Submit
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from classifier.detector.errors import DatasetError, UnreadableImage
from classifier.detector.images.decoding import verify
from classifier.intake import unpacking
from classifier.intake.checks import FORMATS_IN_WORDS, advised, clean_name, clean_path, limits, size_in_words
from classifier.intake.submitting import CheckedFile, Refused
from classifier.models import Batch
from classifier.models.batches import LONGEST_NAME

ACCEPT = (
    "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,image/avif,image/heic,image/heif,"
    ".heic,.heif,.avif,application/zip,.zip"
)
_one_decoder = threading.Lock()
"""One picture is decoded at a time in a web process: that bounds its memory, whoever uploads what."""


@dataclass(frozen=True)
class CheckedArchive:
    """A zip with pictures in it, as far as its list of files tells."""

    file: "UploadedFile[Any]"
    name: str


@dataclass
class Chosen:
    """What the field makes of the chosen files: good ones go on, each other one has a sentence, and zips
    are for a worker."""

    accepted: list[CheckedFile] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    archives: list[CheckedArchive] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def refuse(self, name: str, reason: str, sentence: str = "") -> None:
        self.refused.append(Refused(name, reason))
        self.sentences.append(sentence or reason)


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ImagesField(forms.FileField):
    """Several files; raises only when none of them can be accepted."""

    widget = FilesInput(attrs={"accept": ACCEPT})

    def clean(self, data: Any, initial: Any = None) -> Chosen:
        files = [file for file in (data or []) if file is not None]
        chosen = Chosen()
        for file in files[: settings.MAX_FILES]:
            _choose(chosen, file, clean_name(file.name or ""))
        if left := files[settings.MAX_FILES :]:
            names = ", ".join(clean_name(file.name or "") for file in left[:5]) + (" …" if len(left) > 5 else "")
            sentence = (
                f"You chose {len(files)} files; at most {settings.MAX_FILES} go in one upload. "
                f"Not read: {names}. Upload those in a second step, or all of them as a zip."
            )
            chosen.refuse(f"{len(left)} more", sentence)
        if not files:
            raise ValidationError("Choose at least one image.", code="required")
        if not (chosen.accepted or chosen.archives):
            raise ValidationError([ValidationError(sentence, code="invalid") for sentence in chosen.sentences])
        return chosen


def _choose(chosen: Chosen, file: "UploadedFile[Any]", name: str) -> None:
    try:
        if name.lower().endswith(".zip"):
            chosen.archives.append(check_archive(file, name))
        else:
            chosen.accepted.append(check_file(file, name))
    except Unacceptable as error:
        chosen.refuse(name, error.reason, error.messages[0])


class Unacceptable(ValidationError):
    """A file that breaks a rule, which the code names. The message has the file's name in it, the reason has not."""

    def __init__(self, sentence: str, code: str, reason: str) -> None:
        super().__init__(sentence, code=code)
        self.reason = reason


def check_file(file: "UploadedFile[Any]", name: str) -> CheckedFile:
    """Check one file by its content. Raises Unacceptable."""
    if (file.size or 0) > settings.MAX_UPLOAD_MB * 1_000_000:
        raise too_large(name, file.size or 0, settings.MAX_UPLOAD_MB, "Export a smaller copy and try again.")
    try:
        with _one_decoder:
            header = verify(file, limits())
    except UnreadableImage as error:
        reason = advised(error)
        raise Unacceptable(f"{name}: {reason}", error.code, reason) from error
    return CheckedFile(file, name, header)


def too_large(name: str, size: int, megabytes: float, advice: str) -> Unacceptable:
    said = f"is {size_in_words(size)}; the limit is {megabytes:g} MB. {advice}"
    return Unacceptable(f"{name} {said}", "bytes", f"it {said}")


def check_archive(file: "UploadedFile[Any]", name: str) -> CheckedArchive:
    """Look at a zip's list of files. Raises Unacceptable."""
    if (file.size or 0) > settings.MAX_BATCH_MB * 1_000_000:
        raise too_large(name, file.size or 0, settings.MAX_BATCH_MB, "Split it.")
    try:
        unpacking.count_files(file)
    except DatasetError as error:
        raise Unacceptable(f"{name}: {error}.", "zip", f"{error}.") from error
    return CheckedArchive(file, name)


def _limits(files: int, batch: int) -> dict[str, object]:
    return {
        "formats": FORMATS_IN_WORDS,
        "each": each_in_words(),
        "megabytes": settings.MAX_UPLOAD_MB,
        "files": files,
        "batch": batch,
        "batch_megabytes": settings.MAX_BATCH_MB,
    }


def each_in_words() -> str:
    """What one file may have."""
    whole = limits().whole
    other = f" ({whole:g} if not JPEG)" if whole < settings.MAX_MEGAPIXELS else ""
    size = f"at most {settings.MAX_UPLOAD_MB:g} MB and {settings.MAX_MEGAPIXELS:g} megapixels{other}"
    return f"{size}, no side under {settings.SMALLEST_SIDE} pixels"


class BatchForm(forms.Form):
    """What the upload form's script says of a batch before it sends the files."""

    name = forms.CharField(required=False, max_length=1000)
    consent = forms.BooleanField(required=False)
    expected = forms.IntegerField(min_value=1)
    size = forms.IntegerField(required=False, min_value=0)

    def clean_expected(self) -> int:
        expected: int = self.cleaned_data["expected"]
        if expected > settings.MAX_BATCH_FILES:
            raise ValidationError(
                f"You chose {expected:,} files; at most {settings.MAX_BATCH_FILES:,} make a batch. Choose fewer."
            )
        return expected


class BatchFilesForm:
    """Some files of a batch. `path`: where each lay in its folder, in the order of the files; `large` and `bytes`: the
    paths and sizes of those that the browser didn't send because they are too large."""

    def __init__(self, batch: Batch, data: Any, files: Any) -> None:
        self.batch, self.data, self.files = batch, data, files.getlist("images")
        self.accepted: list[tuple[str, CheckedFile]] = []
        self.refused: list[Refused] = []
        self.errors: dict[str, list[str]] = {}

    def is_valid(self) -> bool:
        large = list(zip(self.data.getlist("large"), self.data.getlist("bytes"), strict=False))
        count = len(self.files) + len(large)
        if not 1 <= count <= settings.MAX_FILES:
            self.errors["images"] = [f"Expected 1 to {settings.MAX_FILES} files; received {count}."]
        elif self.batch.items.count() + count > settings.MAX_BATCH_FILES:
            self.errors["images"] = [f"A batch has at most {settings.MAX_BATCH_FILES:,} files."]
        else:
            self._look(large)
        return not self.errors

    def _look(self, large: list[tuple[str, str]]) -> None:
        paths = [*self.data.getlist("path")[: len(self.files)], *[""] * len(self.files)]
        for file, told in zip(self.files, paths, strict=False):
            path = clean_path(told or file.name or "")
            try:
                self.accepted.append((path, check_file(file, clean_name(path))))
            except Unacceptable as error:
                self.refused.append(Refused(path, error.reason))
        for told, size in large:
            known = int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0
            reason = too_large("", known, settings.MAX_UPLOAD_MB, "Export a smaller copy.").reason
            self.refused.append(Refused(clean_path(told), reason))


class GuestForm(forms.Form):
    """One picture, and nothing to decide."""

    images = ImagesField(label="Image")

    def clean_images(self) -> Chosen:
        chosen: Chosen = self.cleaned_data["images"]
        if len(chosen.accepted) != 1 or chosen.refused or chosen.archives:
            raise ValidationError("Without an account one picture at a time. Choose one, or create an account.")
        return chosen

    @property
    def picture(self) -> CheckedFile:
        return self.clean_images().accepted[0]

    @property
    def limits(self) -> dict[str, object]:
        return _limits(1, 1)


class UploadForm(forms.Form):
    images = ImagesField(label="Images")
    name = forms.CharField(required=False, max_length=LONGEST_NAME, label="Name of the batch")
    consent = forms.BooleanField(
        required=False, label="My images may be reviewed by staff and used to improve the detector"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if settings.REVIEW_SCOPE == "all":
            del self.fields["consent"]
        self.helper = FormHelper()
        self.helper.form_id = "upload-form"
        self.helper.attrs = {"data-upload": ""}
        self.helper.layout = Layout(
            Field("images", template="classifier/_drop_area.html"),
            HTML(
                '<p class="notice">Everything uploaded here may be reviewed by staff and used to improve the '
                "detector: this site belongs to an organisation that owns its uploads.</p>"
            )
            if settings.REVIEW_SCOPE == "all"
            else Field("consent"),
            Field("name", template="classifier/_batch_name.html"),
            Submit("upload", "Check images", css_class="btn-primary btn-lg"),
        )

    @property
    def chosen(self) -> Chosen:
        found: Chosen = self.cleaned_data["images"]
        return found

    @property
    def limits(self) -> dict[str, object]:
        """The limits in words and figures, for the page and its script."""
        return _limits(settings.MAX_FILES, settings.MAX_BATCH_FILES)
