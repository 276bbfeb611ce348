"""The programming interface, by Django's client and rows of the factory's."""

import json
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from classifier.api import waiting
from classifier.models import Dispute, Image, KeyedCall, Scope, State, Token
from tests import factories
from tests.api import Caller, problem
from tests.pictures import encoded, jpeg, photo
from tests.responses import body


@pytest.fixture
def calls(alice):
    return Caller(alice)


@pytest.fixture
def address(classified):
    return f"images/{classified.uuid}"


def test_without_a_token_nothing_is_said(db):
    response = Client().get("/api/v1/images")
    assert "token" in problem(response, 401, "token")["detail"]
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer aidetect_wrong", "Basic abc", "Bearer", "Bearer \x00", "é"])
def test_what_is_no_token_is_refused(db, header):
    problem(Client().get("/api/v1/images", headers={"Authorization": header}), 401, "token")


def test_a_session_counts_for_nothing(as_alice):
    problem(as_alice.get("/api/v1/images"), 401, "token")


def test_a_token_that_was_revoked_or_ran_out_is_refused(calls, alice):
    assert calls.get("images").status_code == 200
    Token.objects.update(revoked_at=timezone.now())
    problem(calls.get("images"), 401, "token")
    Token.objects.update(revoked_at=None, expires_at=timezone.now() - timedelta(seconds=1))
    problem(calls.get("images"), 401, "token")


def test_the_token_of_a_closed_account_is_refused(calls, alice):
    type(alice).objects.update(is_active=False)
    problem(calls.get("images"), 401, "token")


def test_a_token_does_what_its_scopes_say(alice, classified):
    reader, sender = Caller(alice, Scope.READ), Caller(alice, Scope.UPLOAD)
    problem(reader.upload(("a.jpg", jpeg())), 403, "scope")
    problem(reader.delete(f"images/{classified.uuid}"), 403, "scope")
    problem(sender.get("images"), 403, "scope")
    assert reader.get("token").json()["scopes"] == ["read"]


def test_the_token_tells_who_it_is_and_what_the_limits_are(calls, settings):
    said = calls.get("token").json()
    assert said["user"] == "alice" and said["scopes"] == ["read", "upload"]
    assert said["limits"]["files"] == settings.MAX_FILES


def test_upload_one(calls, alice, wakeups, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        response = calls.upload(("holiday.jpg", jpeg()), consent="true")
    assert response.status_code == 201
    [submitted] = response.json()["images"]
    assert submitted["created"] and submitted["image"]["state"] == "waiting"
    assert submitted["image"]["verdict"] is None and submitted["image"]["queue_position"] == 1
    image = Image.objects.get(owner=alice)
    assert image.consent and submitted["image"]["links"]["self"].endswith(f"/api/v1/images/{image.uuid}")
    assert wakeups == ["classifier.classify_pending"]


def test_the_same_bytes_again_lead_to_the_same_image(calls):
    first = calls.upload(("a.jpg", jpeg(1))).json()["images"][0]
    response = calls.upload(("b.jpg", jpeg(1)))
    assert response.status_code == 200 and not response.json()["images"][0]["created"]
    assert response.json()["images"][0]["image"]["uuid"] == first["image"]["uuid"]


def test_upload_many_and_each_bad_file_gets_its_sentence(calls):
    response = calls.upload(("a.jpg", jpeg(1)), ("b.jpg", b"nothing"), ("c.jpg", jpeg(2)))
    said = response.json()
    assert response.status_code == 201 and len(said["images"]) == 2
    assert said["refused"][0]["name"] == "b.jpg" and said["refused"][0]["code"] == "format"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"no picture", 415), (jpeg()[:1000], 422), (encoded(photo(8, 8), "PNG"), 422), (jpeg() * 40, 413)],
)
def test_a_file_that_is_refused(calls, settings, content, status):
    settings.MAX_UPLOAD_MB = 0.05
    said = problem(calls.upload(("x.jpg", content)), status, "refused")
    assert said["errors"][0]["where"] == "x.jpg"
    assert not Image.objects.exists()


def test_too_many_files_in_one_call(calls, settings):
    settings.MAX_FILES = 2
    said = problem(calls.upload(*((f"{n}.jpg", jpeg(n)) for n in range(3))), 422, "invalid")
    assert "At most 2" in said["detail"]


def test_very_many_files_are_a_request_too_large(calls, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    problem(calls.upload(*((f"{n}.jpg", b"x") for n in range(3))), 413)


def test_what_the_quota_has_no_room_for_is_refused(calls, settings):
    settings.UPLOADS_PER_HOUR = 2
    said = calls.upload(*((f"{n}.jpg", jpeg(n)) for n in range(3))).json()
    assert len(said["images"]) == 2 and said["refused"][0]["name"] == "2.jpg" and said["refused"][0]["code"] == "quota"
    assert "the limit is 2" in problem(calls.upload(("3.jpg", jpeg(3))), 403, "quota")["detail"]
    settings.UPLOADS_PER_HOUR, settings.STORAGE_MB = 0, 0.005
    assert "no room" in problem(calls.upload(("4.jpg", jpeg(4, 300, 300))), 403, "quota")["detail"]


def test_what_is_not_multipart_is_refused(calls):
    problem(calls.say("images", {"images": []}), 415, "not-multipart")
    problem(calls.post("images", {"wrong": "name"}), 422, "invalid")
    problem(calls.upload(("a.jpg", jpeg()), consent="perhaps"), 422, "invalid")
    response = calls.call("post", "images", data=b"--x\r\nbroken", content_type="multipart/form-data; boundary=")
    problem(response, 400)


def test_one_image_with_verdict_and_evidence(calls, address, classified):
    said = calls.get(address).json()
    assert said["verdict"] == {
        "outcome": "FAKE",
        "decided_by": "network",
        "sentence": said["verdict"]["sentence"],
        "previous": None,
        "changed": None,
    }
    assert said["network"]["score"] == pytest.approx(0.08) and said["network"]["detector"]
    assert {piece["kind"] for piece in said["evidence"]} == {"jpeg"}
    assert said["links"]["heat_map"].endswith("heat.png")


@pytest.mark.parametrize("what", ["", "/report.json", "/report.pdf", "/heat.png"])
def test_bob_cannot_see_alices_image(bob, address, what):
    problem(Caller(bob).get(address + what), 404)


def test_staff_see_no_more_than_their_own(staff, bob, address):
    problem(Caller(staff).get(address), 404)
    assert Caller(staff).get("images").json()["images"] == []


@pytest.mark.parametrize("what", ["/again", "/dispute"])
def test_bob_cannot_act_on_alices_image(bob, address, what):
    said = {"claim": "REAL", "category": "ordinary", "how": "mine", "agreed": True}
    problem(Caller(bob).say(address + what, said), 404)
    problem(Caller(bob).delete(address), 404)
    problem(Caller(bob).delete(address + "/dispute"), 404)
    assert Image.objects.exists() and not Dispute.objects.exists()


def test_reports_and_heat_map(calls, address):
    assert calls.get(address + "/report.json").json()["schema"] == "aidetect-report/1"
    pdf = calls.get(address + "/report.pdf")
    assert pdf["Content-Type"] == "application/pdf" and pdf.content.startswith(b"%PDF")
    heat = calls.get(address + "/heat.png")
    assert heat["Content-Type"] == "image/png" and body(heat).startswith(b"\x89PNG")


@pytest.mark.parametrize("what", ["report.json", "report.pdf"])
def test_there_is_no_report_before_the_verdict(calls, picture, what):
    problem(calls.get(f"images/{picture.uuid}/{what}"), 409, "no-verdict")
    problem(calls.get(f"images/{picture.uuid}/heat.png"), 404)


def test_delete(calls, address):
    response = calls.delete(address)
    assert response.status_code == 204 and not response.content
    assert not Image.objects.exists()
    problem(calls.delete(address), 404)


def test_analyse_again(calls, address):
    assert calls.post(address + "/again").status_code == 202
    assert Image.objects.get().state == State.WAITING


def dispute(**changes):
    return {"claim": "REAL", "category": "portrait", "how": "I took it myself.", "agreed": True, **changes}


def test_dispute_a_verdict_and_withdraw_it(calls, address):
    said = calls.say(address + "/dispute", dispute())
    assert said.status_code == 201 and said.json()["dispute"]["state"] == "open"
    assert Image.objects.get().review_consent
    problem(calls.say(address + "/dispute", dispute()), 409, "disputed")
    assert calls.delete(address + "/dispute").status_code == 204
    problem(calls.delete(address + "/dispute"), 404)
    assert calls.get(address).json()["dispute"]["state"] == "withdrawn"


@pytest.mark.parametrize(
    "changes",
    [{"agreed": False}, {"claim": "MAYBE"}, {"how": ""}, {"how": "x" * 1001}, {"how": "\x00"}, {"extra": 1}],
)
def test_a_dispute_that_is_not_complete(calls, address, changes):
    assert problem(calls.say(address + "/dispute", dispute(**changes)), 422, "invalid")["errors"]
    assert not Dispute.objects.exists()


def test_a_dispute_must_be_json(calls, address):
    problem(calls.post(address + "/dispute", dispute()), 415, "not-json")
    problem(calls.call("post", address + "/dispute", data="{", content_type="application/json"), 400)
    problem(calls.call("post", address + "/dispute", data="", content_type="application/json"), 422, "invalid")


@pytest.mark.parametrize("training", [True, False])
def test_whether_a_disputed_picture_may_train_is_another_question(calls, address, training):
    Image.objects.update(consent=False)
    assert calls.say(address + "/dispute", dispute(training=training)).json()["consent"] is training


def test_nothing_to_dispute_before_the_verdict(calls, picture):
    problem(calls.say(f"images/{picture.uuid}/dispute", dispute()), 409, "no-verdict")


@pytest.fixture
def many(alice, bob):
    factories.submitted(bob, "bob.jpg", jpeg(99))
    return [factories.submitted(alice, f"{n}.jpg", jpeg(n)) for n in range(5)]


def names(said):
    return [image["name"] for image in said["images"]]


def test_pages_by_cursor(calls, many):
    first = calls.get("images", data={"limit": 2}).json()
    second = calls.get("images", data={"limit": 2, "cursor": first["cursor"]}).json()
    third = calls.client.get(second["next"], headers={"Authorization": f"Bearer {calls.secret}"}).json()
    assert [names(page) for page in (first, second, third)] == [["4.jpg", "3.jpg"], ["2.jpg", "1.jpg"], ["0.jpg"]]
    assert third["cursor"] is None and third["next"] is None


def test_the_historys_filters(calls, many):
    factories.judged(many[0], "REAL", 0.9)
    factories.judged(many[1], "FAKE", 0.1)
    assert names(calls.get("images", data={"verdict": "FAKE"}).json()) == ["1.jpg"]
    assert names(calls.get("images", data={"state": "waiting"}).json()) == ["4.jpg", "3.jpg", "2.jpg"]
    assert names(calls.get("images", data={"sort": "-score"}).json()) == ["0.jpg", "1.jpg"]
    assert names(calls.get("images", data={"low": 0.5}).json()) == ["0.jpg"]
    assert names(calls.get("images", data={"q": "3.j"}).json()) == ["3.jpg"]
    assert names(calls.get("images", data={"evidence": "jpeg"}).json()) == ["1.jpg", "0.jpg"]
    page = calls.get("images", data={"sort": "score", "limit": 1}).json()
    assert names(calls.get("images", data={"sort": "score", "cursor": page["cursor"]}).json()) == ["0.jpg"]


@pytest.mark.parametrize(
    "query",
    [
        {"verdict": "TRUE"}, {"verdct": "FAKE"}, {"limit": 0}, {"limit": 101}, {"limit": "²"}, {"cursor": "²"},
        {"cursor": "0.5:1"}, {"cursor": "9" * 30}, {"since": "9999-12-31"}, {"until": "0001-01-01"}, {"q": "\x00"},
        {"low": "nan"}, {"low": -1}, {"detector": "unknown"}, {"evidence": "x"}, {"sort": "name"}, {"disputed": "x"},
        {"tag": "unknown"}, {"q": "x" * 201}, {"since": "yesterday"},
    ],
)  # fmt: skip
def test_what_a_filter_does_not_know_is_refused(calls, many, query):
    said = problem(calls.get("images", data=query), 422, "invalid")
    assert said["errors"][0]["where"] == next(iter(query))


def test_a_page_costs_the_same_however_many_images_it_has(calls, many, django_assert_max_num_queries):
    for image in many:
        factories.judged(image)
    with django_assert_max_num_queries(8):
        calls.get("images")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "nothing", 404),
        ("get", "", 404),
        ("put", "images", 405),
        ("get", "images/1", 404),
        ("post", "token", 405),
    ],
)
def test_what_is_not_there(calls, method, path, status):
    response = calls.call(method, path)
    problem(response, status)
    assert ("Allow" in response) == (status == 405)


@pytest.mark.parametrize("path", ["/api/", "/api/v2/images", "/api/v1", "/api/v1/images/"])
def test_every_address_below_api_answers_with_a_problem(db, path):
    problem(Client().get(path), 404)


def test_the_rate_is_limited_and_told(calls, settings, many):
    settings.API_PER_MINUTE = 3
    left = [calls.get("token")["RateLimit"] for _ in range(3)]
    assert [text.split(";")[1] for text in left] == ["r=2", "r=1", "r=0"]
    response = calls.get("token")
    problem(response, 429, "too-many-calls")
    assert 1 <= int(response["Retry-After"]) <= 60 and response["RateLimit-Policy"] == '"calls";q=3;w=60'


def test_guessing_tokens_is_limited_by_address(db, settings):
    settings.API_PER_MINUTE = 2
    guesser = Caller(None, secret="aidetect_guess")
    assert [guesser.get("images").status_code for _ in range(3)] == [401, 401, 429]


def test_an_error_of_ours_is_a_problem_too(calls, monkeypatch, caplog):
    monkeypatch.setattr("classifier.api.endpoints.listing.rows_of", lambda *_: 1 / 0)
    said = problem(calls.get("images"), 500)
    assert "our side" in said["detail"] and "division" not in json.dumps(said)


def test_a_database_that_is_away_is_a_503(calls, monkeypatch):
    def away(*_):
        raise OperationalError("away")

    monkeypatch.setattr("classifier.api.endpoints.listing.rows_of", away)
    response = calls.get("images")
    problem(response, 503)
    assert response["Retry-After"]


def test_a_foreign_host_name_is_a_problem_too(calls):
    problem(calls.get("images", SERVER_NAME="evil.example.org"), 400)


def test_answers_are_not_kept_by_anybody(calls, address):
    assert "no-store" in calls.get(address)["Cache-Control"]


# --- Idempotency-Key --------------------------------------------------------------------------------------------------


def keyed(key="k1"):
    return {"Idempotency-Key": key}


def test_a_repeated_call_is_answered_from_memory(calls, alice):
    first = calls.upload(("a.jpg", jpeg(1)), headers=keyed())
    Image.objects.all().delete()
    again = calls.upload(("a.jpg", jpeg(1)), headers=keyed())
    assert again.status_code == 201 and again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert not Image.objects.exists()


def test_a_key_belongs_to_one_call(calls, bob):
    calls.upload(("a.jpg", jpeg(1)), headers=keyed())
    problem(calls.upload(("a.jpg", jpeg(2)), headers=keyed()), 422, "key-reused")
    assert Caller(bob).upload(("a.jpg", jpeg(2)), headers=keyed()).status_code == 201


def test_a_call_that_runs_is_not_run_twice(calls, alice):
    calls.upload(("a.jpg", jpeg(1)), headers=keyed())
    KeyedCall.objects.update(status=0)
    problem(calls.upload(("a.jpg", jpeg(1)), headers=keyed()), 409, "key-running")
    KeyedCall.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    assert calls.upload(("a.jpg", jpeg(1)), headers=keyed()).status_code == 200


def test_a_refusal_is_remembered_and_an_error_of_ours_is_not(calls, address, monkeypatch):
    problem(calls.say(address + "/dispute", dispute(agreed=False), headers=keyed()), 422, "invalid")
    assert calls.say(address + "/dispute", dispute(agreed=False), headers=keyed())["Idempotent-Replayed"]
    with monkeypatch.context() as patch:
        patch.setattr("classifier.api.endpoints.disputes.dispute", lambda *_: 1 / 0)
        problem(calls.say(address + "/dispute", dispute(), headers=keyed("k2")), 500)
    assert calls.say(address + "/dispute", dispute(), headers=keyed("k2")).status_code == 201


def test_a_key_that_is_too_long(calls, address):
    problem(calls.post(address + "/again", headers=keyed("x" * 201)), 422, "invalid")


def test_old_answers_are_forgotten(calls, address):
    from classifier.accounts.calls import forget_old

    calls.post(address + "/again", headers=keyed())
    assert forget_old() == 0
    KeyedCall.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert forget_old() == 1


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_waiting_ends_with_the_verdict(calls, picture, monkeypatch):
    monkeypatch.setattr(waiting.time, "sleep", lambda _: factories.judged(Image.objects.get()))
    said = calls.get(f"images/{picture.uuid}", data={"wait": 10}).json()
    assert said["state"] == "done" and said["verdict"]["outcome"] == "FAKE"


def test_only_so_many_wait_and_others_are_answered_at_once(calls, picture, monkeypatch):
    monkeypatch.setattr(waiting, "_slots", threading.BoundedSemaphore(1))
    monkeypatch.setattr(waiting.time, "sleep", lambda _: pytest.fail("it waited"))
    with waiting.slot() as free:
        assert free
        assert calls.get(f"images/{picture.uuid}", data={"wait": 10}).json()["state"] == "waiting"
    with waiting.slot() as free:
        assert free


@pytest.mark.parametrize("wait", ["11", "-1", "soon", "nan"])
def test_a_wait_has_its_limits(calls, picture, wait):
    problem(calls.get(f"images/{picture.uuid}", data={"wait": wait}), 422, "invalid")


def test_an_image_that_is_not_there(calls):
    problem(calls.get(f"images/{uuid.uuid4()}"), 404)
