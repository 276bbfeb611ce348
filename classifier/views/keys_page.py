"""A person's tokens for the programming interface."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier.accounts import tokens
from classifier.forms.keys import TokenForm
from classifier.models import Scope, Token


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """All tokens; a new one is shown in the answer to the form, and never again."""
    form, secret = TokenForm(request.POST if request.method == "POST" else None), ""
    if form.is_bound and form.is_valid():
        said = form.cleaned_data
        scopes = [Scope(scope) for scope in said["scopes"]]
        try:
            _, secret = tokens.create(cast(User, request.user), said["name"], scopes, said["days"])
            form = TokenForm()
        except tokens.TooManyTokens as error:
            form.add_error(None, str(error))
    known = Token.objects.filter(owner=request.user.pk)[:100]
    return render(request, "account/tokens.html", {"form": form, "tokens": known, "secret": secret})


@login_required
@require_POST
def api_token_revoke(request: HttpRequest, number: int) -> HttpResponse:
    token = get_object_or_404(Token, pk=number, owner=request.user.pk)
    if tokens.revoke(token):
        messages.success(request, f"“{token.name}” was revoked: nothing can use it any more.")
    return redirect("api_tokens")
