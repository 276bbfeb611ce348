"""Who calls, what their token may do, and whether they call too often. Runs before a byte of the body is read."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja.security import HttpBearer

from classifier.accounts import tokens
from classifier.api import rates
from classifier.api.problems import Problem, no_token
from classifier.models import Scope, Token


class Caller(HttpRequest):
    """A request that passed `Bearer`."""

    auth: Token
    user: User


class Bearer(HttpBearer):
    """A personal token. Cookies count for nothing here, so that no other site can call in somebody's name."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        super().__init__()

    def __call__(self, request: HttpRequest) -> Token:
        token: Token | None = super().__call__(request)
        if token is None:
            _count(request, f"address:{request.META.get('REMOTE_ADDR', '')}")
            raise no_token()
        return token

    def authenticate(self, request: HttpRequest, token: str) -> Token | None:
        found = tokens.find(token)
        if found is None:
            return None
        _count(request, f"person:{found.owner_id}")
        if self.scope not in found.scopes:
            detail = f"This token lacks the scope “{self.scope}”. Make another one on the account page."
            raise Problem(403, detail, "scope")
        request.user = found.owner
        return found


def _count(request: HttpRequest, who: str) -> None:
    allowance = rates.count(who)
    rates.remember(request, allowance)
    if allowance.is_spent:
        detail = f"At most {allowance.limit} calls a minute. Go on in {allowance.seconds} seconds."
        raise Problem(429, detail, "too-many-calls", headers={"Retry-After": str(allowance.seconds)})


may_read = Bearer(Scope.READ)
may_send = Bearer(Scope.UPLOAD)
