"""What allauth says in our words."""

from typing import ClassVar

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.ratelimit import parse_rates


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
