"""With STORAGE_URL every file goes through the object store; nothing that goes wrong there is booked on a picture."""

import errno
import zipfile
from io import BytesIO
from urllib.parse import urlsplit

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from aidetect import copies, store_address
from classifier import tasks
from classifier.labelling import imports
from classifier.models import Detector, Image, ImportBatch, Promotion, Removal, State, Verdict, remove_overdue
from classifier.models.claims import is_trouble
from classifier.registry import bundles, detectors
from tests import factories, object_store
from tests.pictures import jpeg

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
SECONDS = 1
"""After which a store that hangs counts as one."""


@pytest.fixture(scope="module")
def server():
    with object_store.running() as (port, app):
        yield port, app


@pytest.fixture
def s3(server, settings):
    """The store's faults and requests; everything of this test goes there."""
    port, app = server
    app.fault, app.requests = "", []
    told = store_address.parse(object_store.url_of(port, timeout=SECONDS, prefix=f"test-{time_now()}"))
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "aidetect.store.ObjectStore", "OPTIONS": told}}
    yield app
    app.fault = ""


def time_now():
    return timezone.now().strftime("%H%M%S%f")


def names(folder):
    folders, files = default_storage.listdir(folder)
    return sorted([*files, *(f"{one}/{name}" for one in folders for name in names(f"{folder}/{one}"))])


def later():
    Image.objects.exclude(not_before=None).update(not_before=timezone.now())


def on_this_machine(settings):
    return [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_what_the_address_says():
    told = store_address.parse("s3://k%2F1:se%40cret@minio:9000/pictures?tls=false&prefix=/a/&timeout=3")
    assert told["endpoint_url"] == "http://minio:9000" and told["bucket_name"] == "pictures"
    assert (told["access_key"], told["secret_key"]) == ("k/1", "se@cret")
    assert (told["location"], told["timeout"], told["region_name"]) == ("a", 3.0, "us-east-1")
    amazon = store_address.parse("s3:///pictures?region=eu-west-1")
    assert amazon["endpoint_url"] == "https://s3.eu-west-1.amazonaws.com" and amazon["access_key"] is None


@pytest.mark.parametrize("url", ["http://x/y", "s3://k:s@host", "s3://h/a/b", "s3://h/a?tls=maybe", "s3://h/a?x=1"])
def test_a_wrong_address_is_refused(url):
    with pytest.raises(ValueError):
        store_address.parse(url)


def test_a_file_comes_back_as_it_went_in(s3, settings):
    content = b"0123456789" * 1_200_000  # in several parts, and more than is kept in memory
    name = default_storage.save("uploads/1/a", ContentFile(content))
    with default_storage.open(name) as file:
        assert file.size == len(content) and file.read() == content
    assert default_storage.exists(name) and default_storage.size(name) == len(content)
    copies.on_disk(name, settings.MEDIA_ROOT / "copy")
    assert (settings.MEDIA_ROOT / "copy").read_bytes() == content
    default_storage.delete(name)
    default_storage.delete(name)
    assert not default_storage.exists(name)
    with pytest.raises(FileNotFoundError) as caught:
        default_storage.open(name)
    assert not is_trouble(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: default_storage.open("a"),
        lambda: default_storage.save("a", ContentFile(b"a")),
        lambda: default_storage.delete("a"),
        lambda: default_storage.exists("a"),
        lambda: default_storage.size("a"),
        lambda: default_storage.listdir("a"),
        lambda: default_storage.fetch("a", copies.fetched("a") / "a"),
    ],
)
def test_a_store_that_fails_is_trouble_of_the_machine(s3, ask, settings):
    s3.fault = "500"
    with pytest.raises(OSError) as caught:
        ask()
    assert is_trouble(caught.value) and caught.value.errno == errno.EIO
    assert not on_this_machine(settings)


def test_a_store_that_hangs_keeps_only_the_first_one_waiting(s3):
    s3.fault = "hang"
    for _ in range(20):
        with pytest.raises(TimeoutError) as caught:
            default_storage.exists("a")
        assert is_trouble(caught.value)
    assert len(s3.requests) <= 2, "the others were refused at once"


def test_a_store_that_is_not_there_is_trouble(settings):
    told = store_address.parse("s3://k:s@127.0.0.1:9/pictures?tls=false&timeout=1")
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "aidetect.store.ObjectStore", "OPTIONS": told}}
    with pytest.raises(OSError) as caught:
        default_storage.exists("a")
    assert is_trouble(caught.value)


@pytest.mark.keras
def test_the_whole_path_of_one_upload(s3, tiny, upload, as_alice, as_bob, alice, settings):
    upload(("a.jpg", jpeg(1)))
    assert tasks.classify_pending() == 1
    image = Image.objects.get()
    assert image.state == State.DONE and image.heat
    assert names("uploads") == [f"{alice.pk}/{image.uuid}"] and len(names("derived")) == 3
    assert not on_this_machine(settings), "nothing stays behind"
    page = as_alice.get(image.get_absolute_url()).content.decode()
    assert "127.0.0.1" not in page, "the store's address is nobody's business"
    for kind in ("original", "display", "thumbnail", "heat"):
        address = f"/images/{image.uuid}/{kind}"
        answer = as_alice.get(address)
        content = b"".join(answer.streaming_content)
        assert content[:2] == (b"\x89P" if kind == "heat" else b"\xff\xd8")
        assert "sandbox" in answer["Content-Security-Policy"] and int(answer["Content-Length"]) == len(content)
        assert as_bob.get(address).status_code == 404 and Client().get(address).status_code == 302
    assert b"".join(as_alice.post("/account/data/").streaming_content)[:2] == b"PK"
    assert as_alice.post(f"/images/{image.uuid}/delete/").status_code == 302


def test_nothing_in_the_store_is_public(s3, server, upload, alice):
    upload(("a.jpg", jpeg(1)))
    image = Image.objects.get()
    signed = image.original.storage.signed(image.original.name, "application/octet-stream", 'attachment; filename="a"')
    assert "X-Amz-Signature" in signed and "X-Amz-Expires=60" in signed
    answer = requests.get(signed, timeout=10)
    assert answer.content == jpeg(1) and answer.headers["Content-Type"] == "application/octet-stream"
    assert "attachment" in answer.headers["Content-Disposition"]
    grants = default_storage.bucket.Object(default_storage._normalize_name(image.original.name)).Acl().grants
    assert {grant["Grantee"]["Type"] for grant in grants} == {"CanonicalUser"}, "the owner of the bucket alone"


def test_signed_addresses_lead_to_the_store_when_a_setting_says_so(s3, upload, as_alice, as_bob, settings):
    settings.SERVE_FILES = "signed"
    upload(("a b.jpg", jpeg(1)))
    address = f"/images/{Image.objects.get().uuid}/original"
    answer = as_alice.get(address)
    assert answer.status_code == 302 and "no-store" in answer["Cache-Control"]
    assert requests.get(answer["Location"], timeout=10).content == jpeg(1)
    assert as_bob.get(address).status_code == 404


@pytest.mark.parametrize("remote", [True, False])
def test_nginx_gives_files_out_when_a_setting_says_so(request, upload, as_alice, as_bob, settings, remote):
    if remote:
        request.getfixturevalue("s3")
    settings.SERVE_FILES = "nginx"
    upload(("a.jpg", jpeg(1)))
    image = Image.objects.get()
    answer = as_alice.get(f"/images/{image.uuid}/original")
    inside = urlsplit(answer["X-Accel-Redirect"])
    assert answer.content == b"" and 'filename="a.jpg"' in answer["Content-Disposition"]
    assert inside.path.startswith("/protected/store/pictures/" if remote else "/protected/files/uploads/")
    assert inside.path.endswith(image.original.name) and ("X-Amz-Signature" in inside.query) == remote
    assert as_bob.get(f"/images/{image.uuid}/original").status_code == 404


@pytest.mark.parametrize("fault", ["500", "hang"])
def test_an_upload_that_the_store_refuses_is_told_so(s3, upload, as_alice, fault):
    s3.fault = fault
    answer = upload(("a.jpg", jpeg(1)), follow=True)
    text = answer.content.decode()
    assert answer.status_code == 200 and "The file storage does not answer; a.jpg was not stored" in text
    assert not Image.objects.exists()
    s3.fault = ""


def test_a_page_says_that_the_store_is_away(s3, picture, as_alice):
    s3.fault = "500"
    answer = as_alice.get(f"/images/{picture.uuid}/original")
    assert answer.status_code == 503 and "The file storage does not answer" in answer.content.decode()
    assert answer["Retry-After"]


@pytest.mark.keras
@pytest.mark.parametrize("fault", ["500", "hang"])
def test_a_store_in_trouble_fails_no_picture(s3, tiny, upload, settings, fault):
    for number in range(4):
        upload((f"{number}.jpg", jpeg(number)))
    for _ in range(settings.MAX_ATTEMPTS + 1):
        s3.fault = fault
        assert tasks.classify_pending() == 0
        assert set(Image.objects.values_list("state", "error", "attempts")) == {(State.WAITING, "", 0)}
        later()
    s3.fault, default_storage.hung_until = "", 0
    assert tasks.classify_pending() == 4
    assert Image.objects.filter(state=State.DONE).count() == Verdict.objects.count() == 4
    assert len(names("derived")) == 12


@pytest.mark.keras
def test_a_lost_file_is_said_to_be_lost_and_comes_back_with_the_next_upload(s3, tiny, upload, as_alice):
    upload(("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)))
    lost = Image.objects.get(name="a.jpg")
    default_storage.delete(lost.original.name)
    tasks.classify_pending()
    lost.refresh_from_db()
    assert lost.state == State.FAILED and "is lost, through no fault of yours. Upload it again" in lost.error
    assert "Upload it again" in as_alice.get(lost.get_absolute_url()).content.decode()
    assert Image.objects.get(name="b.jpg").state == State.DONE
    upload(("a.jpg", jpeg(1)))
    tasks.classify_pending()
    lost.refresh_from_db()
    assert (lost.state, lost.error) == (State.DONE, "") and Image.objects.count() == 2


def zipped(*files):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    buffer.seek(0)
    return ContentFile(buffer.getvalue())


def test_an_import_fetches_its_zip_once_and_drops_it(s3, staff):
    archive = zipped(*((f"{('REAL', 'FAKE')[n % 2]}/{n}.jpg", jpeg(n)) for n in range(4)))
    batch = imports.start(staff, "CC0", archive=archive)
    assert names("imports")
    while imports.step():
        pass
    batch.refresh_from_db()
    assert (batch.state, batch.added) == ("done", 4) and not names("imports")
    gets = [path for method, path in s3.requests if method == "GET" and "/imports/" in path]
    assert len(gets) == 1
    assert not list(copies.fetched("imports").iterdir())


def test_an_import_whose_zip_is_lost_says_so(s3, staff):
    batch = imports.start(staff, "CC0", archive=zipped(("REAL/1.jpg", jpeg(1))))
    default_storage.delete(batch.archive.name)
    imports._copy_of(batch.archive.name).unlink()
    imports.step()
    assert "the zip is gone" in ImportBatch.objects.get().error


@pytest.mark.keras
def test_another_machine_fetches_a_trained_detector_once(s3, tiny, tiny_bundle, settings, tmp_path, staff):
    import shutil

    from classifier.worker import loop
    from tests.loop import another

    trained = another(detectors.active(), "trained")
    assert trained.bundle and bundles.is_there(trained)
    shutil.rmtree(settings.MEDIA_ROOT)  # this is another machine now
    detectors.switch_to(trained, staff, "better")
    for _ in range(3):
        assert loop.load(detectors.active()).card.version == "trained"
    gets = [path for method, path in s3.requests if method == "GET" and path.endswith(".zip")]
    assert len(gets) == 1
    before = bundles.folder_of(trained).name
    with bundles.open_for_change(trained) as folder:
        detectors.revise(folder, fake_below=0.1)
    assert loop.load(detectors.active()).card.fake_below == 0.1, "a changed card is noticed"
    assert bundles.folder_of(detectors.active()).name != before
    assert Promotion.objects.first().detector == trained
    default_storage.save(detectors.active().bundle.name, ContentFile(b"PK something else"))
    shutil.rmtree(settings.MEDIA_ROOT)
    with pytest.raises(bundles.BundleError, match="the file was altered"):
        bundles.folder_of(detectors.active())
    default_storage.delete(detectors.active().bundle.name)
    assert not bundles.is_there(detectors.active())
    with pytest.raises(bundles.BundleError, match="it is gone"):
        bundles.folder_of(detectors.active())


def test_what_was_trained_before_is_put_into_the_store(settings, detector, request):
    from tests.loop import another

    mine = another(detector, "mine")
    assert not mine.bundle
    request.getfixturevalue("s3")
    detectors.install_shipped()
    assert Detector.objects.get(version="mine").bundle


@pytest.mark.keras
def test_training_reads_from_the_store_and_leaves_nothing_behind(s3, tiny, alice, staff, settings, eager):
    from classifier.learning import versions
    from classifier.models import TrainingRun
    from classifier.worker import trainer
    from tests.loop import frozen

    version = frozen(alice, staff, 24)
    assert names("datasets") == ["1.csv"] and not on_this_machine(settings)
    lost = Image.objects.order_by("pk").last()
    default_storage.delete(lost.original.name)
    run = TrainingRun.objects.create(dataset=version, architecture="cnn32", name="fresh", epochs=1, minutes=1, by=staff)
    trainer.work()
    run.refresh_from_db()
    assert (run.state, run.error) == ("done", "")
    assert run.detector.bundle and bundles.is_there(run.detector)
    assert not list(copies.fetched("pictures").iterdir()), "no picture stays on the training machine"
    count, gone = versions.export(version, settings.MEDIA_ROOT / "export")
    assert (count, gone) == (23, [lost.sha256])


@pytest.mark.keras
def test_features_are_shared_between_training_machines(s3, settings):
    import shutil

    import numpy as np

    from classifier.detector.training.feature_cache import FeatureCache
    from classifier.worker.shared_features import shared

    folder = settings.MEDIA_ROOT / "features"
    for machine in range(3):
        with shared():
            cache = FeatureCache(folder, {"encoder": "x"}, 2)
            assert len(cache.places) == machine
            cache.add([f"{machine}"], np.full((1, 2), machine))
        shutil.rmtree(settings.MEDIA_ROOT)
    with shared():
        cache = FeatureCache(folder, {"encoder": "x"}, 2)
        assert cache.get(["0", "1", "2"]).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert len(names("features")) == 1


def test_readiness_notices_a_store_that_is_away(s3, client):
    assert client.get("/readyz").json()["storage"] == "ok"
    s3.fault = "500"
    assert client.get("/readyz").json()["storage"].startswith("failed")


def test_deleting_an_account_empties_the_store(s3, picture, alice, django_capture_on_commit_callbacks):
    factories.judged(picture)
    with django_capture_on_commit_callbacks(execute=True):
        alice.delete()
    assert names("uploads") == []


@pytest.mark.parametrize("fault", ["500", "hang"])
def test_what_the_store_would_not_delete_is_deleted_later(
    s3, picture, as_alice, fault, django_capture_on_commit_callbacks
):
    s3.fault = fault
    with django_capture_on_commit_callbacks(execute=True):
        as_alice.post(f"/images/{picture.uuid}/delete/")
    assert not Image.objects.exists() and Removal.objects.count() == 1
    assert remove_overdue() == 0, "not yet"
    s3.fault, default_storage.hung_until = "", 0
    assert fault == "hang" or names("uploads") != [], "a store that hung may have done it after all"
    assert remove_overdue() == 1
    assert names("uploads") == [] and not Removal.objects.exists()
