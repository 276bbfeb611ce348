"""The OpenAPI document, with the answers that every operation may give, and the page on which it can be tried."""

from functools import partial
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser

from classifier.api.problems import KIND, Problem, from_exception
from classifier.api.shapes import ProblemShape

ABOUT = """Is an image a photograph or AI-generated? Upload it, or have it inspected without being kept.

Calls carry a personal token: `Authorization: Bearer aidetect_…`. Errors are problem details (RFC 9457). A verdict is a
strong hint at most, not proof."""
ALWAYS, SOMETIMES = (400, 401, 403, 422, 429, 500, 503), (404, 409, 413, 415)
HEADERS = {
    "RateLimit-Policy": {"description": "calls allowed, and in how many seconds", "schema": {"type": "string"}},
    "RateLimit": {"description": "calls left, and seconds until there are more", "schema": {"type": "string"}},
}
REFERENCES = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "a call with the same key within a day is not carried out again: its first answer comes once more",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


def binary(kind: str) -> dict[str, Any]:
    """An answer that is a file."""
    return {"responses": {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}}


def multipart(name: str, many: bool, **fields: dict[str, Any]) -> dict[str, Any]:
    """A body of files; read by hand, so that a wrong kind of body is told from a missing file."""
    file = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file, "minItems": 1} if many else file
    schema = {"type": "object", "properties": {name: files, **fields}, "required": [name]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


class TryIt(DocsBase):
    """Swagger UI as django-ninja brings it, in our page and under our Content-Security-Policy."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        return render(request, "api/docs.html", {"document": self.get_openapi_url(api, kwargs)})


class JsonOnly(Parser):
    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Raises Problem for a body of another kind, such as a form's."""
        if request.content_type != "application/json":
            detail = f"Send application/json; received {request.content_type or 'nothing'}."
            raise Problem(415, detail, "not-json")
        return dict(super().parse_body(request))


class Interface(NinjaAPI):
    def __init__(self) -> None:
        super().__init__(
            title="aidetect", version="1", description=ABOUT, urls_namespace="api-v1", docs=TryIt(), parser=JsonOnly()
        )

    def set_default_exception_handlers(self) -> None:
        super().set_default_exception_handlers()
        for kind in list(self._exception_handlers):
            self.add_exception_handler(kind, partial(_as_problem))

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """django-ninja's, completed."""
        document = super().get_openapi_schema(**options)
        parts = document["components"]
        problem = ProblemShape.model_json_schema(ref_template="#/components/schemas/{model}")
        parts["schemas"] |= {**problem.pop("$defs", {}), "Problem": problem}
        parts["headers"] = HEADERS
        parts["parameters"] = {"IdempotencyKey": KEY}
        parts["responses"] = {f"Problem{status}": _problem(status) for status in (*ALWAYS, *SOMETIMES)}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _complete(path, method, operation)
        return document


def _problem(status: int) -> dict[str, Any]:
    headers = {**REFERENCES, **({"Retry-After": {"schema": {"type": "integer"}}} if status in (429, 503) else {})}
    content = {KIND: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": HTTPStatus(status).phrase, "content": content, "headers": headers}


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """What every operation may answer."""
    statuses = {*ALWAYS, *((404,) if "{" in path else ())}
    statuses |= {413, 415} if "requestBody" in operation else set()
    if method == "post" or "report" in path:
        statuses |= {409}
    if method == "post" and "inspect" not in path:
        operation["parameters"].append({"$ref": "#/components/parameters/IdempotencyKey"})
    for answer in operation["responses"].values():
        answer["headers"] = REFERENCES
    for status in sorted(statuses):
        operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}


def _as_problem(request: HttpRequest, error: Exception) -> HttpResponse:
    problem = from_exception(error)
    if problem is None:
        raise error
    return problem.response()
