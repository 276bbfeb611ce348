"""Accounts: the first staff account, and deleting one with all that belongs to it."""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import transaction


def delete_account(user: User) -> None:
    """Delete a person with every image, verdict and file of theirs."""
    with transaction.atomic():
        user.delete()


def ensure_staff(email: str, password: str) -> User | None:
    """Create the first staff account; None when there is one already."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    user = User.objects.create_superuser(email.partition("@")[0], email, password)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user
