"""Idempotency-Key: a call that is sent again, because its answer got lost, is not carried out again."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.utils import timezone
from ninja import Schema, Status

from classifier.accounts.calls import KEPT
from classifier.api.bearer import Caller
from classifier.api.problems import Problem, Wrong, from_exception
from classifier.models import KeyedCall

LONGEST = 200
ABANDONED = timedelta(minutes=10)
"""A call that runs for longer belongs to a process that died."""
View = TypeVar("View", bound=Callable[..., Any])


def once(view: View) -> View:
    """For operations that change something. Without the header nothing is different. With it the answer is kept for a
    day and given again; errors of ours and of too many calls are not, so that another try is worth it."""

    @wraps(view)
    def answer(request: Caller, *args: Any, **values: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return _rendered(view(request, *args, **values))
        if len(key) > LONGEST or not key.isprintable():
            wrong = Wrong(where="Idempotency-Key", detail=f"At most {LONGEST} printable characters.")
            raise Problem(422, wrong["detail"], "invalid", [wrong])
        call = _begin(request, key)
        if call.status:
            return HttpResponse(
                call.body, status=call.status, content_type=call.kind, headers={"Idempotent-Replayed": "true"}
            )
        return _carried_out(call, lambda: _rendered(view(request, *args, **values)))

    return answer  # type: ignore[return-value]  # the same parameters, which ninja reads from the function inside


def _carried_out(call: KeyedCall, carry_out: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        response = carry_out()
    except Exception as error:
        problem = from_exception(error)
        if problem is None or problem.status >= 500:
            call.delete()
            raise
        response = problem.response()
    call.status, call.kind = response.status_code, response["Content-Type"]
    call.body = response.content.decode()
    call.save(update_fields=["status", "kind", "body"])
    return response


def _rendered(result: Any) -> HttpResponse:
    """As ninja would answer."""
    if isinstance(result, HttpResponse):
        return result
    status, value = (result.status_code, result.value) if isinstance(result, Status) else (200, result)
    body = value.model_dump_json() if isinstance(value, Schema) else ""
    return HttpResponse(body, status=status, content_type="application/json; charset=utf-8")


def _begin(request: Caller, key: str) -> KeyedCall:
    """The row of a call that begins, or of the one that has ended. Raises Problem while the first one runs, and for a
    key that came with another call."""
    fingerprint = _fingerprint(request)
    mine = KeyedCall.objects.filter(owner=request.user, key=key)
    now = timezone.now()
    mine.filter(status=0, created_at__lt=now - ABANDONED).delete()
    mine.filter(created_at__lt=now - KEPT).delete()
    try:
        with transaction.atomic():
            return KeyedCall.objects.create(owner=request.user, key=key, fingerprint=fingerprint)
    except IntegrityError:
        call = mine.first()
    if call is None or (call.fingerprint == fingerprint and not call.status):
        raise Problem(409, "Wait for the answer to the first call, or ask again.", "key-running") from None
    if call.fingerprint != fingerprint:
        raise Problem(422, "This key came with another call before. Use a new key for each call.", "key-reused")
    return call


def _fingerprint(request: Caller) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":
        for name, values in sorted(request.POST.lists()):
            digest.update(f"{name}={values!r}\n".encode())
        for name, files in sorted(request.FILES.lists()):
            for file in files:
                digest.update(f"{name}: {file.name!r} {file.size}\n".encode())
                for chunk in file.chunks():
                    digest.update(chunk)
    else:
        digest.update(request.body)
    return digest.hexdigest()
