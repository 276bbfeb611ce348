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

from classifier.detector.errors import UnreadableImage
from classifier.detector.images.decoding import verify
from classifier.intake.checks import clean_name, limits, size_in_words
from classifier.intake.submitting import CheckedFile

ACCEPT = (
    "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,image/avif,image/heic,image/heif,.heic,.heif,.avif"
)
FORMATS_IN_WORDS = "JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, AVIF, HEIC"
ADVICE = {
    "empty": "Choose the file again; it may not have finished saving.",
    "format": f"Accepted are {FORMATS_IN_WORDS}.",
    "damaged": "Open it in an image viewer, save a new copy and upload that.",
    "too_small": "Use the original picture rather than a thumbnail.",
    "too_many_pixels": "Save it as an ordinary JPEG of full size, or export a smaller copy.",
}
_one_decoder = threading.Lock()
"""One picture is decoded at a time in a web process: that bounds its memory, whoever uploads what."""


@dataclass
class Chosen:
    """What the field makes of the chosen files: good ones go on, each other one has a sentence."""

    accepted: list[CheckedFile] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ImagesField(forms.FileField):
    """Several files; raises only when none of them can be accepted."""

    widget = FilesInput(attrs={"accept": ACCEPT})

    def clean(self, data: Any, initial: Any = None) -> Chosen:
        files = [file for file in (data or []) if file is not None]
        chosen = Chosen()
        for file in files[: settings.MAX_FILES]:
            name = clean_name(file.name or "")
            try:
                chosen.accepted.append(check_file(file, name))
            except ValidationError as error:
                chosen.rejected.extend(error.messages)
        if left := files[settings.MAX_FILES :]:
            names = ", ".join(clean_name(file.name or "") for file in left[:5]) + (" …" if len(left) > 5 else "")
            chosen.rejected.append(
                f"You chose {len(files)} files; at most {settings.MAX_FILES} go in one upload. "
                f"Not read: {names}. Upload those in a second step."
            )
        if not files:
            raise ValidationError("Choose at least one image.", code="required")
        if not chosen.accepted:
            raise ValidationError([ValidationError(sentence, code="invalid") for sentence in chosen.rejected])
        return chosen


def check_file(file: "UploadedFile[Any]", name: str) -> CheckedFile:
    """Check one file by its content. Raises ValidationError whose code names the rule that was broken."""
    if (file.size or 0) > settings.MAX_UPLOAD_MB * 1_000_000:
        raise ValidationError(
            f"{name} is {size_in_words(file.size or 0)}; the limit is {settings.MAX_UPLOAD_MB:g} MB. "
            "Export a smaller copy and try again.",
            code="bytes",
        )
    try:
        with _one_decoder:
            header = verify(file, limits())
    except UnreadableImage as error:
        raise ValidationError(f"{name}: {error}. {ADVICE.get(error.code, '')}".strip(), code=error.code) from error
    return CheckedFile(file, name, header)


class UploadForm(forms.Form):
    images = ImagesField(label="Images")
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
            Submit("upload", "Check images", css_class="btn-primary btn-lg"),
        )

    @property
    def limits(self) -> dict[str, object]:
        """The limits in words and figures, for the page and its script."""
        return {
            "formats": FORMATS_IN_WORDS,
            "megabytes": settings.MAX_UPLOAD_MB,
            "megapixels": settings.MAX_MEGAPIXELS,
            "whole": limits().whole,
            "side": settings.SMALLEST_SIDE,
            "files": settings.MAX_FILES,
        }
