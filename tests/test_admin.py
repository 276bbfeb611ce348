"""Staff: see, filter, search, relabel; and what they never see."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from classifier.models import Dispute, Image, Label, RegressionCase
from tests.conftest import person
from tests.test_history import make

LIST = "/admin/classifier/image/"
RELABEL = "/admin/classifier/image/relabel/"


def test_the_list_shows_picture_verdict_score_owner_and_label(classified, as_staff):
    page = as_staff.get(LIST).content.decode()
    assert reverse("image_thumbnail", args=[classified.uuid]) in page
    assert "holiday.jpg" in page and "alice" in page
    assert classified.get_outcome_display() in page and f"{classified.verdict.score:.2f}" in page


def test_one_image_is_relabelled_with_a_reason_and_a_row(classified, as_staff, staff):
    response = as_staff.post(f"{RELABEL}?ids={classified.pk}", {"label": "FAKE", "reason": "six fingers"}, follow=True)
    page = response.content.decode()
    assert "1 image relabelled as AI-generated." in page and "six fingers" in page
    label = Label.objects.get()
    assert (label.by, label.old, label.new, label.reason) == (staff, "", "FAKE", "six fingers")
    classified.refresh_from_db()
    assert classified.label == "FAKE"


def test_every_change_adds_a_row_and_overwrites_none(classified, as_staff):
    for new in ("FAKE", "REAL", "REAL", "UNUSABLE"):
        as_staff.post(f"{RELABEL}?ids={classified.pk}", {"label": new, "reason": "why"})
    rows = Label.objects.order_by("pk").values_list("old", "new")
    assert list(rows) == [("", "FAKE"), ("FAKE", "REAL"), ("REAL", "UNUSABLE")]


def test_many_are_relabelled_by_the_action_and_those_without_consent_are_left_out(as_staff, alice):
    make(alice, 3, consent=True)
    make(alice, 2, consent=False)
    chosen = list(Image.objects.values_list("pk", flat=True))
    response = as_staff.post(LIST, {"action": "relabel", "_selected_action": chosen}, follow=True)
    page = response.content.decode()
    assert "3 images will be labelled." in page and "2 left out" in page
    as_staff.post(
        response.request["PATH_INFO"] + "?" + response.request["QUERY_STRING"], {"label": "REAL", "reason": "set"}
    )
    assert Image.objects.filter(label="REAL").count() == 3 == Label.objects.count()


def test_a_reason_is_required(classified, as_staff):
    page = as_staff.post(f"{RELABEL}?ids={classified.pk}", {"label": "FAKE", "reason": " "}).content.decode()
    assert "This field is required." in page and not Label.objects.exists()


def test_without_consent_the_row_is_there_and_the_picture_is_not(classified, as_staff, settings):
    Image.objects.update(consent=False)
    url = reverse("image_thumbnail", args=[classified.uuid])
    assert "holiday.jpg" in as_staff.get(LIST).content.decode() and url not in as_staff.get(LIST).content.decode()
    page = as_staff.get(f"{LIST}{classified.pk}/change/").content.decode()
    assert "did not consent" in page and "/display" not in page
    settings.REVIEW_SCOPE = "all"
    assert url in as_staff.get(LIST).content.decode()


def test_staff_without_the_permission_cannot_relabel(classified, sign_in):
    viewer = person("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_image"))
    client = sign_in(viewer)
    assert client.get(LIST).status_code == 200
    assert client.post(f"{RELABEL}?ids={classified.pk}", {"label": "FAKE", "reason": "x"}).status_code == 403
    assert not Label.objects.exists()


def test_ordinary_people_reach_none_of_it(classified, as_alice):
    for url in (LIST, RELABEL, f"{LIST}{classified.pk}/change/"):
        assert as_alice.get(url).status_code == 302


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("outcome=FAKE", 2),
        ("label__exact=REAL", 1),
        ("agreement=disagree", 1),
        ("agreement=agree", 0),
        ("consent__exact=1", 3),
        ("q=picture-001", 1),
        ("q=alice%40example.org", 3),
    ],
)
def test_filters_and_search(as_staff, alice, query, count):
    make(alice, 2, consent=True, outcome="FAKE")
    make(alice, 1, consent=True, outcome="INCONCLUSIVE")
    Image.objects.filter(name="picture-001.jpg").update(label="REAL")
    assert len(as_staff.get(f"{LIST}?{query}").context["cl"].result_list) == count


def test_the_lists_queries_are_constant(as_staff, alice):
    make(alice, 2)
    with CaptureQueriesContext(connection) as few:
        as_staff.get(LIST)
    make(alice, 40)
    with CaptureQueriesContext(connection) as many:
        as_staff.get(LIST)
    assert len(many) == len(few)


def test_many_are_relabelled_from_the_list_after_a_look_at_the_counts(as_staff, staff, alice):
    make(alice, 3, consent=True, outcome="FAKE", label="REAL", state="done")
    make(alice, 1, outcome="FAKE", state="done")
    ids = list(Image.objects.values_list("pk", flat=True))
    page = as_staff.post(LIST, {"action": "relabel", "_selected_action": ids}, follow=True)
    assert page.context["counts"] == [("Real photograph", "AI-generated", 3)] and page.context["left_out"] == 1
    chosen = {"ids": page.context["ids"], "label": "FAKE", "reason": ""}
    assert "required" in as_staff.post("/admin/classifier/image/relabel/", chosen).content.decode()
    assert not Image.objects.filter(label="FAKE").exists()
    other = Image.objects.order_by("pk").first()
    as_staff.post(LIST, {"action": "relabel", "_selected_action": [other.pk]})  # in another tab
    as_staff.post("/admin/classifier/image/relabel/", {**chosen, "reason": "all of one generator"})
    assert Image.objects.filter(label="FAKE").count() == 3, "what the page showed, not what another tab chose since"


@pytest.mark.postgres
def test_every_page_of_the_loop_has_a_constant_number_of_queries(as_staff, alice, staff, tiny):
    from classifier.intake import neighbours
    from tests.loop import label_pictures

    def queries():
        found = {}
        for page in ("image/", "image/review/", "dispute/", "importbatch/", "trainingrun/", "detector/"):
            as_staff.get(f"/admin/classifier/{page}")
            with CaptureQueriesContext(connection) as captured:
                assert as_staff.get(f"/admin/classifier/{page}").status_code == 200
            found[page] = len(captured)
        return found

    label_pictures(alice, staff, 0, 4)
    make(alice, 2, consent=True, state="done", outcome="REAL", score=0.9, dhash="0" * 16)
    neighbours.remember(Image.objects.all())
    few = queries()
    make(alice, 30, consent=True, state="done", outcome="REAL", score=0.8, dhash="0" * 16)
    neighbours.remember(Image.objects.all())
    assert queries() == few


def test_a_long_list_is_counted_only_so_far(as_staff, alice, monkeypatch):
    monkeypatch.setattr("classifier.admin.lists.COUNTED", 10)
    make(alice, 14, consent=True)
    with CaptureQueriesContext(connection) as captured:
        page = as_staff.get(LIST)
    assert page.context["cl"].result_count == 10
    assert all("LIMIT" in query["sql"] for query in captured if "COUNT(" in query["sql"])


PLACES = ["image/", "image/review/", "dispute/", "datasetversion/", "trainingrun/", "trainingrun/add/", "detector/",
          "detector/compare/", "importbatch/", "importbatch/add/", "measurement/", "promotion/", "rescoring/",
          "regressioncase/"]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_staff_need_the_permission_and_others_the_log_in(place, as_staff, as_alice, client, sign_in, detector):
    url = f"/admin/classifier/{place}"
    assert as_staff.get(url).status_code == 200
    assert sign_in(person("newcomer", is_staff=True)).get(url).status_code == 403
    assert as_alice.get(url).status_code == 302 and client.get(url).status_code == 302


@pytest.mark.parametrize("place", ["datasetversion/freeze/", "detector/rollback/", "trainingrun/1/cancel/",
                                   "importbatch/1/cancel/", "detector/1/measure/"])  # fmt: skip
def test_what_changes_something_is_never_done_by_a_link(place, as_staff, sign_in):
    url = f"/admin/classifier/{place}"
    assert as_staff.get(url).status_code == 403
    assert sign_in(person("newcomer", is_staff=True)).post(url).status_code == 403


@pytest.mark.parametrize("place", ["dispute/", "regressioncase/"])
def test_pages_that_name_images_ask_for_the_permission_to_see_images_too(place, classified, sign_in):
    Dispute.objects.create(image=classified, claim="REAL", how="I took it.", category="night")
    RegressionCase.objects.create(image=classified, name="holiday.jpg")
    curious = person("curious", is_staff=True)
    curious.user_permissions.add(*Permission.objects.filter(codename__regex=r"_(dispute|regressioncase)$"))
    assert sign_in(curious).get(f"/admin/classifier/{place}").status_code == 403
    curious.user_permissions.add(Permission.objects.get(codename="view_image"))
    client = sign_in(type(curious).objects.get(pk=curious.pk))
    assert "holiday.jpg" in client.get(f"/admin/classifier/{place}").content.decode()


def test_regression_cases_are_made_by_those_who_may_add_them(classified, sign_in):
    Image.objects.update(label="REAL")
    labeller = person("labeller", is_staff=True)
    labeller.user_permissions.add(Permission.objects.get(codename="change_image"))
    chosen = {"action": "keep_right", "_selected_action": [classified.pk]}
    sign_in(labeller).post(LIST, chosen)
    assert not RegressionCase.objects.exists()
    labeller.user_permissions.add(Permission.objects.get(codename="add_regressioncase"))
    sign_in(type(labeller).objects.get(pk=labeller.pk)).post(LIST, chosen)
    assert RegressionCase.objects.count() == 1


def test_the_pages_of_detectors_show_no_picture_to_those_who_may_not_see_images(classified, rf):
    from classifier.admin.detectors import _with_images

    rows = [{"sha256": classified.sha256}]
    request = rf.get("/")
    request.user = person("newcomer", is_staff=True)
    assert _with_images(rows, request)[0]["image"] is None
    request.user = person("boss", is_staff=True, is_superuser=True)
    assert _with_images(rows, request)[0]["image"] == classified


def test_only_those_who_may_import_send_large_zips(db, rf):
    from django.contrib.auth.models import AnonymousUser

    from classifier.intake.upload_handler import BoundedTemporaryFile

    handler = BoundedTemporaryFile(rf.post(reverse("admin:classifier_importbatch_add")))
    for user, most in ((AnonymousUser(), 100), (person("a", is_staff=True), 100),
                       (person("b", is_staff=True, is_superuser=True), 2000)):  # fmt: skip
        handler.request.user = user
        assert handler._megabytes() == most


def test_what_an_images_page_lists_is_a_plain_table_and_nothing_is_to_be_saved(classified, as_staff, staff):
    Dispute.objects.create(image=classified, claim="REAL", how="I took it.", category="night")
    page = as_staff.get(f"{LIST}{classified.pk}/change/").content.decode()
    assert "I took it." in page and 'class="original"' not in page, "Django prints each row's name over its first cell"
    assert 'name="_save"' not in page and page.count('class="scroll"') >= 3
