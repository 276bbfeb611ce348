"""What people say or ask for: disputes, tags, links, labels, the end of an account."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from classifier.models import Category, Claim, GroundTruth
from classifier.results import tagging


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
        label="Staff may look at this picture to answer me",
        error_messages={"required": "Without looking at the picture nobody can answer your dispute."},
    )
    training = forms.BooleanField(
        required=False,
        label="It may also be used to improve the detector",
        help_text="Not needed for an answer. You can withdraw both at any time.",
    )

    def __init__(self, *args: Any, consent: bool = False, **kwargs: Any) -> None:
        """consent: the picture may be used for training already, so that is not asked again."""
        super().__init__(*args, **kwargs)
        if consent:
            del self.fields["training"]


class TagForm(forms.Form):
    """One tag or several, with commas between."""

    tag = forms.CharField(
        max_length=400, error_messages={"required": "Type a tag first.", "max_length": "That is too much at once."}
    )

    def clean_tag(self) -> list[str]:
        words = tagging.words_of(self.cleaned_data["tag"])
        if not words:
            raise ValidationError("Type a tag first.", code="required")
        if len(words) > tagging.MOST:
            raise ValidationError(f"These are {len(words)} tags; give at most {tagging.MOST} at once.", code="many")
        if long := [word for word in words if len(word) > tagging.LONGEST]:
            raise ValidationError(
                f"“{long[0]}” has {len(long[0])} letters; a tag has at most {tagging.LONGEST}.", code="long"
            )
        return words


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
