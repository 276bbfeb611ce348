"""What a person can do with all of their data."""

from typing import cast
from urllib.parse import urlencode

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.accounts import people, signing_up
from classifier.forms.saying import DeleteAccountForm
from classifier.models import Image
from classifier.results import takeout


@require_safe
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Remembers the invitation and leads to the sign-up."""
    found = signing_up.accept(request, token)
    if found is None:
        return render(request, "account/invitation_ended.html", status=410)
    address = f"?{urlencode({'email': found.email})}" if found.email else ""
    return redirect(resolve_url("account_signup") + address)


@login_required
@require_POST
def my_data(request: HttpRequest) -> FileResponse:
    """Everything of this person as a zip."""
    file = takeout.zip_of(cast(User, request.user))
    return FileResponse(file, as_attachment=True, filename="aidetect-my-data.zip", content_type="application/zip")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: HttpRequest) -> HttpResponse:
    if request.method == "POST" and not ratelimit.consume(request, action="reauthenticate"):
        return render(request, "429.html", status=429)
    form = DeleteAccountForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user = cast(User, request.user)
        people.delete_account(user)
        logout(request)
        messages.success(request, "Your account and everything in it were deleted.")
        return redirect("home")
    count = Image.objects.filter(owner=request.user.pk).count()
    return render(request, "account/delete.html", {"form": form, "count": count})
