"""The history: filters, keyset pages, deletion, constant cost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from classifier.history import PAGE_SIZE
from classifier.models import Image, State
from tests.pictures import jpeg


def make(owner, count, **extra):
    start = Image.objects.count()
    return Image.objects.bulk_create(
        Image(
            owner=owner, name=f"picture-{number:03}.jpg", original=f"uploads/x/{number}", sha256=f"{number:064}",
            format="JPEG", size=1000, width=100, height=100, **{"state": State.FAILED, **extra},
        )
        for number in range(start, start + count)
    )  # fmt: skip


def names(response):
    return [image.name for image in response.context["page"].images]


def test_an_empty_history_tells_the_newcomer_what_to_do(as_alice):
    page = as_alice.get("/history/").content.decode()
    assert "Your history is empty" in page and "Upload your first image" in page


def test_newest_first_and_only_ones_own(as_alice, alice, bob):
    make(alice, 2)
    make(bob, 1)
    assert names(as_alice.get("/history/")) == ["picture-001.jpg", "picture-000.jpg"]


def test_pages_lead_forth_and_back_without_gaps_or_repeats(as_alice, alice):
    make(alice, 2 * PAGE_SIZE + 5)
    seen, url, pages = [], "/history/", []
    while url:
        response = as_alice.get(url)
        pages.append(names(response))
        seen += pages[-1]
        older = response.context["page"].older
        url = "/history/" + older if older else ""
    assert seen == [f"picture-{number:03}.jpg" for number in range(2 * PAGE_SIZE + 4, -1, -1)]
    back = as_alice.get("/history/" + response.context["page"].newer)
    assert names(back) == pages[1]
    assert names(as_alice.get("/history/" + back.context["page"].newer)) == pages[0]


def test_filters_are_kept_over_pages_and_said(as_alice, alice):
    make(alice, PAGE_SIZE + 1, outcome="FAKE")
    make(alice, 3, outcome="REAL")
    response = as_alice.get("/history/", {"verdict": "FAKE", "q": "PICTURE"})
    assert response.context["page"].count == PAGE_SIZE + 1
    assert "verdict=FAKE" in response.context["page"].older and "q=PICTURE" in response.context["page"].older
    assert f"{PAGE_SIZE + 1} images match" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "count"), [({"state": "failed"}, 4), ({"state": "waiting"}, 1), ({"q": "002"}, 1), ({"q": "zzz"}, 0)]
)
def test_filters(as_alice, alice, query, count):
    make(alice, 4)
    make(alice, 1, state=State.WAITING)
    assert len(names(as_alice.get("/history/", query))) == count


def test_no_match_offers_to_clear_the_filters(as_alice, alice):
    make(alice, 1)
    assert "No image matches these filters." in as_alice.get("/history/?q=zzz").content.decode()


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "after=9" + "9" * 30, "verdict=MAYBE", "q=%00", "state=';--"]
)
def test_a_nonsense_address_is_harmless(as_alice, alice, query):
    make(alice, 1)
    assert as_alice.get(f"/history/?{query}").status_code == 200


def test_the_number_of_queries_is_constant(as_alice, alice):
    make(alice, 1)
    with CaptureQueriesContext(
        connection,
    ) as few:
        as_alice.get("/history/")
    make(alice, 200)
    with CaptureQueriesContext(connection) as many:
        as_alice.get("/history/")
    assert len(many) == len(few)


@pytest.mark.skipif(
    "connection.vendor == 'postgresql'", reason="PostgreSQL sorts tiny tables whatever indexes there are"
)
def test_pages_use_the_index_and_never_sort(alice):
    make(alice, 50)
    page = Image.objects.filter(owner=alice, outcome="FAKE", pk__lt=40).order_by("-pk")[:25]
    plan = page.explain()
    assert "Sort" not in plan and "TEMP B-TREE" not in plan


def test_deleting_many_leaves_other_peoples(upload, as_alice, as_bob, alice, bob):
    for number in range(3):
        upload((f"{number}.jpg", jpeg(number)))
    upload(("bobs.jpg", jpeg(7)), client=as_bob)
    chosen = [str(image.uuid) for image in Image.objects.exclude(name="0.jpg")]
    response = as_alice.post(reverse("history_delete"), {"image": [*chosen, "nonsense"]}, follow=True)
    assert "2 images deleted" in response.content.decode()
    assert sorted(Image.objects.values_list("name", flat=True)) == ["0.jpg", "bobs.jpg"]


def test_a_card_polls_until_it_is_done(picture, as_alice):
    url = reverse("image_card", args=[picture.uuid])
    assert as_alice.get(url, {"seen": "waiting"}).status_code == 204
    Image.objects.update(state=State.FAILED)
    page = as_alice.get(url, {"seen": "waiting", "selectable": ""}).content.decode()
    assert "Failed" in page and "hx-get" not in page and 'type="checkbox"' in page
