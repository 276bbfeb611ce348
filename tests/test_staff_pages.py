"""Staff's start page and the page Status."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classifier.labelling import disputes
from classifier.models import DatasetVersion, Detector, Image, ImportBatch, Promotion, State, TrainingRun
from tests.conftest import person
from tests.test_health import redis  # noqa: F401
from tests.test_history import make

pytestmark = pytest.mark.postgres


def allowed(name, *codenames):
    user = person(name, is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def card(response, title):
    [found] = [card for card in response.context["cards"] if card.title == title]
    return found


def test_the_start_page_counts_what_waits_and_links_to_it(as_staff, staff, alice, detector):
    images = make(alice, 3, state=State.DONE, consent=True, outcome="REAL", score=0.9)
    disputes.dispute(images[0], "FAKE", "It is not.", "other")
    dataset = DatasetVersion.objects.create(number=4, digest="d", summary={})
    ImportBatch.objects.create(
        owner=staff, state="running", cursor=300, progress={"total": 1200, "done": 300, "seconds": 60}
    )
    TrainingRun.objects.create(
        name="night", dataset=dataset, state="running", progress={"total": 10, "done": 5, "seconds": 600}
    )
    Promotion.objects.create(detector=detector, by=staff, created_at=timezone.now() - timedelta(days=3))
    page = as_staff.get("/admin/")
    assert card(page, "Review").figure == "3"
    assert card(page, "Disputes").figure == "1" and "state__exact=open" in card(page, "Disputes").url
    assert card(page, "Imports").said == "running: 300 of 1,200 pictures, 3 min left"
    assert card(page, "Imports").share == 0.25
    assert card(page, "Freeze").figure == "4"
    assert card(page, "Training").said == "night is running, 10 min left"
    assert f"last promotion: {detector}, 3\xa0days ago by staff" in card(page, "Compare, promote").said
    for one in page.context["cards"]:
        assert one.url in page.content.decode() and as_staff.get(one.url).status_code == 200


def test_the_start_page_of_an_empty_site_says_so(as_staff, detector):
    Detector.objects.update(active=False)
    said = {one.title: (one.figure, one.said) for one in as_staff.get("/admin/").context["cards"]}
    assert said["Disputes"] == ("0", "none waits") and said["Imports"] == ("0", "none is running")
    assert said["Training"] == ("0", "no run yet") and "no detector is active" in said["Compare, promote"][1]


def test_nobody_gets_a_card_whose_page_they_may_not_open(sign_in, as_alice):
    assert sign_in(person("newcomer", is_staff=True)).get("/admin/").context["cards"] == []
    importer = sign_in(allowed("importer", "view_importbatch", "view_dispute"))
    assert [one.title for one in importer.get("/admin/").context["cards"]] == ["Imports"]
    labeller = sign_in(allowed("labeller", "change_image", "view_dispute"))
    assert [one.title for one in labeller.get("/admin/").context["cards"]] == ["Review", "Disputes", "Watch"]
    assert as_alice.get("/admin/").status_code == 302


def test_the_start_page_has_a_constant_number_of_queries(as_staff, alice, detector):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_staff.get("/admin/")
        return len(captured)

    make(alice, 2, state=State.DONE, consent=True)
    few = queries()
    make(alice, 30, state=State.DONE, consent=True)
    assert queries() == few


@pytest.mark.parametrize("codename", ["", "view_image"])
def test_the_status_page_asks_for_the_permission_to_see_detectors(codename, sign_in, as_alice, client):
    assert sign_in(allowed("other", codename)).get("/admin/status/").status_code == 403
    assert as_alice.get("/admin/status/").status_code == 302 and client.get("/admin/status/").status_code == 302


def test_the_status_page_says_in_words_that_all_is_well(as_staff, redis, detector, monkeypatch):  # noqa: F811
    monkeypatch.setattr("classifier.results.status.disks", lambda: [])
    page = as_staff.get("/admin/status/").content.decode()
    assert "Everything works" in page and "1 seen in the last minute" in page and str(detector) in page


def test_the_status_page_says_what_is_wrong_and_what_to_do(sign_in, alice, redis, detector):  # noqa: F811
    redis(error=ConnectionError("redis.internal:6379"))
    [image] = make(alice, 1, state=State.FAILED)
    Image.objects.update(error="It is damaged.", claimed_at=timezone.now())
    client = sign_in(allowed("operator", "view_detector"))
    page = client.get("/admin/status/").content.decode()
    assert "Somebody should look at this" in page and "Uploads are stored, but none is judged" in page
    assert "redis.internal" not in page and "It is damaged." in page
    assert image.name not in page and "/admin/classifier/image/" not in page, "operators see no images"


def test_a_long_training_run_is_asked_about_once_more(as_staff, detector, wakeups):
    dataset = DatasetVersion.objects.create(number=1, digest="d", summary={})
    url = "/admin/classifier/trainingrun/add/"
    chosen = {"name": "long", "dataset": dataset.pk, "architecture": "cnn32", "start": "scratch", "epochs": 40,
              "minutes": 60, "seed": 0}  # fmt: skip
    page = as_staff.post(url, chosen)
    told = page.content.decode()
    assert "Train for up to 60 minutes?" in told and 'name="sure"' in told and not TrainingRun.objects.exists()
    assert "name=long" in told and "csrf" not in told.split("?name=long")[1].split('"')[0]
    assert as_staff.post(url, {**chosen, "sure": "yes"}).status_code == 302
    assert TrainingRun.objects.get().name == "long"
    assert as_staff.post(url, {**chosen, "name": "short", "minutes": 5}).status_code == 302
