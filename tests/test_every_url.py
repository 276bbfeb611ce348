"""Every address of the resolver, opened by everybody with GET, HEAD and POST, held against a table of what each sees.

A new address fails here until it has a row. A row is one line: the route as `urls.py` spells it, then what GET and
what POST answer (one of the words below, which are five answers each, for the five people of WHO).
"""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from classifier.intake import batching
from classifier.models import (
    Allowance,
    AuditEntry,
    BatchItem,
    DatasetVersion,
    Dispute,
    ImportBatch,
    Invitation,
    Measurement,
    RegressionCase,
    Rescoring,
    Share,
    TrainingRun,
)
from classifier.results import sharing
from tests.conftest import person
from tests.responses import body

WHO = ("anonymous", "stranger", "owner", "staff", "superuser")
"""alice owns the image, bob is a stranger; staff have no permission at all, a superuser has all."""

# What the five get: a page or a way on (ok), the log-in, the start page (home), or a status.
EVERYBODY = "ok ok ok ok ok"
VISITORS = "ok home home home home"  # whoever is signed in is sent on to the start page
STRANGERS_HOME = "home home home home home"
MEMBERS = "login ok ok ok ok"
MINE = "login 404 ok 404 404"
SEEN = "login 404 ok 404 ok"
STAFF = "login login login ok ok"
PERMITTED = "login login login 403 ok"
REFUSED = "login login login 403 403"
NOT_ALLOWED = "405 405 405 405 405"
NO_TOKEN = "401 401 401 401 401"  # of the programming interface, where a session counts for nothing
NOBODY = "404 404 404 404 404"
MEMBERS_NOT = "login 405 405 405 405"
STAFF_NOT = "login login login 405 405"

TABLE = {
    "admin/password_change/": (EVERYBODY, EVERYBODY),
    "admin/drift/": (PERMITTED, PERMITTED),
    "admin/status/": (PERMITTED, PERMITTED),
    "admin/": (STAFF, STAFF),
    "admin/login/": ("login 403 403 ok ok", "login 403 403 ok ok"),
    "admin/logout/": ("ok ok ok 405 405", EVERYBODY),
    "admin/password_change/done/": (STAFF, STAFF_NOT),
    "admin/autocomplete/": (REFUSED, STAFF_NOT),
    "admin/jsi18n/": (STAFF, STAFF_NOT),
    "admin/r/<str:content_type_id>/<path:object_id>/": (PERMITTED, PERMITTED),
    "admin/r/<path:content_type_id>/<path:object_id>/": (PERMITTED, PERMITTED),  # Django's own; ours stands before it
    "admin/classifier/datasetversion/freeze/": (REFUSED, PERMITTED),
    "admin/classifier/detector/<int:pk>/promote/": (PERMITTED, PERMITTED),
    "admin/classifier/detector/<int:pk>/measure/": (REFUSED, PERMITTED),
    "admin/classifier/detector/rollback/": (REFUSED, PERMITTED),
    "admin/classifier/detector/compare/": (PERMITTED, PERMITTED),
    "admin/classifier/image/relabel/": (PERMITTED, PERMITTED),
    "admin/classifier/image/review/": (PERMITTED, PERMITTED),
    "admin/classifier/importbatch/<int:pk>/status/": (PERMITTED, PERMITTED),
    "admin/classifier/importbatch/<int:pk>/cancel/": (REFUSED, PERMITTED),
    "admin/classifier/trainingrun/<int:pk>/status/": (PERMITTED, PERMITTED),
    "admin/classifier/trainingrun/<int:pk>/cancel/": (REFUSED, PERMITTED),
    "admin/auth/user/<id>/password/": (PERMITTED, PERMITTED),
    "admin/^(?P<app_label>classifier|mfa|auth|account)/$": ("login login login 404 ok", "login login login 404 ok"),
    "admin/(?P<url>.*)$": ("login login login 404 404", "login login login 404 404"),
    "accounts/login/": (VISITORS, VISITORS),
    "accounts/logout/": ("home ok ok ok ok", STRANGERS_HOME),
    "accounts/inactive/": (EVERYBODY, NOT_ALLOWED),
    "accounts/signup/": (VISITORS, VISITORS),
    "accounts/reauthenticate/": (MEMBERS, MEMBERS),
    "accounts/email/": (MEMBERS, MEMBERS),
    "accounts/confirm-email/": (EVERYBODY, NOT_ALLOWED),
    "accounts/password/change/": (MEMBERS, MEMBERS),
    "accounts/password/set/": (MEMBERS, MEMBERS),
    "accounts/password/reset/": (EVERYBODY, EVERYBODY),
    "accounts/login/code/confirm/": ("login home home home home", "login home home home home"),
    "accounts/^confirm-email/(?P<key>[-:\\w]+)/$": (EVERYBODY, "404 404 404 404 404"),
    "accounts/password/reset/key/done/": (EVERYBODY, NOT_ALLOWED),
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": (EVERYBODY, EVERYBODY),
    "accounts/password/reset/done/": (EVERYBODY, NOT_ALLOWED),
    "accounts/2fa/": (MEMBERS, MEMBERS_NOT),
    "accounts/2fa/authenticate/": ("login home home home home", "login home home home home"),
    "accounts/2fa/reauthenticate/": (MEMBERS, MEMBERS),
    "accounts/2fa/totp/activate/": (MEMBERS, MEMBERS),
    "accounts/2fa/totp/deactivate/": ("login 404 404 404 404", "login 404 404 404 404"),
    "accounts/2fa/recovery-codes/": ("login 404 404 404 404", MEMBERS_NOT),
    "accounts/2fa/recovery-codes/generate/": (MEMBERS, MEMBERS),
    "accounts/2fa/recovery-codes/download/": ("login 404 404 404 404", "login 404 404 404 404"),
    "accounts/2fa/webauthn/": (MEMBERS, MEMBERS_NOT),
    "accounts/2fa/webauthn/add/": (MEMBERS, MEMBERS),
    "accounts/2fa/webauthn/reauthenticate/": (MEMBERS, MEMBERS),
    "accounts/2fa/webauthn/keys/<int:pk>/remove/": (MEMBERS, MEMBERS),
    "accounts/2fa/webauthn/keys/<int:pk>/edit/": (MEMBERS, MEMBERS),
    "accounts/2fa/webauthn/login/": ("login home home home home", "login home home home home"),
    "": (EVERYBODY, MEMBERS),
    "images/<uuid:uuid>/": (SEEN, MEMBERS_NOT),
    "images/<uuid:uuid>/status/": (SEEN, MEMBERS_NOT),
    "images/<uuid:uuid>/card/": (SEEN, MEMBERS_NOT),
    "images/<uuid:uuid>/heat-toggle/": (SEEN, MEMBERS_NOT),
    "images/<uuid:uuid>/again/": (MEMBERS_NOT, MINE),
    "images/<uuid:uuid>/delete/": (MEMBERS_NOT, MINE),
    "images/<uuid:uuid>/consent/": (MEMBERS_NOT, MINE),
    "images/<uuid:uuid>/dispute/": (MINE, MINE),
    "images/<uuid:uuid>/dispute/withdraw/": (MEMBERS_NOT, MINE),
    "images/<uuid:uuid>/thumbnail": (SEEN, MEMBERS_NOT),
    "images/<uuid:uuid>/display": (SEEN, MEMBERS_NOT),
    "images/<uuid:uuid>/heat": (SEEN, MEMBERS_NOT),
    "images/<uuid:uuid>/original": (MINE, MEMBERS_NOT),
    "images/<uuid:uuid>/report.json": (MINE, MEMBERS_NOT),
    "images/<uuid:uuid>/report.pdf": (MINE, MEMBERS_NOT),
    "images/<uuid:uuid>/share/": (MEMBERS_NOT, MINE),
    "images/<uuid:uuid>/unshare/": (MEMBERS_NOT, MINE),
    "shared/<str:token>/": (EVERYBODY, NOT_ALLOWED),
    "shared/<str:token>/preview.jpg": (EVERYBODY, NOT_ALLOWED),
    "shared/<str:token>/report.pdf": (EVERYBODY, NOT_ALLOWED),
    "batches/": (MEMBERS, MEMBERS_NOT),
    "batches/start/": (MEMBERS_NOT, "login 400 400 400 400"),  # without a word of what is coming
    "batches/zip/": (MEMBERS_NOT, "login 400 400 400 400"),
    "batches/<uuid:uuid>/": (MINE, MEMBERS_NOT),
    "batches/<uuid:uuid>/files/": (MEMBERS_NOT, "login 404 400 404 404"),
    "batches/<uuid:uuid>/status/": (MINE, MEMBERS_NOT),
    "batches/<uuid:uuid>/files.csv": (MINE, MEMBERS_NOT),
    "batches/<uuid:uuid>/report.pdf": (MINE, MEMBERS_NOT),
    "batches/<uuid:uuid>/act/": (MEMBERS_NOT, "login 404 400 404 404"),
    "batches/<uuid:uuid>/delete/": (MEMBERS_NOT, MINE),
    "batches/<uuid:uuid>/share/": (MEMBERS_NOT, MINE),
    "batches/<uuid:uuid>/unshare/": (MEMBERS_NOT, MINE),
    "shared/batch/<str:token>/": (EVERYBODY, NOT_ALLOWED),
    "shared/batch/<str:token>/report.pdf": (EVERYBODY, NOT_ALLOWED),
    "shared/batch/<str:token>/<uuid:uuid>.jpg": (EVERYBODY, NOT_ALLOWED),
    "check/": (STRANGERS_HOME, VISITORS),
    "examples/<slug:name>/": (EVERYBODY, NOT_ALLOWED),
    "how-to-read/": (EVERYBODY, NOT_ALLOWED),
    "privacy/": (EVERYBODY, NOT_ALLOWED),
    "contact/": (EVERYBODY, NOT_ALLOWED),
    "history/": (MEMBERS, MEMBERS_NOT),
    "history/delete/": (MEMBERS_NOT, MEMBERS),
    "history/again/": (MEMBERS_NOT, MEMBERS),
    "history/images.csv": (MEMBERS, MEMBERS_NOT),
    "compare/": (MEMBERS, MEMBERS_NOT),
    "metrics/": (EVERYBODY, NOT_ALLOWED),
    "invitation/<str:token>/": (EVERYBODY, NOT_ALLOWED),
    "images/<uuid:uuid>/screen": (SEEN, MEMBERS_NOT),
    "shared/<str:token>/screen.jpg": (EVERYBODY, NOT_ALLOWED),
    "history/tag/": (MEMBERS_NOT, MEMBERS),
    "history/untag/": (MEMBERS_NOT, MEMBERS),
    "account/tokens/": (MEMBERS, MEMBERS),
    "account/tokens/<int:number>/revoke/": (MEMBERS_NOT, "login 404 404 404 404"),
    "account/webhooks/": (MEMBERS, MEMBERS),
    "account/webhooks/<int:number>/": ("login 404 404 404 404", MEMBERS_NOT),
    "account/webhooks/<int:number>/test/": (MEMBERS_NOT, "login 404 404 404 404"),
    "account/webhooks/<int:number>/switch/": (MEMBERS_NOT, "login 404 404 404 404"),
    "account/webhooks/<int:number>/delete/": (MEMBERS_NOT, "login 404 404 404 404"),
    "account/webhooks/<int:number>/deliveries/<int:delivery>/replay/": (MEMBERS_NOT, "login 404 404 404 404"),
    "api/v1/openapi.json": (EVERYBODY, EVERYBODY),
    "api/v1/docs": (EVERYBODY, EVERYBODY),
    "api/v1/token": (NO_TOKEN, NOT_ALLOWED),
    "api/v1/images": (NO_TOKEN, NO_TOKEN),
    "api/v1/images/<uuidstr:uuid>": (NO_TOKEN, NOT_ALLOWED),
    "api/v1/images/<uuidstr:uuid>/again": (NOT_ALLOWED, NO_TOKEN),
    "api/v1/images/<uuidstr:uuid>/report.json": (NO_TOKEN, NOT_ALLOWED),
    "api/v1/images/<uuidstr:uuid>/report.pdf": (NO_TOKEN, NOT_ALLOWED),
    "api/v1/images/<uuidstr:uuid>/heat.png": (NO_TOKEN, NOT_ALLOWED),
    "api/v1/images/<uuidstr:uuid>/dispute": (NOT_ALLOWED, NO_TOKEN),
    "api/v1/inspect": (NOT_ALLOWED, NO_TOKEN),
    "api/v1/": (NOBODY, NOBODY),
    "^api/": (NOBODY, NOBODY),
    "account/data/": (MEMBERS_NOT, MEMBERS),
    "account/delete/": (MEMBERS, MEMBERS),
}

MODELS = {
    "account/emailaddress": "add change delete",
    "auth/group": "add change delete",
    "auth/user": "add change delete",
    "classifier/allowance": "add change delete",
    "classifier/auditentry": "",
    "classifier/datasetversion": "change",
    "classifier/detector": "",
    "classifier/dispute": "",
    "classifier/image": "change delete",
    "classifier/importbatch": "add",
    "classifier/invitation": "add change delete",
    "classifier/measurement": "",
    "classifier/promotion": "",
    "classifier/regressioncase": "change delete",
    "classifier/rescoring": "",
    "classifier/trainingrun": "add",
    "mfa/authenticator": "delete",
}
"""What the administration lets a superuser do with the rows of a model, besides looking at them."""


MODEL = re.compile(r"admin/(\w+)/(\w+)/")
"""Of a route of the administration: app and model."""


def routes(resolver=None, prefix=""):
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)


def table():
    """All rows, those of the administration's own pages included."""
    rows = dict(TABLE)
    for model, may in MODELS.items():
        acts = {act: PERMITTED if act in may else REFUSED for act in ("add", "change", "delete")}
        rows[f"admin/{model}/"] = PERMITTED, PERMITTED
        rows[f"admin/{model}/add/"] = acts["add"], acts["add"]
        rows[f"admin/{model}/<path:object_id>/"] = STAFF, STAFF  # leads to the next one
        rows[f"admin/{model}/<path:object_id>/change/"] = PERMITTED, acts["change"]
        rows[f"admin/{model}/<path:object_id>/delete/"] = acts["delete"], acts["delete"]
        rows[f"admin/{model}/<path:object_id>/history/"] = PERMITTED, PERMITTED
    return rows


def test_every_address_has_a_row_and_every_row_an_address():
    missing, left_over = sorted(set(routes()) - set(table())), sorted(set(table()) - set(routes()))
    assert not missing, "say in TABLE who may see them, or in MODELS what staff may do"
    assert not left_over


@pytest.fixture
def known(classified, alice, staff):
    """What stands for the parts of an address; and a row of every model that the administration shows."""
    carol, detector = person("carol"), classified.verdict.detector
    Allowance.objects.create(owner=carol)
    Authenticator.objects.create(user=carol, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    EmailAddress.objects.create(user=carol, email=carol.email)
    AuditEntry.objects.create(who="carol", act="looked")
    Group.objects.create(name="reviewers")
    ImportBatch.objects.create(owner=staff, by=staff, license="CC0", progress={"total": 1})
    dataset = DatasetVersion.objects.create(number=1, digest="0" * 64, summary={"splits": {}})
    Measurement.objects.create(detector=detector, dataset=dataset)
    TrainingRun.objects.create(name="first", dataset=dataset)
    Rescoring.objects.create(detector=detector)
    RegressionCase.objects.create(image=classified, name="a holiday")
    Dispute.objects.create(image=classified, claim="REAL", how="I was there", category="PHOTO")
    AuditEntry.objects.create(by=staff, act="opened")
    type(classified).objects.update(screen=classified.display.name)
    batch = batching.start(alice, "holidays", True, 1)
    BatchItem.objects.create(batch=batch, name="holiday.jpg", image=classified)
    return {
        "batch": batch.uuid,
        "batch_token": sharing.share_batch(batch, 3).token,
        "image": classified,
        "name": "cat",
        "uuid": classified.uuid,
        "token": sharing.share(classified, 3).token,
        "invitation": Invitation.objects.create(by=staff).token,
    }


def address_of(route, known):
    if route.startswith("invitation/"):
        known = {**known, "token": known["invitation"]}
    if route.startswith("shared/batch/"):
        known = {**known, "token": known["batch_token"]}
    if route.startswith("batches/"):
        known = {**known, "uuid": known["batch"]}
    model = MODEL.match(route)
    of_model = model and f"{model[1]}/{model[2]}" in MODELS
    row = apps.get_model(model[1], model[2])._default_manager.first() if of_model else known["image"]
    assert row, f"make a row for {route} in `known`"
    number = row.pk
    content_type = ContentType.objects.get_for_model(type(known["image"])).pk
    values = {
        "content_type_id": content_type, "object_id": number, "pk": number, "id": number, "number": number,
        "delivery": number, "app_label": "classifier", "url": "nowhere", "key": "abc", "uidb36": "1",
    } | known  # fmt: skip
    path = re.sub(r"<(?:\w+:)?(\w+)>(?![^()]*\))", lambda m: str(values[m[1]]), route)
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda m: str(values[m[1]]), path)
    return "/" + path.replace("^", "").replace("$", "")


class _Undo(Exception):
    pass


def answer(client, method, path):
    """What a request gets, which changes nothing that lasts."""
    said = ""
    cookies = client.cookies.copy()
    cache.clear()
    try:
        with transaction.atomic():
            response = getattr(client, method)(path)
            said = word_of(response)
            if response.streaming:
                body(response)
            raise _Undo
    except _Undo:
        client.cookies = cookies
    return said


def word_of(response):
    if response.status_code != 302:
        return "ok" if response.status_code < 400 else str(response.status_code)
    if response.url.startswith(("/accounts/login/", "/admin/login/")):
        return "login"
    return "home" if response.url == "/" else "ok"


@pytest.fixture
def clients(alice, bob, staff, sign_in):
    found = [Client(), sign_in(bob), sign_in(alice), sign_in(person("nobody", is_staff=True)), sign_in(staff)]
    for client in found:
        client.raise_request_exception = False  # a server error is a wrong answer like any other
    return dict(zip(WHO, found, strict=True))


@pytest.mark.parametrize("who", WHO)
def test_everybody_sees_what_the_table_says_and_nothing_else(who, known, clients):
    """HEAD is asked where GET gives something: it must not give away more, nor fail."""
    wrong = []
    for route, expected in table().items():
        path = address_of(route, known)
        answers = {method: row.split()[WHO.index(who)] for method, row in zip(("get", "post"), expected, strict=True)}
        if answers["get"] in ("ok", "404"):
            answers["head"] = answers["get"]
        for method, word in answers.items():
            if (said := answer(clients[who], method, path)) != word:
                wrong.append(f"{who}: {method.upper()} {path} gives {said}, not {word}")
    assert not wrong, "\n".join(wrong)


def test_being_staff_leads_to_nobodys_shared_link(known, clients):
    """The address of a shared link is all that one needs to open it."""
    share = Share.objects.get()
    kind = ContentType.objects.get_for_model(Share).pk
    for who in ("staff", "superuser"):
        response = clients[who].get(f"/admin/r/{kind}/{share.pk}/")
        assert response.status_code == 404 and share.token not in response.content.decode()


def test_nobody_changes_somebody_elses_key(alice, bob, client):
    key = Authenticator.objects.create(user=bob, type="webauthn", data={"name": "bobs", "credential": {}})
    client.force_login(alice)
    client.post("/accounts/reauthenticate/", {"password": "alice-password-1"})
    for act in ("remove", "edit"):
        path = f"/accounts/2fa/webauthn/keys/{key.pk}/{act}/"
        assert client.get(path).status_code == client.post(path, {"name": "mine"}).status_code == 404
    assert Authenticator.objects.get().wrap().name == "bobs"
