"""The upload page, with good files and with every kind of bad one."""

import errno
import io
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.http.request import UnreadablePostError
from django.test import RequestFactory
from PIL import Image as Picture

from classifier.intake.checks import clean_name
from classifier.intake.submitting import CheckedFile, submit_images
from classifier.models import Batch, Image, State
from tests.pictures import encoded, jpeg, photo


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


def test_a_stranger_sees_the_landing_page(client):
    response = client.get("/")
    assert "Create an account" in response.content.decode()
    assert response.status_code == 200


def test_the_form_says_its_limits_before_anything_is_chosen(as_alice):
    page = as_alice.get("/").content.decode()
    assert "at most 100 MB and 200 megapixels (64 if not JPEG)" in page
    assert "HEIC" in page
    assert 'name="consent"' in page and "checked" not in page


def test_one_good_file_leads_to_its_result_page(upload, alice, wakeups, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        response = upload(("holiday.jpg", jpeg()), consent=True)
    image = Image.objects.get(owner=alice)
    assert response.url == image.get_absolute_url()
    assert (image.state, image.consent, image.name, image.format) == (State.WAITING, True, "holiday.jpg", "JPEG")
    assert (image.width, image.height) == (96, 80)
    assert len(wakeups) == 1


def test_original_bytes_are_kept_unchanged(upload):
    content = jpeg(seed=3)
    upload(("a.jpg", content))
    with Image.objects.get().original.open() as file:
        assert file.read() == content


@pytest.mark.postgres
def test_one_bad_file_never_spoils_the_others(upload, as_alice):
    response = upload(("a.jpg", jpeg(1)), ("broken.jpg", b"text"), ("b.jpg", jpeg(2)), ("empty.png", b""))
    batch = Batch.objects.get()
    assert response.url == batch.get_absolute_url()
    assert sorted(Image.objects.values_list("name", flat=True)) == ["a.jpg", "b.jpg"]
    assert [item.name for item in batch.refusals] == ["broken.jpg", "empty.png"]
    page = as_alice.get(response.url).content.decode()
    assert "2 accepted, 2 refused: show" in page and "it is not an image" in page and "the file is empty" in page


def test_only_bad_files_show_the_form_again_with_a_sentence_each(upload):
    response = upload(("broken.jpg", b"text"), ("empty.png", b""))
    assert response.status_code == 200
    assert "broken.jpg: it is not an image" in response.content.decode()
    assert "empty.png: the file is empty" in response.content.decode()
    assert not Image.objects.exists()


def test_nothing_chosen_is_said(as_alice):
    assert "Choose at least one image." in as_alice.post("/", {}).content.decode()


@pytest.mark.postgres
def test_the_same_bytes_again_lead_to_the_existing_result(upload, as_alice):
    first = upload(("a.jpg", jpeg(1)))
    second = upload(("renamed.jpg", jpeg(1)))
    assert first.url == second.url
    assert Image.objects.count() == 1
    assert "You uploaded a.jpg before" in messages_of(as_alice.get(second.url))[0]


def test_two_people_may_own_the_same_bytes(upload, as_bob):
    upload(("a.jpg", jpeg(1)))
    upload(("a.jpg", jpeg(1)), client=as_bob)
    assert Image.objects.count() == 2


def test_a_file_that_another_request_stored_meanwhile_is_found(alice, monkeypatch, settings):
    """Posted twice at the same moment: the second insert meets the constraint and gives back the first row."""
    from classifier.detector.images.decoding import Header

    def checked():
        return [CheckedFile(SimpleUploadedFile("a.jpg", jpeg(1)), "a.jpg", Header("JPEG", 96, 80))]

    first = submit_images(alice, checked(), consent=False)[0]
    empty = Image.objects.none()
    monkeypatch.setattr(Image.objects, "filter", lambda **kwargs: empty)
    second = submit_images(alice, checked(), consent=False)[0]
    assert second.image == first.image and not second.created
    stored = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(stored) == 1


def test_too_many_files_accepts_the_first_ones_and_names_the_rest(upload, settings, as_alice):
    settings.MAX_FILES = 2
    response = upload(*((f"{number}.jpg", jpeg(number)) for number in range(4)))
    assert Image.objects.count() == 2
    assert "You chose 4 files; at most 2" in as_alice.get(response.url).content.decode()


def test_a_file_over_the_size_limit_is_refused_with_both_sizes(upload, settings):
    settings.MAX_UPLOAD_MB = 0.001
    page = upload(("big.jpg", jpeg())).content.decode()
    assert "big.jpg is" in page and "the limit is 0.001 MB. Export a smaller copy" in page


def test_a_huge_file_is_counted_but_not_kept(upload, settings, monkeypatch):
    from django.core.files.uploadedfile import TemporaryUploadedFile

    settings.MAX_UPLOAD_MB, settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0.1, 1000
    kept, close = [], TemporaryUploadedFile.close
    monkeypatch.setattr(TemporaryUploadedFile, "close", lambda self: (kept.append(self.file.seek(0, 2)), close(self)))
    page = upload(("huge.bmp", b"x" * 5_000_000)).content.decode()
    assert "huge.bmp is 5.0 MB; the limit is 0.1 MB" in page
    assert kept and max(kept) < 300_000


@pytest.mark.keras
@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "../../up.jpg", "‮gpj.exe", "🐈‍⬛.jpg", "a\\b.jpg"])
def test_odd_file_names_are_accepted_end_to_end(upload, name):
    from classifier.worker.loop import classify_waiting

    assert upload((name, jpeg())).status_code == 302
    assert classify_waiting(8) == 1
    image = Image.objects.get()
    assert image.state == State.DONE and len(image.name) <= 120
    assert image.original.name == f"uploads/{image.owner_id}/{image.uuid}"


def test_signed_out_people_lose_nothing_silently(client, db):
    response = client.post("/", {"images": [SimpleUploadedFile("a.jpg", jpeg())]}, follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/")
    assert "nothing was uploaded" in response.content.decode()


def test_an_expired_form_is_explained(alice):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    response = strict.post("/", {"images": [SimpleUploadedFile("a.jpg", jpeg())]})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


def test_a_script_gets_the_address_and_the_messages_stay(upload, as_alice):
    upload(("a.jpg", jpeg(1)))
    response = upload(("renamed.jpg", jpeg(1)), headers={"X-Requested-With": "XMLHttpRequest"})
    assert response.json() == {"location": Image.objects.get().get_absolute_url()}
    assert "a.jpg before" in messages_of(as_alice.get(response.json()["location"]))[0]


def test_a_script_gets_the_errors(upload):
    response = upload(("x.jpg", b"x"), headers={"X-Requested-With": "XMLHttpRequest"})
    assert "x.jpg" in response.json()["errors"][0]


def test_uploads_are_accepted_while_the_broker_is_away(upload, monkeypatch, django_capture_on_commit_callbacks):
    def refuse(*names, **options):
        raise ConnectionError("no broker")

    monkeypatch.setattr("classifier.wakeups.current_app.send_task", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        assert upload(("a.jpg", jpeg())).status_code == 302
    assert Image.objects.get().state == State.WAITING


def test_an_upload_cut_in_the_middle_is_no_server_error(alice, monkeypatch):
    from classifier.views.home import home

    def cut(request):
        raise UnreadablePostError("the connection is gone")

    request = RequestFactory().post("/", data=b"half", content_type="multipart/form-data; boundary=x")
    request.user = alice
    monkeypatch.setattr(type(request), "_load_post_and_files", cut)
    response = home(request)
    assert response.status_code == 400
    assert not Image.objects.exists()


def test_the_organisation_scope_is_said_on_the_form(as_alice, settings):
    settings.REVIEW_SCOPE = "all"
    page = as_alice.get("/").content.decode()
    assert 'name="consent"' not in page
    assert "may be reviewed by staff" in page


GOOD = {
    "jpeg": lambda: jpeg(),
    "progressive jpeg": lambda: jpeg(progressive=True),
    "cmyk jpeg": lambda: encoded(photo().convert("CMYK"), "JPEG"),
    "grey jpeg": lambda: encoded(photo().convert("L"), "JPEG"),
    "png": lambda: encoded(format="PNG"),
    "palette png": lambda: encoded(photo().convert("P"), "PNG"),
    "alpha png": lambda: encoded(photo().convert("RGBA"), "PNG"),
    "16-bit png": lambda: encoded(Picture.fromarray((np.arange(96 * 80).reshape(80, 96) * 8).astype(np.uint16)), "PNG"),
    "1-bit png": lambda: encoded(photo().convert("1"), "PNG"),
    "webp": lambda: encoded(format="WEBP"),
    "animated webp": lambda: encoded(format="WEBP", save_all=True, append_images=[photo(seed=1)]),
    "animated gif": lambda: encoded(
        photo().convert("P"), "GIF", save_all=True, append_images=[photo(seed=1).convert("P")]
    ),
    "bmp": lambda: encoded(format="BMP"),
    "tiff": lambda: encoded(format="TIFF"),
    "avif": lambda: encoded(format="AVIF"),
    "heic": lambda: encoded(format="HEIF"),
    "rotated": lambda: encoded(exif=_orientation(6)),
    "jpeg named .png": lambda: jpeg(5),
}


def _orientation(value):
    exif = Picture.Exif()
    exif[0x0112] = value
    return exif


@pytest.mark.keras
@pytest.mark.parametrize("kind", GOOD)
def test_every_promised_kind_of_file_is_read_by_content(upload, kind):
    from classifier.worker.loop import classify_waiting

    assert upload((f"{kind}.bin", GOOD[kind]())).status_code == 302
    assert classify_waiting(8) == 1
    image = Image.objects.get()
    assert (image.state, image.error) == (State.DONE, "")
    assert image.outcome in ("REAL", "FAKE", "INCONCLUSIVE")
    with image.display.open() as file, Picture.open(file) as display:
        assert display.mode == "RGB" and not display.getexif()


@pytest.mark.keras
def test_a_rotated_photo_is_shown_upright(upload):
    from classifier.worker.loop import classify_waiting

    upload(("phone.jpg", GOOD["rotated"]()))
    classify_waiting(8)
    with Image.objects.get().display.open() as file, Picture.open(file) as display:
        assert display.size == (80, 96)


def _bomb():
    """A PNG header that promises 60,000 × 60,000 pixels."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


def _broken_crc():
    content = bytearray(encoded(format="PNG"))
    content[content.index(b"IHDR") + 17] ^= 0xFF
    return bytes(content)


def _zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jpg", jpeg())
    return buffer.getvalue()


BAD = {
    "empty file": (lambda: b"", "the file is empty"),
    "text": (lambda: b"this is text, not a picture", "it is not an image"),
    "truncated jpeg": (lambda: jpeg(width=400, height=400)[:3000], "damaged or incomplete"),
    "truncated png": (lambda: encoded(photo(200, 200), "PNG")[:5000], "damaged or incomplete"),
    "truncated heic": (lambda: encoded(photo(200, 200), "HEIF")[:900], "damaged or incomplete"),
    "truncated webp": (lambda: encoded(photo(200, 200), "WEBP")[:700], "damaged or incomplete"),
    "only a jpeg header": (lambda: jpeg()[:20], "it is not an image|damaged"),
    "png with a wrong crc": (_broken_crc, "it is not an image|damaged"),
    "decompression bomb": (_bomb, "megapixels"),
    "1×1": (lambda: encoded(photo(1, 1), "PNG"), "it is 1 × 1 pixels"),
    "30,000×10": (lambda: encoded(Picture.new("RGB", (30_000, 10)), "PNG"), "it is 30000 × 10 pixels"),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "it is not an image"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "it is not an image"),
    "zip": (_zip, "it is not an image"),
}


@pytest.mark.parametrize("kind", BAD)
def test_every_kind_of_bad_file_gets_its_sentence(upload, kind):
    make, expected = BAD[kind]
    response = upload((f"{kind}.jpg", make()))
    assert response.status_code == 200
    errors = response.context["form"].errors["images"]
    assert len(errors) == 1 and errors[0].startswith(f"{kind}.jpg")
    assert any(words in errors[0] for words in expected.split("|")), errors[0]
    assert not Image.objects.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\cat.jpg", "cat.jpg"),
        ("🐈 cat.jpg", "🐈 cat.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\x00b\n.png", "ab.png"),
        ("", "image"),
        ("/", "image"),
    ],
)
def test_file_names_are_safe_to_show(given, expected):
    assert clean_name(given) == expected


def test_long_names_keep_their_extension():
    name = clean_name("x" * 300 + ".jpeg")
    assert len(name) == 120 and name.endswith("….jpeg")


def test_odd_names_reach_the_page_escaped(upload, as_alice):
    response = upload(("<b>&🐈‮.jpg", jpeg()), follow=True)
    page = response.content.decode()
    assert "&lt;b&gt;&amp;🐈" in page and "<b>&🐈" not in page


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite writers are serialised; PostgreSQL ones are not"
)
def test_the_same_file_posted_in_two_threads_makes_one_row(alice):
    from classifier.detector.images.decoding import Header

    barrier, results = threading.Barrier(2), []

    def post():
        checked = CheckedFile(SimpleUploadedFile("a.jpg", jpeg(1)), "a.jpg", Header("JPEG", 96, 80))
        barrier.wait()
        results.append(submit_images(alice, [checked], consent=False)[0])
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert Image.objects.count() == 1
    assert results[0].image == results[1].image


def test_a_full_disk_is_said_and_what_was_stored_before_stays_accepted(upload, as_alice, monkeypatch, settings):
    real = FileSystemStorage._save

    def full(self, name, content):
        if Image.objects.exists():
            real(self, name, content)  # in part, maybe
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "_save", full)
        said = messages_of(upload(("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)), ("c.jpg", jpeg(3)), follow=True))
        assert said == [
            "The disk is full; b.jpg and what came after it was not stored. Please try again in a few minutes."
        ]
        said = messages_of(upload(("b.jpg", jpeg(2)), follow=True))
        assert said == ["The disk is full; b.jpg was not stored. Please try again in a few minutes."]
    assert [image.name for image in Image.objects.all()] == ["a.jpg"]
    assert len([path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]) == 1, "no part of a file is left"
    upload(("b.jpg", jpeg(2)))
    assert Image.objects.count() == 2


def test_a_database_that_does_not_answer_is_no_error_page(upload, as_alice, monkeypatch):
    def away(*rest, **options):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("classifier.views.home.UploadForm", away)
    answer = as_alice.get("/")
    assert answer.status_code == 503 and "The database does not answer" in answer.content.decode()
