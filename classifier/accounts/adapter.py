"""What allauth asks us, and what it says in our words."""

import logging
from typing import Any, ClassVar

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.ratelimit import parse_rates
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse

from classifier.accounts import signing_up

logger = logging.getLogger(__name__)


def longest_wait(action: str) -> int:
    """Minutes after which a limit has surely ended."""
    rates = parse_rates(app_settings.RATE_LIMITS.get(action))
    return max(1, -(-int(max((rate.duration for rate in rates), default=60)) // 60))


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    minutes = longest_wait("login_failed")
    error_messages: ClassVar[dict[str, str]] = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": f"Too many failed attempts to log in. Wait {minutes} minutes, then try again; "
        "or reset your password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return signing_up.is_open_for(request)

    def clean_email(self, email: str) -> str:
        """An invitation for an address lets nobody else in."""
        if self.request and self.request.path == reverse("account_signup"):
            invitation = signing_up.invitation_of(self.request)
            if invitation and invitation.email and invitation.email.lower() != email.lower():
                raise ValidationError(f"This invitation is for {invitation.email}. Use that address.", code="invited")
        return email

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        invitation = signing_up.invitation_of(request)
        with transaction.atomic():
            if invitation and not signing_up.use(invitation):
                raise ImmediateHttpResponse(redirect("account_signup"))
            user = super().save_user(request, user, form, commit)
            if invitation and user.pk:
                signing_up.used_by(invitation, user)
        return user

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """A mail server that is away is no server error of ours."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError:
            logger.exception("an email could not be sent")
            if self.request:
                messages.error(self.request, "The email could not be sent just now. Try again in a few minutes.")
