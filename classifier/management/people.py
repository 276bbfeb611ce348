"""Who a command acts for."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db.models import Q


def staff_named(name: str | None) -> User:
    """A staff account by e-mail or name; without one, the first. Raises CommandError."""
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("pk")
    found = staff.filter(Q(email=name) | Q(username=name)).first() if name else staff.first()
    if found is None:
        known = ", ".join(staff.values_list("username", flat=True)[:20]) or "none; `make run` makes the first"
        raise CommandError(f"expected a staff account ({known}); received {name!r}")
    return found
