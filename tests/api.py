"""A client of the programming interface, for tests without a server."""

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.accounts import tokens
from classifier.models import Scope

PROBLEM = "application/problem+json"


class Caller:
    """Calls with a token of this person's; `last` is the answer to the last call."""

    def __init__(self, owner, *scopes, secret=""):
        self.secret = secret or tokens.create(owner, "test", scopes or list(Scope), 30)[1]
        self.client = Client(raise_request_exception=False)

    def call(self, method, path, **extra):
        headers = {"Authorization": f"Bearer {self.secret}", **extra.pop("headers", {})}
        return getattr(self.client, method)(f"/api/v1/{path}", headers=headers, **extra)

    def get(self, path, **extra):
        return self.call("get", path, **extra)

    def delete(self, path, **extra):
        return self.call("delete", path, **extra)

    def post(self, path, data=None, **extra):
        return self.call("post", path, data=data or {}, **extra)

    def say(self, path, said, **extra):
        return self.call("post", path, data=json.dumps(said), content_type="application/json", **extra)

    def upload(self, *files, path="images", field="images", headers=None, **values):
        chosen = [SimpleUploadedFile(name, content) for name, content in files]
        return self.post(path, {field: chosen, **values}, headers=headers or {})


def problem(response, status, code=""):
    """The details of a problem, whose form is checked."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    said = response.json()
    assert said["status"] == status and said["title"] and said["detail"].endswith((".", "…”"))
    assert said["type"] == (f"urn:aidetect:problem:{code}" if code else "about:blank")
    return said
