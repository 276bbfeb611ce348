"""Every page and file: it works for its owner, anonymous is redirected, a stranger gets 404, a wrong method 405."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tests.conftest import person
from tests.responses import body

IMAGE_PAGES = {
    "image": "get",
    "image_status": "get",
    "image_card": "get",
    "image_thumbnail": "get",
    "image_display": "get",
    "image_original": "get",
    "image_again": "post",
    "image_heat": "get",
    "image_heat_toggle": "get",
    "image_consent": "post",
    "image_dispute": "get",
    "image_dispute_withdraw": "post",
    "report_json": "get",
    "report_pdf": "get",
    "image_share": "post",
    "image_unshare": "post",
    "image_delete": "post",
}
OWN_PAGES = {
    "history": "get",
    "history_csv": "get",
    "compare": "get",
    "history_delete": "post",
    "history_again": "post",
    "history_tag": "post",
    "history_untag": "post",
    "my_data": "post",
    "delete_account": "get",
}
OWNER_ONLY = {
    "image_original",
    "image_again",
    "image_delete",
    "image_consent",
    "image_dispute",
    "image_dispute_withdraw",
    "report_json",
    "report_pdf",
    "image_share",
    "image_unshare",
}


def url_of(name, image):
    return reverse(name, args=[image.uuid])


def consume(response):
    if response.streaming:
        body(response)
    return response.status_code


@pytest.mark.parametrize("name", IMAGE_PAGES)
def test_alice_can_open_her_own(name, classified, as_alice):
    response = getattr(as_alice, IMAGE_PAGES[name])(url_of(name, classified))
    assert consume(response) in (200, 302)


@pytest.mark.parametrize("name", IMAGE_PAGES)
def test_bob_cannot_open_alices_image(name, classified, as_bob):
    assert getattr(as_bob, IMAGE_PAGES[name])(url_of(name, classified)).status_code == 404


@pytest.mark.parametrize("name", IMAGE_PAGES)
def test_anonymous_is_sent_to_the_log_in(name, classified):
    response = getattr(Client(), IMAGE_PAGES[name])(url_of(name, classified))
    assert response.status_code == 302 and response.url.startswith("/accounts/login/")


@pytest.mark.parametrize("name", IMAGE_PAGES)
def test_the_wrong_method_is_refused(name, classified, as_alice):
    other = "put" if name == "image_dispute" else {"get": "post", "post": "get"}[IMAGE_PAGES[name]]
    assert getattr(as_alice, other)(url_of(name, classified)).status_code == 405


@pytest.mark.parametrize("name", OWN_PAGES)
def test_pages_without_an_image_want_a_log_in(name, client, as_alice, db):
    anonymous = getattr(client, OWN_PAGES[name])(reverse(name))
    assert anonymous.status_code == 302 and anonymous.url.startswith("/accounts/login/")
    assert consume(getattr(as_alice, OWN_PAGES[name])(reverse(name))) in (200, 302)
    assert as_alice.put(reverse(name)).status_code == 405


@pytest.mark.parametrize("name", [name for name, method in (IMAGE_PAGES | OWN_PAGES).items() if method == "get"])
def test_head_answers_where_get_does(name, classified, as_alice):
    url = url_of(name, classified) if name in IMAGE_PAGES else reverse(name)
    assert consume(as_alice.head(url)) == consume(as_alice.get(url)) < 400


@pytest.mark.parametrize("name", IMAGE_PAGES)
def test_staff_may_look_but_not_act(name, classified, as_staff):
    response = getattr(as_staff, IMAGE_PAGES[name])(url_of(name, classified))
    assert consume(response) == (404 if name in OWNER_ONLY else 200)


@pytest.mark.parametrize("name", ["image_thumbnail", "image_display"])
def test_staff_never_see_a_picture_without_consent(name, classified, as_staff, settings):
    type(classified).objects.update(consent=False)
    assert as_staff.get(url_of(name, classified)).status_code == 404
    page = as_staff.get(classified.get_absolute_url()).content.decode()
    assert "did not consent" in page and "/display" not in page
    settings.REVIEW_SCOPE = "all"
    assert consume(as_staff.get(url_of(name, classified))) == 200


def test_the_original_is_a_download_that_no_browser_interprets(classified, as_alice):
    response = as_alice.get(url_of("image_original", classified))
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    consume(response)


def test_copies_are_private_and_typed(classified, as_alice):
    response = as_alice.get(url_of("image_display", classified))
    assert response["Content-Type"] == "image/jpeg"
    assert "private" in response["Cache-Control"]
    consume(response)


def test_a_lost_file_is_a_404_and_no_server_error(classified, as_alice):
    classified.display.storage.delete(classified.display.name)
    assert as_alice.get(url_of("image_display", classified)).status_code == 404


def test_media_is_never_routed(classified, as_alice):
    for path in (
        f"/media/{classified.original.name}",
        f"/{classified.original.name}",
        f"/static/../media/{classified.original.name}",
    ):
        assert as_alice.get(path).status_code == 404


def test_pages_forbid_foreign_content(as_alice):
    policy = as_alice.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "http" not in policy


def test_nobody_guesses_an_image(as_alice):
    assert as_alice.get("/images/00000000-0000-4000-8000-000000000000/").status_code == 404
    assert as_alice.get("/images/------------------------------------/").status_code == 404


LOOKED_AT = [name for name in IMAGE_PAGES if name not in OWNER_ONLY]


@pytest.mark.parametrize("name", IMAGE_PAGES)
def test_staff_without_any_permission_are_strangers(name, classified, sign_in):
    response = getattr(sign_in(person("newcomer", is_staff=True)), IMAGE_PAGES[name])(url_of(name, classified))
    assert response.status_code == 404


@pytest.mark.parametrize("name", LOOKED_AT)
@pytest.mark.parametrize("codename", ["view_image", "change_image"])
def test_staff_with_the_permission_look(name, codename, classified, sign_in):
    reader = person("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename=codename))
    assert consume(getattr(sign_in(reader), IMAGE_PAGES[name])(url_of(name, classified))) == 200


def test_the_permission_alone_opens_nothing_to_those_who_are_not_staff(classified, bob, sign_in):
    bob.user_permissions.add(Permission.objects.get(codename="view_image"))
    for name in LOOKED_AT:
        assert sign_in(bob).get(url_of(name, classified)).status_code == 404
