"""Numbers, dates and texts that no form sends: every query parameter and every posted field of every page, addresses,
and tables inside a zip. Whatever is sent, the answer is no server error; hypothesis looks for what breaks that."""

import csv
import io
import os
import re
import zipfile
from urllib.parse import quote, urlencode

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from classifier.detector.data import collection, manifest
from classifier.detector.errors import DatasetError
from classifier.forms.filtering import HistoryFilter
from classifier.intake import batching
from classifier.models import DatasetVersion, Measurement, TrainingRun
from classifier.results import sharing
from tests.responses import body
from tests.test_layers import ROOT

pytestmark = pytest.mark.postgres  # which refuses more than SQLite: NUL bytes, numbers and texts that are too long
EXAMPLES = int(os.environ.get("ODD_EXAMPLES", "60"))
"""For each test; whoever has time looks further: ODD_EXAMPLES=2000."""
looked_for = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)

ODD = [
    "", " ", "0", "-1", "1.5", "1e999", "-1e999", "nan", "inf", "-0", "²", "٣", "𝟙", "9" * 30, "9" * 5000,
    "-" + "9" * 30,
    "9223372036854775807", "9223372036854775808", "2147483648", "0x10", "1_000", "+1", "9999-12-31", "0001-01-01",
    "0000-00-00", "2026-02-30", "10000-01-01", "9999-12-31T23:59:59.999999Z", "\x00", "a\x00b", "%", "%00", "_", "\\",
    "'", '"', "<script>", "{{ 7 }}", "../../etc/passwd", "a" * 5000, "\u202e", "\ud7ff", "🤖", "nan:5", "inf:1",
    "1e400:3",
    "0.5:²", "0.5:" + "9" * 18, ":", "a:b:c", "true", "None", "null", "[]", "{}", "1,²,3", "1," * 3000,
    "00000000-0000-0000-0000-000000000000", "c9c69d4c725447ad92505862ba414105", "//example.org", "https://example.org",
]  # fmt: skip
odd = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
    st.dates().map(str),
)

READ = [
    "/", "/history/", "/history/images.csv", "/compare/", "/metrics/", "/images/{uuid}/", "/images/{uuid}/status/",
    "/images/{uuid}/card/", "/images/{uuid}/dispute/", "/images/{uuid}/heat-toggle/", "/shared/{token}/",
    "/batches/", "/batches/{batch}/", "/batches/{batch}/status/", "/batches/{batch}/files.csv",
    "/account/tokens/", "/account/delete/", "/accounts/email/", "/accounts/password/change/",
]  # fmt: skip
VISITED = ["/", "/metrics/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
ADMINISTERED = [
    "/admin/", "/admin/drift/", "/admin/autocomplete/", "/admin/classifier/detector/compare/",
    "/admin/classifier/detector/{detector}/promote/", "/admin/classifier/detector/{detector}/change/",
    "/admin/classifier/image/relabel/", "/admin/classifier/image/review/", "/admin/classifier/image/{image}/change/",
    "/admin/classifier/trainingrun/{run}/status/", "/admin/classifier/trainingrun/add/",
    "/admin/classifier/importbatch/add/", "/admin/classifier/allowance/add/",
    *(f"/admin/classifier/{model}/" for model in (
        "allowance", "datasetversion", "detector", "dispute", "image", "importbatch", "invitation", "measurement",
        "promotion", "regressioncase", "rescoring", "trainingrun")),
    "/admin/auth/user/add/", "/admin/auth/group/add/", "/admin/account/emailaddress/add/",
    "/admin/classifier/invitation/add/", "/admin/auth/user/", "/admin/mfa/authenticator/",
    "/admin/account/emailaddress/",
]  # fmt: skip
NAMES = [
    *HistoryFilter.base_filters, "before", "after", "layout", "show", "image", "seen", "selectable", "next", "email",
    "days",
    "ids", "dataset", "a", "b", "tag", "tags", "add", "order", "page",
    "app_label", "model_name", "field_name", "term", "e", "o", "p", "all", "_to_field", "_popup", "_changelist_filters",
    "user", "groups", "permissions", "expires_at", "username",
    "name", "epochs", "minutes", "seed", "architecture", "start", "owner", "agreement", "outcome__exact",
    "label__exact", "contested__exact", "consent__exact", "state__exact", "verdict__detector__id__exact", "id__in",
    "created_at__gte", "type__exact", "active__exact", "architecture__exact", "is_staff__exact", "pk__gt",
]  # fmt: skip
POSTED = {
    "/history/delete/": ["image", "back"],
    "/history/again/": ["image", "back"],
    "/history/tag/": ["image", "back", "tag", "name", "tags"],
    "/history/untag/": ["image", "back", "tag", "name", "tags"],
    "/batches/start/": ["name", "consent", "expected", "size"],
    "/batches/{batch}/act/": ["act", "name"],
    "/batches/{batch}/delete/": ["images"],
    "/batches/{batch}/share/": ["days"],
    "/images/{uuid}/consent/": ["consent"],
    "/images/{uuid}/share/": ["days"],
    "/images/{uuid}/dispute/": ["claim", "category", "how", "agreed"],
    "/account/delete/": ["password"],
    "/account/tokens/": ["name", "scopes", "days"],
    "/accounts/email/": ["email", "action_add", "action_send", "action_primary", "action_remove"],
}
STAFF_POSTED = {
    "/admin/classifier/datasetversion/freeze/": ["note"],
    "/admin/classifier/image/review/": ["act", "image", "note", "category", "near"],
    "/admin/classifier/image/relabel/": ["ids", "label", "reason"],
    "/admin/classifier/image/": ["action", "_selected_action", "select_across", "index"],
    "/admin/classifier/detector/{detector}/measure/": ["dataset", "back"],
    "/admin/classifier/detector/{detector}/promote/": ["reason"],
    "/admin/classifier/detector/rollback/": ["reason"],
    "/admin/classifier/trainingrun/add/": [
        "name", "dataset", "architecture", "start", "epochs", "minutes", "seed"],
    "/admin/classifier/allowance/add/": ["owner", "uploads_per_hour", "storage_mb", "note"],
    "/admin/classifier/invitation/add/": ["email", "expires_at_0", "expires_at_1"],
    "/admin/classifier/importbatch/add/": ["source", "license"],
}  # fmt: skip
SENSIBLE = {
    "act": ["skip", "REAL", "undo", "again", "rename", "pause"], "label": ["REAL", "FAKE"],
    "category": ["PHOTO", "photo", "other"],
    "claim": ["REAL", "FAKE"], "agreed": ["on"], "scopes": ["read"], "days": ["3"], "how": ["I was there"],
    "action": ["relabel", "keep_right", "delete_selected"], "architecture": ["vit", "fusion"], "start": ["scratch"],
}  # fmt: skip
"""Values that lead further in, where an odd one beside them may do harm."""


@pytest.fixture
def known(classified, staff):
    detector = classified.verdict.detector
    dataset = DatasetVersion.objects.create(number=1, digest="0" * 64, summary={"splits": {}})
    Measurement.objects.create(detector=detector, dataset=dataset)
    run = TrainingRun.objects.create(name="first", dataset=dataset)
    batch = batching.start(classified.owner, "holidays", True, 1)
    rows = {"batch": batch.uuid, "image": classified.pk, "detector": detector.pk, "run": run.pk}
    return {**rows, "uuid": classified.uuid, "token": sharing.share(classified, 3).token}


def status(client, method, path, data=None):
    """What a request gets, which changes nothing that lasts."""
    client.raise_request_exception = False
    cookies = client.cookies.copy()
    cache.clear()
    with transaction.atomic():
        response = getattr(client, method)(path, data)
        code = response.status_code
        if response.streaming:  # which is where its query runs
            body(response)
        transaction.set_rollback(True)
    client.cookies = cookies
    return code


queries = st.lists(st.tuples(st.sampled_from(NAMES), odd), min_size=1, max_size=4)


@looked_for
@given(path=st.sampled_from(READ), query=queries)
@example("/history/", [("until", "9999-12-31")])
@example("/history/", [("before", "9" * 30)])
@example("/history/", [("sort", "score"), ("before", "nan:²")])
@example("/compare/", [("image", "²"), ("image", "\x00")])
def test_no_parameter_of_a_page_is_a_server_error(known, as_alice, path, query):
    assert status(as_alice, "get", f"{path.format(**known)}?{urlencode(query, errors='replace')}") < 500


@looked_for
@given(path=st.sampled_from(VISITED), query=queries)
def test_no_parameter_of_a_page_for_strangers_is_a_server_error(known, client, path, query):
    assert status(client, "get", f"{path}?{urlencode(query, errors='replace')}") < 500


@looked_for
@given(path=st.sampled_from(ADMINISTERED), query=queries)
@example("/admin/classifier/image/relabel/", [("ids", "²," + "9" * 30)])
@example("/admin/classifier/detector/compare/", [("dataset", "9" * 30), ("a", "\x00")])
@example("/admin/classifier/trainingrun/add/", [("dataset", "9" * 30)])
def test_no_parameter_of_the_administration_is_a_server_error(known, as_staff, path, query):
    assert status(as_staff, "get", f"{path.format(**known)}?{urlencode(query, errors='replace')}") < 500


def posts(pages):
    """A page with values for its own fields: an odd one, or one that leads further in."""

    def fields_of(path):
        fields = {name: st.one_of(odd, st.sampled_from([*SENSIBLE.get(name, []), "1"])) for name in pages[path]}
        return st.tuples(st.just(path), st.fixed_dictionaries({}, optional=fields))

    return st.sampled_from(sorted(pages)).flatmap(fields_of)


@looked_for
@given(post=posts(POSTED))
def test_no_posted_field_is_a_server_error(known, as_alice, post):
    assert status(as_alice, "post", post[0].format(**known), post[1]) < 500


@looked_for
@given(post=posts(STAFF_POSTED))
@example(("/admin/classifier/allowance/add/", {"owner": "²"}))
@example(("/admin/classifier/image/", {"action": "relabel", "_selected_action": ""}))
@example(("/admin/classifier/image/review/", {"act": "REAL", "image": "9" * 30, "near": "²"}))
@example(("/admin/classifier/image/review/", {"act": "REAL", "image": "1", "note": "\x00"}))
@example(("/admin/classifier/detector/{detector}/measure/", {"dataset": "²"}))
@example(("/admin/classifier/image/relabel/", {"ids": "1", "label": "REAL", "reason": "a\x00b"}))
def test_no_field_that_staff_post_is_a_server_error(known, as_staff, post):
    assert status(as_staff, "post", post[0].format(**known), post[1]) < 500


IN_ADDRESSES = [
    "/images/{}/", "/images/{}/original", "/shared/{}/", "/shared/{}/report.pdf", "/invitation/{}/", "/admin/{}/",
    "/admin/classifier/image/{}/change/", "/admin/classifier/image/{}/", "/admin/classifier/image/{}/delete/",
    "/admin/classifier/detector/{}/promote/", "/admin/classifier/detector/{}/history/", "/admin/r/{}/1/",
    "/admin/r/1/{}/",
    "/admin/auth/user/{}/password/", "/admin/classifier/trainingrun/{}/status/", "/accounts/confirm-email/{}/",
    "/accounts/password/reset/key/{}/", "/accounts/2fa/webauthn/keys/{}/edit/", "/account/tokens/{}/revoke/", "/{}",
]  # fmt: skip


@looked_for
@given(address=st.sampled_from(IN_ADDRESSES), value=odd)
@example("/admin/classifier/image/{}/change/", "9" * 30)
@example("/admin/classifier/detector/{}/promote/", "9" * 30)
@example("/shared/{}/", "\x00")
def test_no_part_of_an_address_is_a_server_error(known, as_staff, address, value):
    assert status(as_staff, "get", address.format(quote(value, safe="", errors="replace"))) < 500


def test_bytes_that_are_no_text_are_no_server_error(known, as_alice, client):
    for path in ("/history/?q=%ff%fe", "/history/?%ff=%00", "/shared/%ff%fe/", "/%ff"):
        assert as_alice.get(path).status_code < 500
    assert (
        client.post("/accounts/login/", b"login=%ff&password=%00", "application/x-www-form-urlencoded").status_code
        < 500
    )


def test_every_parameter_that_the_code_reads_is_among_those_above():
    """A new one fails here until it has been tried with odd values."""
    asked = re.compile(r"""(?:GET|POST|query)\.(?:get|getlist)\(\s*"(\w+)\"""")
    folders = [ROOT / "classifier" / folder for folder in ("views", "admin", "results", "forms")]
    read = {name for folder in folders for file in folder.glob("*.py") for name in asked.findall(file.read_text())}
    tried = {*NAMES, *(name for names in (*POSTED.values(), *STAFF_POSTED.values()) for name in names)}
    assert len(read) > 10 and not read - tried


cells = st.one_of(odd, st.sampled_from(["REAL/a.jpg", "a.jpg", "REAL", "FAKE", "real", "CC0"]))


def table_of(rows):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["path", "label", "source", "license", "kind"])
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def zip_of(table):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.csv", table)
        archive.writestr("REAL/a.jpg", b"")
    file.seek(0)
    return file


@looked_for
@given(table=st.one_of(st.lists(st.lists(cells, max_size=8), max_size=4).map(table_of), st.binary(max_size=200)))
@example(table_of([["REAL/a.jpg", "REAL", "a" * 200_000, "CC0", ""]]))
@example(b'path,label\n"REAL/a.jpg,REAL\n')
@example(b"path,label\nREAL/a.jpg,RE\x00AL\n")
def test_a_table_inside_a_zip_is_followed_or_refused_with_a_sentence(table):
    try:
        entries = collection.entries_of(collection.open_collection(zip_of(table)))
    except DatasetError as error:
        assert error.sentence
    else:
        assert all(entry.label in ("REAL", "FAKE") for entry in entries)


@looked_for
@given(table=st.one_of(st.lists(st.lists(cells, max_size=8), max_size=4).map(table_of), st.binary(max_size=200)))
@example(table_of([["REAL/a.jpg", "REAL", "a" * 200_000, "CC0", ""]]))
@example(b"\xff\xfe")
def test_a_manifest_is_read_or_refused_with_a_sentence(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "odd.csv"
    path.write_bytes(table)
    try:
        manifest.read(path)
    except DatasetError as error:
        assert error.sentence


def test_an_over_long_field_of_a_zip_is_said_on_the_form(known, as_staff):
    file = zip_of(table_of([["REAL/a.jpg", "REAL", "a" * 200_000, "CC0", ""]]))
    data = {"archive": SimpleUploadedFile("a.zip", file.read()), "license": "CC0", "source": "x"}
    response = as_staff.post("/admin/classifier/importbatch/add/", data)
    assert response.status_code == 200 and "manifest.csv" in response.content.decode()
