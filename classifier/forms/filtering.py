"""The filters of the history, which live in the address."""

from typing import Any, cast

from django import forms
from django.db.models import Exists, OuterRef

from classifier.models import Detector, Outcome, State, Verdict

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
