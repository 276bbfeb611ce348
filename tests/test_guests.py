"""One picture without an account: for its session alone, for an hour, never for staff."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from classifier.intake import guests, neighbours, quotas, retention
from classifier.labelling import queue
from classifier.learning import drift
from classifier.models import Comparison, Image, State
from tests import factories
from tests.pictures import jpeg
from tests.responses import body
from tests.test_upload import messages_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def send(client, *files, **extra):
    chosen = [SimpleUploadedFile(name, data) for name, data in files or [("mine.jpg", jpeg(1))]]
    return client.post("/check/", {"images": chosen}, **extra)


@pytest.fixture
def guest(client):
    """The guest's browser, with a picture that is judged."""
    send(client, ("secret-holiday.jpg", jpeg(1)))
    factories.judged(Image.objects.get())
    return client


def test_the_landing_page_takes_a_picture_and_leads_to_its_page(client, wakeups, django_capture_on_commit_callbacks):
    page = client.get("/").content.decode()
    assert 'action="/check/"' in page and "deleted after an hour" in page
    with django_capture_on_commit_callbacks(execute=True):
        response = send(client)
    image = Image.objects.get()
    assert response.url == image.get_absolute_url() and len(wakeups) == 1
    assert (image.state, image.consent, image.bulk, len(image.guest)) == (State.WAITING, False, False, 32)
    assert "Next in the queue" in client.get(response.url).content.decode()


def test_a_guest_sees_picture_and_verdict_and_may_delete_both(guest):
    image = Image.objects.get()
    page = guest.get(image.get_absolute_url())
    text = page.content.decode()
    assert "AI-generated" in text and "deleted an hour after" in text and "no-store" in page["Cache-Control"]
    for absent in ("Dispute", "Make a link", "History</a>", "Analyse again", "Original file", "Tags"):
        assert absent not in text, absent
    for kind in ("thumbnail", "display", "heat"):
        assert body(guest.get(f"/images/{image.uuid}/{kind}"))
    assert guest.get(f"/images/{image.uuid}/status/").status_code == 200
    assert guest.post(f"/images/{image.uuid}/delete/").url == "/"
    assert not Image.objects.exists()


@pytest.mark.parametrize("name", ["", "status/", "thumbnail", "display", "heat", "heat-toggle/"])
def test_nobody_else_sees_it(guest, as_alice, as_staff, settings, name):
    settings.REVIEW_SCOPE = "all"
    address = f"/images/{Image.objects.get().uuid}/{name}"
    assert as_alice.get(address).status_code == 404
    assert as_staff.get(address).status_code == 404
    anonymous = Client().get(address)
    assert anonymous.status_code == 302 and anonymous.url.startswith("/accounts/login/")
    other = Client()
    send(other, ("other.jpg", jpeg(2)))
    assert other.get(address).status_code == 404


def test_a_guest_sees_nobody_elses_and_may_do_nothing_else(guest, classified):
    for name in ("", "status/", "display", "report.json", "original"):
        assert guest.get(f"/images/{classified.uuid}/{name}").status_code in (302, 404)
    own = Image.objects.exclude(guest="").get()
    for name in ("again/", "consent/", "dispute/", "share/", "tags/"):
        assert guest.post(f"/images/{own.uuid}/{name}").status_code in (302, 404)
    assert guest.get(f"/images/{own.uuid}/original").status_code == 404
    own.refresh_from_db()
    assert (own.state, own.consent, own.disputes.count(), own.shares.count()) == (State.DONE, False, 0, 0)


def test_whoever_logs_in_no_longer_is_a_guest(guest, alice):
    image = Image.objects.get()
    guest.force_login(alice)
    assert guest.get(image.get_absolute_url()).status_code == 404
    assert guest.get("/check/").url == "/" and send(guest, ("b.jpg", jpeg(5))).url == "/"
    assert Image.objects.count() == 1


def test_one_picture_at_a_time(client):
    response = send(client, ("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)))
    assert "one picture at a time" in response.content.decode() and not Image.objects.exists()
    first = send(client, ("a.jpg", jpeg(1)))
    second = send(client, ("b.jpg", jpeg(2)))
    assert second.url == first.url and Image.objects.count() == 1
    assert "not judged yet" in messages_of(client.get(second.url))[0]
    factories.judged(Image.objects.get())
    assert send(client, ("b.jpg", jpeg(2))).url != first.url


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [("x.jpg", b"text", "x.jpg: it is not an image"), ("x.zip", b"PK", "x.zip: expected a zip")],
)
def test_a_bad_file_is_explained_on_the_landing_page(client, name, data, said):
    assert said in send(client, (name, data)).content.decode()
    answer = send(client, (name, data), headers={"X-Requested-With": "XMLHttpRequest"})
    assert said in answer.json()["errors"][0] and not Image.objects.exists()


def test_nothing_chosen_is_explained(client):
    assert "Choose at least one image" in client.post("/check/", {}).content.decode()


def test_two_guests_with_the_same_bytes_know_nothing_of_each_other(client):
    other = Client()
    assert send(client).url != send(other).url
    assert Image.objects.count() == 2 and len({image.guest for image in Image.objects.all()}) == 2


def test_the_same_picture_again_leads_to_the_same_page(guest):
    assert send(guest, ("renamed.jpg", jpeg(1))).url == Image.objects.get().get_absolute_url()


def test_pictures_of_guests_are_deleted_after_an_hour_with_their_files(
    guest, picture, settings, django_capture_on_commit_callbacks
):
    """By what every sweep of a worker calls, whether anything else is ever deleted or not."""
    settings.RETENTION_DAYS = 0
    image = Image.objects.exclude(guest="").get()
    Image.objects.update(created_at=timezone.now() - timedelta(minutes=59))
    assert retention.delete_expired() == 0
    Image.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    with django_capture_on_commit_callbacks(execute=True):
        assert retention.delete_expired() == 1
    assert Image.objects.get() == picture
    assert not any(file.storage.exists(file.name) for file in image.files if file)
    assert guest.get(image.get_absolute_url()).status_code == 404


def test_an_address_may_send_so_many_an_hour(client, settings):
    settings.GUEST_CHECKS_PER_HOUR = 2
    for number in (1, 2):
        send(client, (f"{number}.jpg", jpeg(number)))
        factories.judged(Image.objects.get(name=f"{number}.jpg"))
    text = send(client, ("3.jpg", jpeg(3))).content.decode()
    assert "2 pictures were checked within an hour" in text and "Try again in 60 minutes" in text
    assert send(Client(), ("3.jpg", jpeg(3))).status_code == 200, "another browser of the same address"
    assert Image.objects.count() == 2
    assert send(Client(), ("3.jpg", jpeg(3)), REMOTE_ADDR="203.0.113.9").status_code == 302


def test_an_ipv6_network_is_one_address_and_none_is_kept(settings):
    settings.GUEST_CHECKS_PER_HOUR = 1
    guests.count("2001:db8:1:2::1")
    assert guests.objection("2001:db8:1:2:ffff::9") and not guests.objection("2001:db8:1:3::1")
    assert "2001" not in guests._key("2001:db8:1:2::1")
    assert not guests.objection("") and not guests.objection("nonsense")


def test_bad_files_do_not_use_up_the_limit(client, settings):
    settings.GUEST_CHECKS_PER_HOUR = 1
    send(client, ("x.jpg", b"text"))
    assert send(client).status_code == 302


def test_a_large_request_of_somebody_who_is_refused_anyway_is_not_read(client, settings):
    settings.GUEST_CHECKS_PER_HOUR = 1
    guests.count("127.0.0.1")
    assert send(client, ("big.jpg", bytes(3_000_000))).status_code == 413


def test_guests_can_be_switched_off(guest, settings):
    settings.GUEST_CHECKS = False
    assert 'action="/check/"' not in Client().get("/").content.decode()
    assert send(Client()).status_code == 404 and Image.objects.count() == 1
    assert guest.get(Image.objects.get().get_absolute_url()).status_code == 302


def test_nobody_can_log_in_as_the_guests_account(guest):
    account = User.objects.get(username=guests.ACCOUNT)
    assert not account.is_active and not account.has_usable_password()


def test_a_quota_for_one_person_is_none_for_all_guests(settings, client):
    settings.UPLOADS_PER_HOUR = 1
    assert send(client).status_code == 302 and send(Client(), ("b.jpg", jpeg(2))).status_code == 302
    assert quotas.room_of(guests.account()).uploads == 0


STAFF_PAGES = [
    "/admin/",
    "/admin/classifier/image/",
    "/admin/classifier/image/?q=secret",
    "/admin/classifier/image/review/",
    "/admin/classifier/dispute/",
    "/admin/drift/",
    "/history/",
    "/history/images.csv",
]


def test_staff_never_see_a_guests_picture(guest, as_staff, settings):
    """Not even where an organisation reviews everything."""
    settings.REVIEW_SCOPE = "all"
    image = Image.objects.get()
    for address in STAFF_PAGES:
        response = as_staff.get(address)
        text = body(response).decode() if response.streaming else response.content.decode()
        assert "secret-holiday" not in text and str(image.uuid) not in text, address
    for address in (f"/admin/classifier/image/{image.pk}/change/", f"/admin/classifier/image/{image.pk}/history/"):
        assert as_staff.get(address).status_code in (302, 404)
    page = as_staff.get(f"/admin/classifier/image/relabel/?ids={image.pk}").content.decode()
    assert "secret-holiday" not in page
    as_staff.post(f"/admin/classifier/image/relabel/?ids={image.pk}", {"label": "REAL", "reason": "x", "ids": image.pk})
    image.refresh_from_db()
    assert image.label == "" and image.labels.count() == 0


def test_a_guests_picture_enters_no_dataset_no_queue_no_drift_and_no_comparison(guest, staff, settings):
    settings.REVIEW_SCOPE, settings.AUDIT_SHARE = "all", 1.0
    image = Image.objects.get()
    assert not Image.objects.reviewable().exists() and not Image.objects.trainable().exists()
    assert not image.reviewable and not image.trainable
    assert queue.next_for_review(staff) is None and queue.next_for_review(staff, seed=0.5) is None
    assert drift.by_week() == [] and drift.waiting_sample() == 0
    assert not neighbours.compare_next() and not Comparison.objects.exists()


def test_the_label_command_leaves_it_out(guest, staff, settings):
    settings.REVIEW_SCOPE = "all"
    image = Image.objects.get()
    call_command("label", "REAL", image.sha256, "--reason", "known")
    image.refresh_from_db()
    assert image.label == "" and not image.labels.exists()
