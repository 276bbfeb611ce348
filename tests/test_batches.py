"""Batches: several files, a folder or a zip with a page of their own."""

import csv
import io
import json
import re
import uuid
import zipfile
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from classifier.detector.images.decoding import verify
from classifier.intake import batching, retention, unpacking
from classifier.intake.submitting import CheckedFile, Refused
from classifier.models import Batch, BatchShare, Image, JobState, State
from classifier.results import batch_report
from tests import factories
from tests.pictures import jpeg
from tests.responses import body

pytestmark = pytest.mark.postgres


def packed(files, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def checked(name, data):
    return name, CheckedFile(SimpleUploadedFile(name, data), name, verify(io.BytesIO(data)))


def batch_of(owner, count=3, refused=(), first=1):
    batch = batching.start(owner, "holiday", False, count + len(refused))
    files = [checked(f"{number}.jpg", jpeg(number)) for number in range(first, first + count)]
    batching.add(batch, files, [Refused(name, "it is not an image.") for name in refused])
    return batch


def unpack(batch):
    while unpacking.step():
        pass
    batch.refresh_from_db()
    return batch


def zipped(owner, files, **options):
    file = SimpleUploadedFile("x.zip", packed(files, **options))
    return batching.start_unpacking(owner, "x", False, file)


def states(batch):
    return sorted(batch.own_images.values_list("state", flat=True))


def test_several_files_become_a_batch_with_a_name(upload, as_alice, alice):
    response = upload(("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)), client=as_alice)
    batch = Batch.objects.get(owner=alice)
    assert response.url == batch.get_absolute_url() and batch.name.startswith("2 pictures, ")
    assert list(batch.own_images.values_list("bulk", flat=True)) == [True, True]
    as_alice.post("/", {"images": [SimpleUploadedFile(f"{n}.jpg", jpeg(n)) for n in (3, 4)], "name": "March"})
    assert Batch.objects.first().name == "March"
    assert "March" in as_alice.get("/batches/").content.decode()


def test_a_single_file_is_no_batch(upload):
    assert upload(("a.jpg", jpeg(1))).url.startswith("/images/")
    assert not Batch.objects.exists() and not Image.objects.get().bulk


def test_a_script_sends_a_folder_in_several_requests(as_alice, alice):
    started = as_alice.post("/batches/start/", {"name": "Trip", "consent": "on", "expected": "4"})
    add = started.json()["add"]
    files = [SimpleUploadedFile("a.jpg", jpeg(1)), SimpleUploadedFile("b.txt", b"text")]
    answer = as_alice.post(add, {"images": files, "path": ["trip/day 1/a.jpg", "trip/b.txt"]})
    assert (started.status_code, answer.json()) == (201, {"received": 2})
    again = {"images": [SimpleUploadedFile("c.jpg", jpeg(1))], "path": ["trip/c.jpg"]}
    assert as_alice.post(add, {**again, "large": ["trip/huge.tif"], "bytes": ["512000000"]}).json() == {"received": 4}
    batch = Batch.objects.get()
    rows = [(item.name, bool(item.image), item.duplicate) for item in batch.items.all()]
    assert rows == [
        ("trip/day 1/a.jpg", True, False),
        ("trip/b.txt", False, False),
        ("trip/c.jpg", True, True),
        ("trip/huge.tif", False, False),
    ]
    assert "it is 512.0 MB; the limit is 100 MB" in batch.refusals[1].error
    assert Image.objects.get().consent and Image.objects.get().name == "a.jpg"
    assert batch_report.tally(batch).in_words == "1 accepted, 1 duplicate, 2 refused"


@pytest.mark.parametrize(
    ("told", "said"), [({"expected": "0"}, "greater"), ({"expected": "9999"}, "at most 2,000"), ({}, "required")]
)
def test_a_batch_is_refused_before_anything_is_sent(as_alice, told, said):
    answer = as_alice.post("/batches/start/", told)
    assert answer.status_code == 400 and said in " ".join(answer.json()["errors"])


def test_a_batch_takes_no_more_than_its_limit_and_no_request_more_than_its_own(as_alice, alice, settings):
    settings.MAX_BATCH_FILES, settings.MAX_FILES = 3, 2
    batch = batch_of(alice, 2)
    address = f"/batches/{batch.uuid}/files/"
    files = [SimpleUploadedFile(f"{n}.jpg", jpeg(n)) for n in range(5, 8)]
    assert "Expected 1 to 2 files; received 3" in as_alice.post(address, {"images": files}).json()["errors"][0]
    assert "at most 3 files" in as_alice.post(address, {"images": files[:2]}).json()["errors"][0]
    assert as_alice.post(address, {}).status_code == 400
    assert batch.items.count() == 2


def test_a_zip_is_unpacked_by_a_worker_with_its_paths(upload, alice, as_alice):
    files = {"trip/a.jpg": jpeg(1), "trip/b.jpg": jpeg(2), "again.jpg": jpeg(1), "note.txt": b"x", "__MACOSX/a": b"x"}
    response = upload(("trip.zip", packed({**files, "../../evil.jpg": jpeg(3)})))
    batch = Batch.objects.get()
    assert response.url == batch.get_absolute_url() and (batch.name, batch.expected) == ("trip.zip", 5)
    assert batch_report.progress(batch).arriving
    unpack(batch)
    assert (batch.state, batch.cursor, batch.archive.name) == (JobState.DONE, 5, "")
    assert [item.name for item in batch.items.exclude(image=None)] == ["trip/a.jpg", "trip/b.jpg", "again.jpg"]
    assert [item.name for item in batch.refusals] == ["note.txt", "evil.jpg"]
    assert batch_report.tally(batch).in_words == "2 accepted, 1 duplicate, 2 refused"
    assert "leads out of the collection" in batch.refusals[1].error


def test_the_stored_zip_goes_when_it_is_through_and_when_its_batch_is_deleted(
    alice, settings, django_capture_on_commit_callbacks
):
    def stored():
        return list(settings.MEDIA_ROOT.glob("batches/*"))

    first = zipped(alice, {"a.jpg": jpeg(1)})
    assert len(stored()) == 1
    unpack(first)
    assert not stored()
    with django_capture_on_commit_callbacks(execute=True):
        batching.delete(zipped(alice, {"b.jpg": jpeg(2)}), with_images=True)
    assert not stored() and Image.objects.count() == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "this one is empty"),
        ({f"{n}.jpg": b"x" for n in range(4)}, "at most 3 files in a zip; there are 4"),
        ({"bomb.bmp": bytes(2_000_000)}, "unpacks to at most 1 MB; this one unpacks to 2.0 MB"),
    ],
)
def test_a_zip_that_holds_nothing_or_too_much_is_refused_with_a_reason(upload, settings, files, said):
    settings.MAX_BATCH_FILES, settings.MAX_BATCH_MB = 3, 1
    page = upload(("x.zip", packed(files, compression=zipfile.ZIP_DEFLATED)))
    assert said in page.content.decode() and page.status_code == 200
    assert not Batch.objects.exists()


def test_a_file_that_is_no_zip_is_refused_and_one_too_large_by_its_size(upload, settings):
    assert "x.zip: expected a zip" in upload(("x.zip", b"text")).content.decode()
    settings.MAX_BATCH_MB = 0.001
    assert "x.zip is 40 kB; the limit is 0.001 MB" in upload(("x.zip", bytes(40_000))).content.decode()


def test_a_zip_that_lies_about_a_size_unpacks_to_no_more(alice):
    data = bytearray(packed({"a.bmp": bytes(300_000)}, compression=zipfile.ZIP_DEFLATED))
    for place in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[place : place + 4] = (1000).to_bytes(4, "little")
    batch = batching.start_unpacking(alice, "liar", False, SimpleUploadedFile("x.zip", bytes(data)))
    unpack(batch)
    assert batch.state == JobState.DONE and not Image.objects.exists()
    assert batch.refusals.count() == 1


def test_unpacking_goes_on_where_it_was_interrupted(alice, monkeypatch):
    batch = zipped(alice, {f"{n}.jpg": jpeg(n) for n in range(1, 7)})
    real, calls = unpacking._move_on, []

    def killed(batch):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(batch)

    monkeypatch.setattr(unpacking, "_move_on", killed)
    with pytest.raises(KeyboardInterrupt):
        unpacking.step()
    assert Image.objects.count() == 3, "the fourth was rolled back"
    assert not unpacking.step(), "its claim still stands"
    Batch.objects.update(claimed_at="2020-01-01T00:00Z")
    unpack(batch)
    assert (batch.state, batch.items.count(), Image.objects.count()) == (JobState.DONE, 6, 6)


def test_a_file_that_kills_every_worker_is_left_out_in_the_end(alice, settings):
    batch = zipped(alice, {"killer.jpg": jpeg(1), "b.jpg": jpeg(2)})
    Batch.objects.update(attempts=settings.MAX_ATTEMPTS - 1)
    unpack(batch)
    assert [item.name for item in batch.refusals] == ["killer.jpg"] and Image.objects.get().name == "b.jpg"
    assert "interrupted several times" in batch.refusals[0].error


def test_a_full_disk_is_no_attempt_and_nothing_is_lost(alice, monkeypatch):
    batch = zipped(alice, {"a.jpg": jpeg(1)})
    with monkeypatch.context() as patch:
        patch.setattr(unpacking.submitting, "submit", lambda *a, **o: (_ for _ in ()).throw(OSError(28, "full")))
        assert unpacking.step()
    batch.refresh_from_db()
    assert (batch.state, batch.attempts, batch.cursor) == (JobState.WAITING, 0, 0) and batch.not_before
    Batch.objects.update(not_before=None)
    unpack(batch)
    assert batch.state == JobState.DONE and Image.objects.count() == 1


def test_a_zip_that_is_lost_is_said(alice):
    batch = zipped(alice, {"a.jpg": jpeg(1)})
    batch.archive.storage.delete(batch.archive.name)
    unpack(batch)
    assert (batch.state, batch.error) == (JobState.FAILED, "the stored zip is missing")


def test_a_paused_batch_is_neither_unpacked_nor_analysed(alice, as_alice):
    batch = zipped(alice, {f"{n}.jpg": jpeg(n) for n in range(1, 30)})
    unpacking.step()
    assert Image.objects.count() == unpacking.STEP
    as_alice.post(f"/batches/{batch.uuid}/act/", {"act": "pause"})
    assert not unpacking.step() and set(states(batch)) == {State.PAUSED}
    assert not Image.objects.claim(uuid.uuid4(), 8)
    page = as_alice.get(batch.get_absolute_url()).content.decode()
    assert "0 of 29" in page and "paused" in page and "Go on" in page and "hx-get" not in page
    as_alice.post(f"/batches/{batch.uuid}/act/", {"act": "resume"})
    unpack(batch)
    assert states(batch) == [State.WAITING] * 29


def test_a_pause_takes_the_zip_away_from_whoever_unpacks_it(alice, monkeypatch):
    batch = zipped(alice, {f"{n}.jpg": jpeg(n) for n in range(1, 6)})
    real = unpacking.checked_from

    def pausing(place, name):
        if Image.objects.count() == 2:
            batching.pause(Batch.objects.get())
        return real(place, name)

    monkeypatch.setattr(unpacking, "checked_from", pausing)
    assert unpacking.step()
    batch.refresh_from_db()
    assert (batch.state, batch.cursor, batch.paused) == (JobState.WAITING, 2, True)
    assert states(batch) == [State.PAUSED] * 2 == [State.PAUSED] * Image.objects.count()


def test_files_that_arrive_during_a_pause_wait_for_its_end(alice):
    batch = batch_of(alice, 1)
    batching.pause(batch)
    batching.add(batch, [checked("b.jpg", jpeg(7))], [])
    assert states(batch) == [State.PAUSED] * 2


def test_cancelling_keeps_what_was_judged_and_the_rest_can_be_judged_later(alice, as_alice):
    batch = batch_of(alice, 3)
    factories.judged(batch.own_images.last())
    as_alice.post(f"/batches/{batch.uuid}/act/", {"act": "cancel"})
    batch.refresh_from_db()
    assert states(batch) == [State.CANCELLED] * 2 + [State.DONE]
    page = as_alice.get(batch.get_absolute_url()).content.decode()
    assert "2 cancelled" in page and "You cancelled this batch" in page and "Judge the rest" in page
    with pytest.raises(batching.BatchEnded):
        batching.add(batch, [checked("late.jpg", jpeg(9))], [])
    assert Image.objects.count() == 3, "what came too late left nothing behind"
    as_alice.post(f"/batches/{batch.uuid}/act/", {"act": "rest"})
    assert states(batch) == [State.DONE] + [State.WAITING] * 2


def test_a_batch_that_was_cancelled_refuses_further_files_with_a_sentence(alice, as_alice):
    batch = batch_of(alice, 1)
    batching.cancel(batch)
    answer = as_alice.post(f"/batches/{batch.uuid}/files/", {"images": [SimpleUploadedFile("a.jpg", jpeg(5))]})
    assert answer.status_code == 409 and "cancelled" in answer.json()["errors"][0]


def test_a_cancelled_zip_is_dropped(alice, settings):
    batch = zipped(alice, {"a.jpg": jpeg(1)})
    batching.cancel(batch)
    assert not unpacking.step() and not list(settings.MEDIA_ROOT.glob("batches/*"))


def test_a_duplicate_belongs_to_the_batch_it_came_with_first(alice, as_alice):
    first, second = batch_of(alice, 2), batch_of(alice, 2)
    assert batch_report.tally(second).in_words == "0 accepted, 2 duplicates"
    page = as_alice.get(second.get_absolute_url()).content.decode()
    assert f'href="{first.own_images.first().get_absolute_url()}"' in page
    batching.cancel(second)
    assert states(first) == [State.WAITING] * 2
    assert batching.delete(second, with_images=True) == 0 and Image.objects.count() == 2
    third = batch_of(alice, 2)
    batching.delete(first, with_images=True)
    assert batch_report.tally(third).gone == 2
    assert "deleted since" in as_alice.get(third.get_absolute_url()).content.decode()


def test_deleting_takes_the_pictures_along_only_when_asked(alice, as_alice):
    kept, gone = batch_of(alice, 2), batch_of(alice, 2, first=5)
    as_alice.post(f"/batches/{kept.uuid}/delete/", {"images": "stay"})
    assert Image.objects.count() == 4
    page = as_alice.post(f"/batches/{gone.uuid}/delete/", {"images": "too"}, follow=True).content.decode()
    assert Image.objects.count() == 2 and not Batch.objects.exists() and "with 2 images" in page


def test_progress_counts_and_the_result_line(alice, as_alice):
    batch = batch_of(alice, 4, refused=["broken.txt"])
    images = list(batch.own_images.order_by("pk"))
    factories.judged(images[0], "FAKE", 0.05)
    factories.judged(images[1], "REAL", 0.9)
    progress = batch_report.progress(batch)
    assert (progress.tally.settled, progress.tally.total, progress.working) == (3, 5, True)
    assert progress.seconds == pytest.approx(2 * 0.042)
    status = f"/batches/{batch.uuid}/status/"
    page = as_alice.get(status).content.decode()
    assert "3 of 5" in page and "left" in page and 'value="3"' in page and 'max="5"' in page
    assert as_alice.get(status + f"?seen={progress.seen}").status_code == 204
    factories.judged(images[2], "INCONCLUSIVE", 0.5)
    Image.objects.filter(pk=images[3].pk).update(state=State.FAILED, error="damaged")
    page = as_alice.get(status).content.decode()
    said = "4 pictures: 1 AI-generated, 1 real photograph, 1 inconclusive, 1 could not be read."
    assert said in page and "4 accepted, 1 refused: show" in page and "hx-get" not in page


def test_an_upload_that_broke_off_is_said_after_a_while(alice, as_alice):
    batch = batching.start(alice, "x", False, 3)
    batching.add(batch, [checked("a.jpg", jpeg(1))], [])
    factories.judged(Image.objects.get())
    assert "still arriving" in as_alice.get(batch.get_absolute_url()).content.decode()
    Image.objects.update(created_at=timezone.now() - 2 * batching.LEFT_ALONE)
    assert "stopped after 1 of\n  3 files" in as_alice.get(batch.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=name", ["1.jpg", "2.jpg", "3.jpg", "z.txt"]),
        ("sort=-name", ["z.txt", "3.jpg", "2.jpg", "1.jpg"]),
        ("show=fake", ["2.jpg"]),
        ("show=refused", ["z.txt"]),
        ("show=real&sort=-score", ["1.jpg", "3.jpg"]),
        ("show=nonsense&sort=²&page=10²", ["1.jpg", "2.jpg", "3.jpg", "z.txt"]),
        ("page=99999999999999999999", ["1.jpg", "2.jpg", "3.jpg", "z.txt"]),
    ],
)
def test_the_table_is_sorted_and_narrowed_by_its_address(alice, as_alice, query, names):
    batch = batch_of(alice, 3, refused=["z.txt"])
    for image, (outcome, score) in zip(
        batch.own_images.order_by("pk"), [("REAL", 0.9), ("FAKE", 0.1), ("REAL", 0.8)], strict=True
    ):
        factories.judged(image, outcome, score)
    table = as_alice.get(f"{batch.get_absolute_url()}?{query}").context["table"]
    assert [item.name for item in table.items] == names


def test_the_table_has_pages_and_the_number_of_queries_does_not_grow(
    alice, as_alice, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(batch_report, "PAGE_SIZE", 2)
    batch = batch_of(alice, 5)
    page = as_alice.get(batch.get_absolute_url() + "?sort=name&page=2")
    assert [item.name for item in page.context["table"].items] == ["3.jpg", "4.jpg"]
    assert "Page 2 of 3" in page.content.decode()
    monkeypatch.setattr(batch_report, "PAGE_SIZE", 50)
    batching.add(batch, [checked(f"{n}.jpg", jpeg(n)) for n in range(20, 40)], [])
    with django_assert_max_num_queries(22):
        as_alice.get(batch.get_absolute_url())


def test_the_csv_has_every_file_and_nothing_a_spreadsheet_runs(alice, as_alice):
    batch = batch_of(alice, 2, refused=["=evil.txt"])
    factories.judged(batch.own_images.order_by("pk").first(), "REAL", 0.9)
    rows = list(csv.DictReader(io.StringIO(body(as_alice.get(f"/batches/{batch.uuid}/files.csv")).decode())))
    assert [row["path"] for row in rows] == ["1.jpg", "2.jpg", "'=evil.txt"]
    assert [row["result"] for row in rows] == ["accepted", "accepted", "refused"]
    assert (rows[0]["verdict"], rows[1]["state"], rows[2]["why_not"]) == ("REAL", "waiting", "it is not an image.")


def test_the_pdf_has_a_row_a_file_over_several_pages(alice, as_alice):
    batch = batch_of(alice, 2, refused=[f"deep/{'x' * 200}/{n} 🐈.txt" for n in range(90)])
    factories.judged(batch.own_images.first())
    response = as_alice.get(f"/batches/{batch.uuid}/report.pdf")
    assert response["Content-Type"] == "application/pdf" and len(re.findall(rb"/Type /Page\b", response.content)) > 2


def test_whoever_has_the_link_sees_verdicts_and_previews_until_it_ends(alice, as_alice, client):
    batch = batch_of(alice, 2)
    image = factories.judged(batch.own_images.first())
    other = factories.judged(factories.submitted(alice, "private.jpg", jpeg(50)))
    as_alice.post(f"/batches/{batch.uuid}/share/", {"days": "3"})
    address = BatchShare.objects.get().get_absolute_url()
    assert address in as_alice.get(batch.get_absolute_url()).content.decode()
    response = client.get(address)
    page = response.content.decode()
    assert image.batch_items.get().name in page and "AI-generated" in page and "alice" not in page
    assert "/images/" not in page and response["X-Robots-Tag"].startswith("noindex")
    assert body(client.get(f"{address}{image.uuid}.jpg"))[:2] == b"\xff\xd8"
    assert client.get(f"{address}{other.uuid}.jpg").status_code == 404
    assert client.get(f"{address}report.pdf").content.startswith(b"%PDF")
    as_alice.post(f"/batches/{batch.uuid}/unshare/")
    ended = client.get(address)
    assert ended.status_code == 410 and image.name not in ended.content.decode()
    assert client.get(f"{address}{image.uuid}.jpg").status_code == 404
    assert client.get("/shared/batch/nobody-knows/").status_code == 404


PAGES = {
    "": "get", "status/": "get", "files.csv": "get", "report.pdf": "get",
    "files/": "post", "act/": "post", "delete/": "post", "share/": "post", "unshare/": "post",
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_a_batch_is_its_owners_alone(alice, as_bob, as_staff, name):
    batch = batch_of(alice, 1)
    address, method = f"/batches/{batch.uuid}/{name}", PAGES[name]
    assert getattr(as_bob, method)(address).status_code == 404
    assert getattr(as_staff, method)(address).status_code == 404
    anonymous = getattr(Client(), method)(address)
    assert anonymous.status_code == 302 and anonymous.url.startswith("/accounts/login/")
    assert getattr(as_bob, {"get": "post", "post": "get"}[method])(address).status_code == 405
    assert Batch.objects.exists()


def test_an_act_that_nobody_offers_is_refused(alice, as_alice):
    batch = batch_of(alice, 1)
    assert as_alice.post(f"/batches/{batch.uuid}/act/", {"act": "explode"}).status_code == 400
    as_alice.post(f"/batches/{batch.uuid}/act/", {"act": "rename", "name": "  Spring \u202e "})
    batch.refresh_from_db()
    assert batch.name == "Spring"
    assert (
        "There was nothing to change"
        in as_alice.post(f"/batches/{batch.uuid}/act/", {"act": "resume"}, follow=True).content.decode()
    )


def test_single_uploads_go_before_batches_and_batches_before_imports(alice, bob):
    batch = batch_of(alice, 2)
    imported = factories.submitted(bob, "import.jpg", jpeg(60))
    Image.objects.filter(pk=imported.pk).update(background=True)
    single = factories.submitted(bob, "single.jpg", jpeg(61))
    order = [single, *batch.own_images.order_by("pk"), imported]
    assert [Image.objects.get(pk=image.pk).queue_position() for image in order] == [1, 2, 3, 4]
    for expected in ([single], order[1:3], [imported]):
        taken = Image.objects.claim(uuid.uuid4(), 8)
        assert sorted(image.pk for image in taken) == sorted(image.pk for image in expected)
        Image.objects.filter(pk__in=[image.pk for image in taken]).update(state=State.DONE)


def test_expired_batches_go_with_their_pictures(alice, settings):
    settings.RETENTION_DAYS = 7
    old, new = batch_of(alice, 1), batch_of(alice, 1, first=5)
    Batch.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=8))
    Image.objects.filter(pk__in=old.own_images.values("pk")).update(created_at=timezone.now() - timedelta(days=8))
    retention.delete_expired()
    assert list(Batch.objects.all()) == [new] and Image.objects.count() == 1


def test_my_data_holds_the_batches(alice, as_alice):
    batch = batch_of(alice, 1, refused=["x.txt"])
    with zipfile.ZipFile(io.BytesIO(body(as_alice.post("/account/data/")))) as archive:
        [told] = json.loads(archive.read("batches.json"))
    assert told["name"] == batch.name
    assert told["files"] == [
        {"path": "1.jpg", "image": batch.own_images.get().pk, "refused": ""},
        {"path": "x.txt", "image": None, "refused": "it is not an image."},
    ]
