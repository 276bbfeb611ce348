"""The history: filters, keyset pages, deletion, constant cost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from classifier.models import Image, State, Tag
from classifier.results.listing import PAGE_SIZE
from tests.pictures import jpeg

pytestmark = pytest.mark.postgres


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


# --- Filters, order and actions of the grown history


@pytest.fixture
def varied(alice, detector):
    """Twelve images: scores 0.0 to 0.55 in steps, three with a manifest, two disputed, one changed, dates apart."""
    from datetime import timedelta

    from django.utils import timezone

    from classifier.models import Dispute, Evidence, Verdict

    images = make(alice, 12, state=State.DONE, outcome="INCONCLUSIVE")
    for number, image in enumerate(images):
        image.score, image.created_at = number / 20, timezone.now() - timedelta(days=number)
        image.verdict = Verdict.objects.create(
            image=image, detector=detector, score=image.score, outcome="INCONCLUSIVE", milliseconds=1
        )
        image.save()
    for image in images[:3]:
        Evidence.objects.create(image=image, kind="c2pa", strength="proves", direction="AI", summary="x")
        Evidence.objects.create(image=image, kind="jpeg", strength="hints", direction="none", summary="x")
    for state in ("open", "withdrawn"):
        Dispute.objects.create(image=images[4], claim="REAL", how="x", category="other", state=state)
    images[5].conclude("REAL")
    images[5].save()
    return images


def numbers(response):
    return sorted(int(name[8:11]) for name in names(response))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"evidence": "c2pa"}, [0, 1, 2]),
        ({"evidence": "camera"}, []),
        ({"low": "0.1", "high": "0.2"}, [2, 3, 4]),
        ({"disputed": "on"}, [4]),
        ({"verdict": "REAL"}, [5]),
        ({"detector": "fusion", "high": "0.04"}, [0]),
        ({"evidence": "c2pa", "low": "0.05"}, [1, 2]),
    ],
)
def test_the_history_can_be_narrowed(as_alice, varied, query, wanted):
    if "detector" in query:
        query = {**query, "detector": varied[0].verdict.detector.version}
    assert numbers(as_alice.get("/history/", query)) == wanted


def test_dates_narrow_by_whole_days(as_alice, varied):
    from datetime import timedelta

    from django.utils import timezone

    day = (timezone.now() - timedelta(days=3)).date()
    assert numbers(as_alice.get("/history/", {"since": day, "until": day})) == [3]
    assert numbers(as_alice.get("/history/", {"until": day})) == list(range(3, 12))
    assert numbers(as_alice.get("/history/", {"changed": day})) == [5]
    assert numbers(as_alice.get("/history/", {"changed": timezone.now().date() + timedelta(days=1)})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"changed": "9999-12-31"},
        {"low": "nan"},
        {"high": "1" * 400},
        {"detector": "\x00"},
        {"low": "many"},
        {"low": "7"},
        {"since": "yesterday"},
        {"detector": "x"},
        {"sort": "name"},
        {"evidence": "y"},
    ],
)
def test_a_wrong_filter_in_an_old_bookmark_is_left_out(as_alice, varied, query):
    assert len(names(as_alice.get("/history/", query))) == 12


def test_the_order_by_score_has_pages_without_gaps_or_repeats_even_where_scores_are_equal(as_alice, alice):
    make(alice, PAGE_SIZE, state=State.DONE, outcome="REAL", score=0.25)
    make(alice, PAGE_SIZE, state=State.DONE, outcome="REAL", score=0.125)
    make(alice, 3)
    for sort, first in (("score", 0.125), ("-score", 0.25)):
        seen, url, pages = [], f"/history/?sort={sort}", []
        while url:
            response = as_alice.get(url)
            page = response.context["page"]
            pages.append([image.pk for image in page.images])
            seen += [(image.score, image.pk) for image in page.images]
            url = "/history/" + page.older if page.older else ""
        assert seen == sorted(seen, reverse=sort == "-score") and seen[0][0] == first
        assert len(set(seen)) == len(seen) == 2 * PAGE_SIZE
        back = as_alice.get("/history/" + response.context["page"].newer)
        assert [image.pk for image in back.context["page"].images] == pages[-2]


@pytest.mark.parametrize("key", ["0.5", "x:1", "0.5:x", "nan:3", ":", "1:2:3"])
def test_a_key_that_nobody_gave_out_is_no_error(as_alice, varied, key):
    for sort in ("", "score"):
        assert as_alice.get("/history/", {"sort": sort, "before": key, "after": key}).status_code == 200


def test_each_verdict_says_how_many_the_other_filters_leave(as_alice, varied):
    page = as_alice.get("/history/", {"low": "0.2"}).content.decode()
    assert "Inconclusive (7)" in page and "Real photograph (1)" in page and "AI-generated (0)" in page


def test_the_csv_is_the_filtered_list_in_its_order(as_alice, varied, bob):
    import csv
    import io

    make(bob, 2)
    response = as_alice.get("/history/images.csv", {"sort": "-score", "high": "0.1"})
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert [row["score"] for row in rows] == ["0.1000", "0.0500", "0.0000"]
    assert rows[0]["evidence"] == "c2pa jpeg" and rows[0]["detector"] == varied[0].verdict.detector.version
    assert "attachment" in response["Content-Disposition"]


def test_selected_images_are_analysed_again_and_only_ones_own(as_alice, varied, bob, wakeups):
    [foreign] = make(bob, 1, state=State.DONE)
    chosen = [varied[0].uuid, varied[1].uuid, foreign.uuid, "rubbish"]
    page = as_alice.post("/history/again/", {"image": chosen}, follow=True).content.decode()
    assert "2 images will be analysed again" in page
    assert set(Image.objects.filter(state=State.WAITING)) == {varied[0], varied[1]}


def test_images_are_compared_side_by_side(as_alice, varied, bob):
    [foreign] = make(bob, 1, state=State.DONE)
    chosen = [varied[0].uuid, varied[5].uuid, foreign.uuid]
    page = as_alice.get("/compare/", {"image": chosen}).content.decode()
    assert varied[0].name in page and varied[5].name in page and page.count("<article") == 2
    assert "Choose two or more" in as_alice.get("/compare/", {"image": chosen[:1]}, follow=True).content.decode()
    many = as_alice.get("/compare/", {"image": [image.uuid for image in varied]}).content.decode()
    assert many.count("<article") == 6 and "At most 6" in many


def test_comparing_is_a_plain_get_without_the_token(as_alice, varied):
    page = as_alice.get("/history/").content.decode()
    form = page.split('<form id="selection"')[1].split("</form>")[0]
    assert 'method="get"' in form.split(">")[0] and '<input type="hidden" name="csrf' not in form
    assert form.count('formmethod="post"') == form.count('name="csrfmiddlewaretoken"') == 4
    chosen = [str(varied[0].uuid), str(varied[5].uuid)]
    response = as_alice.get("/compare/", {"image": chosen, "tag": "", "back": "sort=score"})
    assert response.status_code == 302 and response.url == f"/compare/?image={chosen[0]}&image={chosen[1]}"


def test_what_is_done_with_many_images_leads_back_to_the_same_list(as_alice, varied):
    chosen = {"image": [varied[0].uuid], "tag": "holiday"}
    for name in ("history_tag", "history_untag", "history_again", "history_delete"):
        back = as_alice.post(reverse(name), {**chosen, "back": "sort=score&q=pic"})
        assert back.url == "/history/?sort=score&q=pic", name
    assert as_alice.post("/history/again/", {"back": "//evil.example/?x"}).url.startswith("/history/")


# --- Days, layouts, tags


def test_days_have_headings_unless_the_order_is_another(as_alice, varied):
    page = as_alice.get("/history/").content.decode()
    assert '<h2 class="day">Today</h2>' in page and '<h2 class="day">Yesterday</h2>' in page
    assert page.count('<h2 class="day">') == 12
    assert '<h2 class="day">' not in as_alice.get("/history/?sort=score").content.decode()


def test_the_layout_is_remembered(as_alice, varied):
    assert '<table class="table list' not in as_alice.get("/history/").content.decode()
    page = as_alice.get("/history/?layout=list&sort=score").content.decode()
    assert page.count('<tr class="image-row') == 12 and "layout=grid" in page and "sort=score&amp;layout=" in page
    assert '<table class="table list' in as_alice.get("/history/").content.decode()
    assert '<table class="table list' not in as_alice.get("/history/?layout=grid").content.decode()
    assert as_alice.get("/history/?layout=%00").status_code == 200


def test_a_row_of_the_list_polls_as_a_card_does(picture, as_alice):
    row = as_alice.get(reverse("image_card", args=[picture.uuid]), {"row": ""}).content.decode()
    assert row.strip().startswith("<tr") and "&amp;row" in row
    page = as_alice.get("/history/?layout=list").content.decode()
    assert f"{reverse('image_card', args=[picture.uuid])}?seen=waiting&amp;row" in page


def tag(client, images, words, name="history_tag"):
    data = {"image": [image.uuid for image in images], "tag": words}
    return client.post(reverse(name), data, follow=True).content.decode()


def test_images_are_tagged_found_and_untagged(as_alice, varied):
    assert "3 images tagged “Holiday”, “Rome”" in tag(as_alice, varied[:3], "Holiday, Rome, holiday,, ")
    assert "1 image tagged “HOLIDAY”" in tag(as_alice, varied[3:4], "HOLIDAY")
    assert numbers(as_alice.get("/history/", {"tag": "Holiday"})) == [0, 1, 2, 3]
    assert numbers(as_alice.get("/history/", {"tag": "Rome", "high": "0.05"})) == [0, 1]
    assert len(names(as_alice.get("/history/", {"tag": "Paris"}))) == 12, "an old bookmark"
    page = as_alice.get("/history/").content.decode()
    assert page.count("?tag=Rome") == 3 and '<option value="Rome">' in page
    assert "removed from 4 images" in tag(as_alice, varied, "holiday", "history_untag")
    assert [str(word) for word in Tag.objects.all()] == ["Rome"]


def test_tags_are_ones_own(as_alice, as_bob, alice, bob, varied):
    [foreign] = make(bob, 1, state=State.DONE, outcome="REAL")
    assert "1 image tagged" in tag(as_alice, [varied[0], foreign], "secret")
    assert not foreign.tags.exists() and "secret" not in as_bob.get("/history/").content.decode()
    tag(as_bob, [foreign], "Secret")
    assert "removed from 0 images" in tag(as_alice, [foreign], "secret", "history_untag")
    assert foreign.tags.get().name == "Secret"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Type a tag first"),
        (" , ,", "Type a tag first"),
        ("x" * 41, "a tag has at most 40"),
        ("x" * 401, "too much at once"),
        (",".join(map(str, range(21))), "at most 20 at once"),
        ("a\x00b", "Null characters"),
    ],
)
def test_a_tag_that_can_not_be_is_explained(as_alice, varied, words, said):
    assert said in tag(as_alice, varied[:1], words) and not Tag.objects.exists()


def test_a_tag_in_any_script_is_one_tag_whatever_its_capitals(as_alice, varied):
    tag(as_alice, varied[:1], "Straße, ÄRGER, 休日")
    tag(as_alice, varied[:2], "STRASSE, ärger, 休日")
    assert Tag.objects.count() == 3 and numbers(as_alice.get("/history/", {"tag": "ÄRGER"})) == [0, 1]


def test_tags_stand_on_the_image_page_and_in_the_csv(as_alice, varied):
    uuid = varied[0].uuid
    response = as_alice.post(reverse("history_tag"), {"image": uuid, "tag": "a & b", "page": ""}, follow=True)
    assert response.redirect_chain[-1][0] == varied[0].get_absolute_url()
    assert "?tag=a%20%26%20b" in response.content.decode() and "Remove the tag a &amp; b" in response.content.decode()
    rows = b"".join(as_alice.get("/history/images.csv", {"tag": "a & b"}).streaming_content).decode()
    assert rows.splitlines()[1].endswith("a & b") and len(rows.splitlines()) == 2


def test_the_number_of_queries_does_not_grow_with_filters_or_rows(as_alice, alice, varied):
    def count(query):
        with CaptureQueriesContext(connection) as queries:
            as_alice.get("/history/", query)
        return len(queries)

    few = count({"sort": "score", "evidence": "c2pa", "low": "0.01"})
    make(alice, 60, state=State.DONE, outcome="REAL", score=0.3)
    assert count({"sort": "score", "low": "0.01"}) <= few <= 12
