"""Links for people without an account: made and reported alike, whatever they lead to."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from classifier.forms.saying import ShareForm


def make_link(request: HttpRequest, page: str, make: Callable[[int], object], sees: str) -> HttpResponse:
    """make: called with the days that were asked for. sees: what whoever has the link sees. Leads back to the page."""
    form = ShareForm(request.POST)
    if form.is_valid():
        make(form.cleaned_data["days"])
        messages.success(request, f"The link is below. Whoever has it sees {sees}.")
    else:
        messages.error(request, "Choose for how many days the link should work.")
    return redirect(f"{page}#share")
