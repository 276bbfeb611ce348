"""A person's webhooks, and what was sent to each."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.accounts import hooks
from classifier.forms.keys import WebhookForm
from classifier.models import Delivery, Event, Webhook

SHOWN = 50
"""Deliveries of the log."""


def _own(request: HttpRequest, number: int) -> Webhook:
    return get_object_or_404(Webhook, pk=number, owner=request.user.pk)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: HttpRequest) -> HttpResponse:
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        events = [Event(event) for event in form.cleaned_data["events"]]
        try:
            hook = hooks.create(cast(User, request.user), form.cleaned_data["url"], events)
            messages.success(request, "It will be told from now on. Send a test to see whether it listens.")
            return redirect("webhook", hook.pk)
        except hooks.TooManyHooks as error:
            form.add_error(None, str(error))
    known = Webhook.objects.filter(owner=request.user.pk)
    return render(request, "account/webhooks.html", {"form": form, "hooks": known})


@login_required
@never_cache
@require_safe
def webhook(request: HttpRequest, number: int) -> HttpResponse:
    """Its secret, and what was sent lately."""
    hook = _own(request, number)
    context = {"hook": hook, "deliveries": hook.deliveries.select_related("image")[:SHOWN], "events": _said(hook)}
    return render(request, "account/webhook.html", context)


def _said(hook: Webhook) -> list[str]:
    return [event.label for event in Event if event in hook.events]


@login_required
@require_POST
def webhook_test(request: HttpRequest, number: int) -> HttpResponse:
    hook = _own(request, number)
    hooks.ping(hook)
    messages.success(request, "A test is on its way. Reload this page in a moment.")
    return redirect("webhook", hook.pk)


@login_required
@require_POST
def webhook_switch(request: HttpRequest, number: int) -> HttpResponse:
    hook = _own(request, number)
    hooks.switch(hook, on=hook.disabled_at is not None)
    return redirect("webhook", hook.pk)


@login_required
@require_POST
def webhook_delete(request: HttpRequest, number: int) -> HttpResponse:
    _own(request, number).delete()
    messages.success(request, "The webhook was deleted, with its log.")
    return redirect("webhooks")


@login_required
@require_POST
def webhook_replay(request: HttpRequest, number: int, delivery: int) -> HttpResponse:
    """Send a message once more."""
    hook = _own(request, number)
    found = get_object_or_404(Delivery, pk=delivery, webhook=hook)
    if hook.disabled_at:
        messages.error(request, "This webhook is switched off. Switch it on first.")
    elif hooks.replay(found):
        messages.success(request, "It is sent once more. Reload this page in a moment.")
    return redirect("webhook", hook.pk)
