"""Personal tokens and webhooks, on the account pages."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from classifier.accounts import public_address
from classifier.models import Event, Scope

LIFETIMES = [(30, "30 days"), (90, "90 days"), (365, "a year")]


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, label="Name", help_text="Where you will use it, such as “my laptop”.")
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, label="It may", initial=list(Scope.values)
    )
    days = forms.TypedChoiceField(choices=LIFETIMES, coerce=int, initial=90, label="It works for")


class WebhookForm(forms.Form):
    url = forms.CharField(
        max_length=500,
        label="Address",
        help_text="Such as https://example.org/aidetect. Only public addresses, and only encrypted.",
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    events = forms.MultipleChoiceField(
        choices=Event.choices, widget=forms.CheckboxSelectMultiple, label="Tell it when", initial=list(Event.values)
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            public_address.check(url, settings.WEBHOOK_PRIVATE)
        except public_address.Refused as error:
            raise ValidationError(str(error), code="address") from error
        return url
