"""The upload field with one code per rule, and the history's filter form."""

import threading
from dataclasses import dataclass, field
from typing import Any, cast

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Field, Layout, Submit
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Exists, OuterRef

from classifier.detector.decoding import verify
from classifier.detector.errors import UnreadableImage
from classifier.models import Category, Claim, Detector, GroundTruth, Outcome, State, Verdict
from classifier.services import CheckedFile, clean_name, limits, size_in_words

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
    def limits(self) -> dict[str, Any]:
        """The limits in words and figures, for the page and its script."""
        return {
            "formats": FORMATS_IN_WORDS,
            "megabytes": settings.MAX_UPLOAD_MB,
            "megapixels": settings.MAX_MEGAPIXELS,
            "whole": limits().whole,
            "side": settings.SMALLEST_SIDE,
            "files": settings.MAX_FILES,
        }


KINDS = [
    ("c2pa", "Signed manifest (C2PA)"),
    ("iptc", "Declared source (IPTC, XMP)"),
    ("generator", "Generator's text"),
    ("camera", "Camera (EXIF)"),
    ("software", "Editing program"),
    ("jpeg", "JPEG history"),
]
SORTS = [("", "Newest first"), ("score", "Most likely AI first"), ("-score", "Most likely real first")]


def _day(label: str) -> forms.DateField:
    return forms.DateField(required=False, label=label, widget=forms.DateInput(attrs={"type": "date"}))


def _score(label: str) -> forms.FloatField:
    widget = forms.NumberInput(attrs={"step": "0.01", "min": "0", "max": "1"})
    return forms.FloatField(required=False, min_value=0, max_value=1, label=label, widget=widget)


class HistoryForm(forms.Form):
    """The history's filters; they live in the URL."""

    q = forms.CharField(required=False, max_length=200, label="File name")
    verdict = forms.ChoiceField(required=False, choices=[("", "Any verdict"), *Outcome.choices], label="Verdict")
    state = forms.ChoiceField(required=False, choices=[("", "Any state"), *State.choices], label="State")
    sort = forms.ChoiceField(required=False, choices=SORTS, label="Order")
    evidence = forms.ChoiceField(required=False, choices=[("", "Any or none"), *KINDS], label="Evidence in the file")
    detector = forms.ChoiceField(required=False, label="Judged by")
    since, until = _day("Uploaded from"), _day("Uploaded until")
    low, high = _score("Score from"), _score("Score to")
    changed = _day("Verdict changed since")
    disputed = forms.BooleanField(required=False, label="Only what I disputed")

    def __init__(self, *args: Any, owner: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        used = Detector.objects.filter(Exists(Verdict.objects.filter(detector=OuterRef("pk"), image__owner=owner.pk)))
        versions = [(version, version) for version in used.values_list("version", flat=True)]
        cast(forms.ChoiceField, self.fields["detector"]).choices = [("", "Any detector"), *versions]


class DisputeForm(forms.Form):
    """What an owner says against a verdict."""

    claim = forms.ChoiceField(choices=Claim.choices, widget=forms.RadioSelect, label="What is it?")
    category = forms.ChoiceField(choices=Category.choices, label="What kind of picture is it?")
    how = forms.CharField(
        max_length=1000,
        label="How do you know?",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For example: I took it myself, with which camera; or I made it, with which program.",
    )
    agreed = forms.BooleanField(
        label="Staff may look at this picture, and it may be used to improve the detector",
        error_messages={"required": "Without looking at the picture nobody can answer your dispute."},
    )


class ShareForm(forms.Form):
    days = forms.IntegerField(min_value=1, max_value=3650)


class RelabelForm(forms.Form):
    """Staff's decision on one or many images."""

    label = forms.ChoiceField(choices=GroundTruth.choices, widget=forms.RadioSelect, label="This is")
    reason = forms.CharField(max_length=300, label="Why", help_text="Kept with the change: who, when, old → new, why.")


class DeleteAccountForm(forms.Form):
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError("This is not your password. Nothing was deleted.", code="password")
        return password
