"""Personal tokens, on the account page."""

from django import forms

from classifier.models import Scope

LIFETIMES = [(30, "30 days"), (90, "90 days"), (365, "a year")]


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, label="Name", help_text="Where you will use it, such as “my laptop”.")
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, label="It may", initial=list(Scope.values)
    )
    days = forms.TypedChoiceField(choices=LIFETIMES, coerce=int, initial=90, label="It works for")
