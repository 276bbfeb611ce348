"""How many calls a minute: counted for each person, and for each address where nobody is known. The count lives in the
cache that web processes share; two calls at the very same moment may count as one."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase

WINDOW = 60
NAME = "calls"


@dataclass(frozen=True)
class Allowance:
    """Calls that are left in this window, and the seconds until the next one."""

    limit: int
    left: int
    seconds: int

    @property
    def is_spent(self) -> bool:
        return self.left < 0


def count(who: str) -> Allowance:
    """Count one call."""
    window, gone = divmod(time.time(), WINDOW)
    key = f"api:{who}"
    known, used = cache.get(key) or (window, 0)
    used = used + 1 if known == window else 1
    cache.set(key, (window, used), WINDOW)
    return Allowance(settings.API_PER_MINUTE, settings.API_PER_MINUTE - used, max(1, round(WINDOW - gone)))


def remember(request: HttpRequest, allowance: Allowance) -> None:
    request.META["aidetect.allowance"] = allowance


def tell(request: HttpRequest, response: HttpResponseBase) -> None:
    """The headers of draft-ietf-httpapi-ratelimit-headers."""
    allowance = request.META.get("aidetect.allowance")
    if isinstance(allowance, Allowance):
        response["RateLimit-Policy"] = f'"{NAME}";q={allowance.limit};w={WINDOW}'
        response["RateLimit"] = f'"{NAME}";r={max(0, allowance.left)};t={allowance.seconds}'
