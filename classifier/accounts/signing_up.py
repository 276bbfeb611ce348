"""Who may create an account: everybody, whoever was invited, or nobody."""

import logging

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.http import HttpRequest
from django.utils import timezone

from classifier.models import Invitation

logger = logging.getLogger(__name__)
KEPT = "invitation"
"""Where a session keeps the token."""


def is_open_for(request: HttpRequest) -> bool:
    return settings.SIGNUP == "open" or (settings.SIGNUP == "invited" and invitation_of(request) is not None)


def accept(request: HttpRequest, token: str) -> Invitation | None:
    """The invitation behind a link, which counts for this session from now on; None where it has ended."""
    found = Invitation.objects.open().filter(token=token).first()
    if found and settings.SIGNUP == "invited":
        request.session[KEPT] = token
    return found


def invitation_of(request: HttpRequest) -> Invitation | None:
    token = request.session.get(KEPT)
    return Invitation.objects.open().filter(token=token).first() if token else None


def use(invitation: Invitation) -> bool:
    """False when somebody else was quicker: each invitation makes one account."""
    return bool(Invitation.objects.open().filter(pk=invitation.pk).update(used_at=timezone.now()))


def used_by(invitation: Invitation, user: User) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(used_by=user)


def send(invitation: Invitation, link: str) -> bool:
    """By email to the invited address. False when the mail server can't be reached."""
    text = (
        f"You are invited to aidetect, which says whether a picture looks like a photograph or AI-generated.\n\n"
        f"Create your account here:\n{link}\n\n"
        f"The link works once, until {timezone.localtime(invitation.expires_at):%d %B %Y}.\n"
    )
    try:
        send_mail("Your invitation to aidetect", text, None, [invitation.email])
    except OSError:
        logger.exception("an invitation could not be sent")
        return False
    return True
