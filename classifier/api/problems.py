"""Errors as RFC 9457 problem details, whatever went wrong below /api/ and whoever noticed it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypedDict

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.cache import patch_cache_control
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as InvalidCall

from classifier.api import rates
from classifier.models.claims import is_trouble

PLACE = "/api/"
KIND = "application/problem+json"
URN = "urn:aidetect:problem:"
KEPT = ("Allow", "Retry-After", "WWW-Authenticate")
Next = Callable[[HttpRequest], HttpResponseBase]

SENTENCES = {
    400: "The request can't be read.",
    403: "This is not allowed.",
    404: "There is nothing here, or it belongs to somebody else.",
    405: "This address doesn't know that method; the header Allow names those it does.",
    413: "The request is too large.",
    500: "Something went wrong on our side. It has been noted; please try again.",
    503: "The server can't do this right now. Please try again in a moment.",
}


class Wrong(TypedDict):
    """One thing that is wrong, and where: a parameter, a field, or the name of a file."""

    where: str
    detail: str


@dataclass
class Problem(Exception):
    """code: what docs/api.md lists; "" where the status says it all."""

    status: int
    detail: str
    code: str = ""
    errors: Sequence[Wrong] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> HttpResponse:
        said: dict[str, object] = {
            "type": URN + self.code if self.code else "about:blank",
            "title": TITLES.get(self.code) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            said["errors"] = list(self.errors)
        body = json.dumps(said, ensure_ascii=False)
        return HttpResponse(body, status=self.status, content_type=KIND, headers=self.headers)


TITLES = {
    "token": "No valid token",
    "scope": "The token may not do this",
    "not-multipart": "The body must be multipart/form-data",
    "not-json": "The body must be JSON",
    "quota": "The quota is used up",
    "refused": "No picture was accepted",
    "invalid": "Something in the call is wrong",
    "too-many-calls": "Too many calls",
    "key-reused": "The Idempotency-Key belongs to another call",
    "key-running": "The first call with this Idempotency-Key still runs",
    "no-verdict": "There is no verdict yet",
    "disputed": "The verdict is disputed already",
    "busy": "Too many people wait at the moment",
    "no-answer": "No worker answered in time",
}
"""Every code with its title; docs/api.md says when each comes."""


def no_token() -> Problem:
    detail = "Send a token that works as “Authorization: Bearer aidetect_…”. Tokens are made on the account page."
    return Problem(401, detail, "token", headers={"WWW-Authenticate": 'Bearer realm="aidetect"'})


def from_exception(error: BaseException) -> Problem | None:
    """None for what nobody foresaw: Django logs it, and `everywhere` makes a 500 of it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, AuthenticationError):
        return no_token()
    if isinstance(error, InvalidCall):
        wrong = [Wrong(where=_place(one["loc"]), detail=str(one["msg"])) for one in error.errors]
        return Problem(422, "Some values are not what is expected.", "invalid", wrong)
    if isinstance(error, HttpError) and isinstance(error.__cause__, Problem):  # ninja's, for what reads a body
        return error.__cause__
    if isinstance(error, HttpError):
        return Problem(error.status_code, SENTENCES.get(error.status_code, str(error)))
    if isinstance(error, Http404):
        return Problem(404, SENTENCES[404])
    if isinstance(error, RequestDataTooBig | TooManyFilesSent):
        return Problem(413, SENTENCES[413])
    if isinstance(error, SuspiciousOperation | MultiPartParserError | UnreadablePostError):
        return Problem(400, SENTENCES[400])
    if is_trouble(error):
        return Problem(503, SENTENCES[503], headers={"Retry-After": "5"})
    return None


def _place(path: Sequence[object]) -> str:
    """("query", "filters", "low") → "low"."""
    return str(path[-1]) if path else ""


def everywhere(get_response: Next) -> Next:
    """Middleware: no answer below /api/ is a page of HTML, and each says how many calls are left."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not request.path_info.startswith(PLACE):
            return response
        if response.status_code >= 400 and not response.get("Content-Type", "").startswith(KIND):
            response = _as_problem(response)
        if "Cache-Control" not in response:
            patch_cache_control(response, no_store=True)
        rates.tell(request, response)
        return response

    return answer


def _as_problem(response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    headers = {name: response[name] for name in KEPT if name in response}
    return Problem(status, SENTENCES.get(status, HTTPStatus(status).phrase + "."), headers=headers).response()


def not_found(request: HttpRequest) -> HttpResponse:
    """For every other address below /api/."""
    return Problem(404, SENTENCES[404]).response()
