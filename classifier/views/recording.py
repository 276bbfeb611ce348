"""Nothing that staff do or look at goes unrecorded: every page of the administration, and every image of other people,
whichever page shows it. Pages may say more (`accounts.trail`); what they don't say follows from the address."""

import logging
from collections.abc import Callable, Collection
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from classifier.accounts import trail
from classifier.models import Act, Image

logger = logging.getLogger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]

LOOK = ("GET", "HEAD")
PAGES: dict[str, tuple[Act | None, Act | None]] = {
    "changelist": (Act.LISTED, Act.TRIED),
    "add": (None, Act.ADDED),
    "change": (Act.LOOKED, Act.CHANGED),
    "delete": (Act.LOOKED, Act.DELETED),
    "history": (Act.LOOKED, None),
    "password_change": (None, Act.CHANGED),
    "review": (Act.LOOKED, Act.TRIED),
    "relabel": (Act.LOOKED, Act.TRIED),
    "freeze": (None, Act.TRIED),
    "promote": (Act.LOOKED, Act.TRIED),
    "rollback": (None, Act.TRIED),
    "measure": (None, Act.CHANGED),
    "compare": (Act.LOOKED, None),
    "cancel": (None, Act.CANCELLED),
    "autocomplete": (Act.LISTED, None),
    "status": (None, None),  # polled
}
"""By the last word of an admin page's name: what it is to look at it, and to send its form with success."""
SILENT = {"start", "status", "index", "login", "logout", "jsi18n", "app_list", "view_on_site", "password_change",
          "password_change_done"}  # fmt: skip
"""Pages that show no row of anybody's. The page Status must open, too, when nothing can be written."""
PARTS = {"image_status", "image_card", "image_heat_toggle", "image_thumbnail", "image_display", "image_screen",
         "image_heat"}  # fmt: skip
"""What a page that was recorded already asks for again."""
UNRECORDED = "What you asked for could not be recorded, so it is not shown. Try again in a moment."


def staff(get_response: Next) -> Next:
    """A middleware. The entry is written before the answer is sent: what can't be recorded isn't shown."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        try:
            _record(request, response)
        except DatabaseError as error:
            logger.error("not recorded: %s %s by %s: %s", request.method, request.path, request.user.pk, error)
            if request.method in LOOK:
                _let_go(response)
                return HttpResponse(UNRECORDED, status=503, content_type="text/plain")
        return response

    return answer


def _let_go(response: HttpResponseBase) -> None:
    """Close the file of an answer that is not sent. Not `close()`: that tells Django that the request has ended, which
    then closes the database's connection in the middle of it."""
    if (file := getattr(response, "file_to_stream", None)) is not None:
        file.close()


def _record(request: HttpRequest, response: HttpResponseBase) -> None:
    name = (request.resolver_match.url_name or "") if request.resolver_match else ""
    if request.path_info.startswith("/admin/"):
        if name and name not in SILENT and getattr(request.user, "is_staff", False):
            _record_page(request, response, name)
    elif (shown := trail.note_of(request).images) and response.status_code == 200:
        news = {number for number in shown if name not in PARTS or not trail.looked_lately(request.user, number)}
        if news:
            trail.write(request.user, Act.LOOKED, "image", _only(news), news)


def _record_page(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    model, page = name.split("_", 2)[1:] if name.count("_") > 1 else (name, name)
    if (act := _act(request, response, page)) is None:
        return
    note, context = trail.note_of(request), getattr(response, "context_data", None) or {}
    listed = list(context["cl"].result_list) if act == Act.LISTED and "cl" in context else []
    shown = {_image_of(row) for row in [*listed, context.get("original")]} - {None}
    images, number = note.images | shown, note.number or _number(request)
    if model == "image" and act != Act.REFUSED:
        images |= ({number} if number else _selected(request)) - {None}
        number = number or _only(images)
    count = len(listed) or len(images) or len(_selected(request))
    said = note.said or _said(request, act, page)
    trail.write(request.user, act, model, number, images, count, said)


def _act(request: HttpRequest, response: HttpResponseBase, page: str) -> Act | None:
    """None: nothing was shown or done, such as a form that has to be filled in again."""
    status = response.status_code
    looking, doing = PAGES.get(page, (Act.LOOKED, Act.CHANGED))
    if status == 403:
        return Act.REFUSED
    if known := trail.note_of(request).act:
        return known
    if request.method in LOOK:
        return looking if status == 200 else None
    if request.POST.get("action") == "delete_selected":
        return Act.DELETED if status == 302 else Act.LOOKED  # it asks first, and names what would go
    return doing if status == 302 else None


def _number(request: HttpRequest) -> int | None:
    given = request.resolver_match.kwargs if request.resolver_match else {}
    text = str(given.get("object_id") or given.get("pk") or given.get("id") or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _image_of(row: Any) -> Any:
    return row.pk if isinstance(row, Image) else getattr(row, "image_id", None)


def _selected(request: HttpRequest) -> set[Any]:
    values = request.POST.getlist("_selected_action") if request.method == "POST" else []
    return {int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 19}


def _only(numbers: Collection[int]) -> int | None:
    return next(iter(numbers)) if len(numbers) == 1 else None


def _said(request: HttpRequest, act: Act, page: str) -> str:
    """The names of filters and actions, never what was searched for: that may be somebody's name or file."""
    if act == Act.LISTED:
        return ", ".join(sorted(name for name in request.GET if name.isascii())[:10])
    if act in (Act.REFUSED, Act.TRIED):
        return f"{page} {request.POST.get('action', '')}".strip()
    return ""
