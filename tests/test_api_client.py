"""The programming interface by httpx against the real stack: what a program of somebody's really does."""

import httpx
import pytest

from tests.pictures import jpeg
from tests.stack import wait_for

pytestmark = pytest.mark.stack

MAKE = """
from django.contrib.auth.models import User
from classifier.accounts import tokens
from classifier.models import Scope
owner, _ = User.objects.get_or_create(username="programmer")
print(tokens.create(owner, "httpx", list(Scope), 1)[1])
"""


@pytest.fixture
def client(stack):
    headers = {"Authorization": f"Bearer {stack.ask(MAKE)}"}
    with httpx.Client(base_url=f"{stack.address}/api/v1/", headers=headers, timeout=60) as client:
        yield client


def files(*seeds, field="images"):
    return [(field, (f"{seed}.jpg", jpeg(seed, 300, 240), "image/jpeg")) for seed in seeds]


def when_done(client, uuid):
    said = wait_for(lambda: _done(client.get(f"images/{uuid}", params={"wait": 10})), 90, "a verdict")
    assert said["verdict"]["outcome"] in ("REAL", "FAKE", "INCONCLUSIVE") and said["evidence"]
    return said


def _done(response):
    said = response.raise_for_status().json()
    return said if said["state"] == "done" else None


def test_upload_wait_report_and_delete(client):
    key = {"Idempotency-Key": "journey-1"}
    first = client.post("images", files=files(501, 502), params={"wait": 10}, headers=key)
    assert first.status_code == 201 and len(first.json()["images"]) == 2
    again = client.post("images", files=files(501, 502), params={"wait": 10}, headers=key)
    assert again.json() == first.json() and again.headers["Idempotent-Replayed"] == "true"
    for submitted in first.json()["images"]:
        said = when_done(client, submitted["image"]["uuid"])
        assert client.get(said["links"]["report_json"]).json()["file"]["sha256"] == said["sha256"]
        assert client.get(said["links"]["report_pdf"]).content.startswith(b"%PDF")
        link = f"images/{said['uuid']}"
        heat = wait_for(lambda link=link: client.get(link).json()["links"]["heat_map"], 60, "a heat map")
        assert client.get(heat).content.startswith(b"\x89PNG")
    assert len(client.get("images", params={"limit": 1}).json()["images"]) == 1
    assert client.delete(link).status_code == 204 and client.get(link).status_code == 404


def test_inspect_keeps_nothing(client, stack):
    said = client.post("inspect", files=files(511, field="image")).raise_for_status().json()
    assert said["outcome"] in ("REAL", "FAKE", "INCONCLUSIVE") and said["network"]["detector"]
    digest = said["sha256"]
    rows = f"Image.objects.filter(sha256='{digest}').count(), Inspection.objects.count()"
    count = f"from classifier.models import Image, Inspection; print({rows})"
    assert stack.ask(count) == "0 0"
    assert not [path for path in (stack.folder / "media" / "inspections").glob("*") if path.is_file()]


def test_a_request_that_is_cut_off_or_too_large_is_a_problem(client):
    broken = client.post("images", content=b"--x\r\nhalf", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert broken.status_code in (400, 422) and broken.headers["Content-Type"] == "application/problem+json"
    assert client.get("nothing").json()["status"] == 404
    assert client.put("images").json()["status"] == 405


def test_the_page_and_the_document_are_served_from_here(client, stack):
    page = client.get("docs").text
    assert "swagger-ui-bundle" in page and "http" not in page.split("<main", 1)[1].split("</main>")[0]
    assert client.get("openapi.json").json()["openapi"].startswith("3.1")
