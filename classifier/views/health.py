"""For load balancers and the launcher; says nothing about anybody. `aidetect.health` answers with these before any
redirect or check of the host name, so they have no place in the URLs."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from classifier.results import status


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether images can be taken and judged: one line a part, 503 as long as a part fails."""
    parts = {part.name: part.trouble or "ok" for part in status.parts()}
    fine = all(said == "ok" for said in parts.values())
    return JsonResponse(parts, status=200 if fine else 503, json_dumps_params={"indent": 1})
