"""The audit log: what staff do and look at leaves a row, and no row keeps what an owner may delete."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.urls import get_resolver, reverse
from django.utils import timezone

from classifier import tasks
from classifier.accounts import trail
from classifier.labelling import disputes
from classifier.models import AuditedImage, AuditEntry, Image, State
from classifier.views import recording
from tests.conftest import person
from tests.test_history import make
from tests.test_imports import FILES, packed

pytestmark = pytest.mark.postgres

LIST = "/admin/classifier/image/"
REVIEW = f"{LIST}review/"
LOG = "/admin/classifier/auditentry/"


def entries(**which):
    return [(entry.who, entry.act, entry.kind, entry.number) for entry in AuditEntry.objects.filter(**which)]


def images_of(entry):
    return {(row.number, row.owner.username if row.owner else None) for row in entry.images.all()}


def last():
    return AuditEntry.objects.first()


def test_who_opened_whose_image_page_is_recorded_and_the_owners_own_look_is_not(classified, as_staff, as_alice, as_bob):
    for client in (as_alice, as_bob):
        client.get(classified.get_absolute_url())
    assert not AuditEntry.objects.exists()
    as_staff.get(classified.get_absolute_url())
    assert entries() == [("staff", "looked", "image", classified.pk)]
    assert images_of(last()) == {(classified.pk, "alice")}


def test_the_parts_of_a_page_belong_to_the_same_look_for_a_while(classified, as_staff):
    def look():
        for name in ("image_display", "image_thumbnail", "image_status"):
            b"".join(as_staff.get(reverse(name, args=[classified.uuid])))
        return AuditEntry.objects.count()

    assert look() == 1, "a picture by its address is a look"
    as_staff.get(classified.get_absolute_url())
    assert look() == 2, "each opening of the page is one"
    AuditEntry.objects.update(at=timezone.now() - trail.AGAIN - timedelta(seconds=1))
    assert look() == 3


def test_a_plain_list_names_every_image_that_it_showed(as_staff, alice, bob):
    mine, theirs = make(alice, 2, consent=True), make(bob, 1)
    as_staff.get(f"{LIST}?outcome=REAL&q=secret-name")
    as_staff.get(LIST)
    as_staff.get(LIST)
    assert entries() == [("staff", "listed", "image", None)] * 3
    assert images_of(last()) == {*((one.pk, "alice") for one in mine), (theirs[0].pk, "bob")} and last().count == 3
    filtered = AuditEntry.objects.last()
    assert filtered.note == "outcome, q" and filtered.count == 0


def test_labels_skips_and_undos_are_recorded_from_review_and_relabelling(as_staff, alice, detector):
    image = make(alice, 1, consent=True, state=State.DONE, outcome="FAKE", score=0.2)[0]
    as_staff.get(REVIEW)
    for act in ("FAKE", "undo", "skip"):
        as_staff.post(REVIEW, {"image": image.pk, "act": act})
    as_staff.post(f"{LIST}relabel/?ids={image.pk}", {"label": "REAL", "reason": "he showed the negative"})
    acts = [(entry.act, entry.note) for entry in AuditEntry.objects.order_by("pk")]
    assert acts == [("looked", ""), ("labelled", "FAKE"), ("took back", ""), ("skipped", ""), ("labelled", "REAL")]
    assert all(images_of(entry) == {(image.pk, "alice")} for entry in AuditEntry.objects.all())


def test_what_the_detectors_pages_do_is_recorded(as_staff, detector):
    as_staff.get(f"/admin/classifier/detector/{detector.pk}/change/")
    as_staff.post(f"/admin/classifier/detector/{detector.pk}/promote/")
    as_staff.post("/admin/classifier/detector/rollback/")
    as_staff.post("/admin/classifier/datasetversion/freeze/")
    kinds = [(act, kind) for _, act, kind, _ in entries()]
    assert kinds == [("tried", "datasetversion"), ("tried", "detector"), ("tried", "detector"), ("looked", "detector")]


def test_imports_are_recorded_with_their_number(as_staff):
    file = SimpleUploadedFile("own.zip", packed(FILES))
    page = as_staff.post("/admin/classifier/importbatch/add/", {"archive": file, "source": "", "license": "CC0"})
    number = int(page.url.split("/")[-3])
    assert entries() == [("staff", "imported", "importbatch", number)]
    as_staff.post(f"/admin/classifier/importbatch/{number}/cancel/")
    assert entries()[0] == ("staff", "cancelled", "importbatch", number)


def test_pages_of_other_apps_leave_their_trail_too(as_staff, alice):
    as_staff.get(f"/admin/auth/user/{alice.pk}/change/")
    as_staff.get("/admin/auth/user/")
    assert entries() == [("staff", "listed", "user", None), ("staff", "looked", "user", alice.pk)]


def test_a_refusal_is_recorded_and_a_form_to_fill_in_again_is_not(sign_in, classified, as_staff):
    newcomer = sign_in(person("newcomer", is_staff=True))
    newcomer.get(f"{LIST}{classified.pk}/change/")
    assert entries() == [("newcomer", "refused", "image", classified.pk)] and not AuditedImage.objects.exists()
    as_staff.get("/admin/classifier/importbatch/add/")
    as_staff.post("/admin/classifier/importbatch/add/", {})
    assert len(entries()) == 1


def test_what_cannot_be_recorded_is_not_shown_but_the_status_page_is(classified, as_staff, monkeypatch):
    def broken(*args, **kwargs):
        raise OperationalError("disk full")

    monkeypatch.setattr(trail, "write", broken)
    for url in (classified.get_absolute_url(), reverse("image_display", args=[classified.uuid]), LIST):
        response = as_staff.get(url)
        assert response.status_code == 503 and "could not be recorded" in response.content.decode()
        assert "holiday.jpg" not in response.content.decode()
    assert as_staff.get("/admin/status/").status_code == 200 and as_staff.get("/admin/").status_code == 200


def test_an_owners_deletion_leaves_a_number_and_no_more(classified, as_alice, as_staff, alice):
    secrets = [classified.name, classified.sha256, str(classified.uuid)]
    disputes.dispute(classified, "REAL", "I took it at the lake.", "night")
    as_staff.get(f"{LIST}{classified.pk}/change/")
    as_staff.get("/admin/classifier/dispute/")
    as_staff.post(LIST, {"action": "keep_right", "_selected_action": [classified.pk]})
    as_staff.post(LIST, {"action": "delete_selected", "_selected_action": [classified.pk]})
    as_alice.post(reverse("image_delete", args=[classified.uuid]))
    assert not Image.objects.exists() and AuditEntry.objects.count() == 4
    kept = str(list(AuditEntry.objects.values())) + str(list(AuditedImage.objects.values()))
    assert not any(secret in kept for secret in [*secrets, "lake"]) and not LogEntry.objects.exists()
    User.objects.get(username="alice").delete()
    assert {row.owner for row in AuditedImage.objects.all()} == {None}
    page = as_staff.get(LOG).content.decode()
    assert f"{LIST}{classified.pk}/change/" in page and "alice" not in page and classified.name not in page


def test_deleting_in_the_administration_keeps_no_name_either(classified, as_staff):
    as_staff.post(f"{LIST}{classified.pk}/delete/", {"post": "yes"})
    assert entries() == [("staff", "deleted", "image", classified.pk)] and not LogEntry.objects.exists()


def test_a_staff_account_that_is_deleted_keeps_its_name_in_the_log(classified, as_staff, staff):
    as_staff.get(classified.get_absolute_url())
    staff.delete()
    assert last().by is None and last().who == "staff"


def test_the_log_is_read_only_searched_by_image_and_owner_and_for_those_who_may(classified, as_staff, sign_in, staff):
    as_staff.get(classified.get_absolute_url())
    entry = last()
    for query, found in ((str(classified.pk), 1), ("alice", 1), ("staff", 1), ("bob", 0), ("9" * 30, 0), ("²", 0)):
        page = as_staff.get(LOG, {"q": query, "act__exact": "looked", "kind__exact": "image"})
        assert page.status_code == 200 and len(page.context["cl"].result_list) == found, query
    assert as_staff.get(f"{LOG}{entry.pk}/change/").status_code == 200
    assert as_staff.get(f"{LOG}add/").status_code == 403
    assert as_staff.post(f"{LOG}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    labeller = person("labeller", is_staff=True)
    labeller.user_permissions.add(Permission.objects.get(codename="view_image"))
    assert sign_in(labeller).get(LOG).status_code == 403


def test_old_entries_are_deleted(classified, as_staff, settings):
    as_staff.get(classified.get_absolute_url())
    as_staff.get(LIST)
    settings.AUDIT_DAYS = 30
    AuditEntry.objects.filter(act="looked").update(at=timezone.now() - timedelta(days=31))
    tasks.clear_sessions()
    assert [entry.act for entry in AuditEntry.objects.all()] == ["listed"] and AuditedImage.objects.count() == 1
    settings.AUDIT_DAYS = 0
    assert trail.forget_old() == 0


def admin_pages(resolver=None, prefix=""):
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from admin_pages(pattern, route)
        elif route.startswith("admin/") and pattern.name:
            yield pattern.name


def test_every_page_of_the_administration_is_known_to_the_trail():
    """A new page must say in `recording` what it is to look at it and to send its form."""
    names = set(admin_pages()) - recording.SILENT - {"drift"}
    pages = {name.split("_", 2)[-1] for name in names}
    assert {"changelist", "review", "promote"} <= pages
    assert pages <= set(recording.PAGES), pages - set(recording.PAGES)


def test_commands_leave_their_trail(classified, staff, capsys):
    call_command("label", "REAL", str(classified.pk), reason="he showed the negative", by="staff")
    assert entries() == [("staff", "labelled", "image", None)] and "command line" in last().note
    assert images_of(last()) == {(classified.pk, "alice")}
    with pytest.raises(CommandError):
        call_command("rollback")
    assert len(entries()) == 1
