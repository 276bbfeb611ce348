"""Three people: alice owns, bob is a stranger, staff labels. Files go to a temporary folder."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests never read the developer's own data or settings.
for name in ("SECRET_KEY", "MEDIA_ROOT", "REVIEW_SCOPE", "ALLOWED_HOSTS", "HTTPS", "REDIS_URL"):
    os.environ.pop(name, None)

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.intake import neighbours
from classifier.models import Image
from classifier.registry import detectors
from tests import factories, pictures


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.WHITENOISE_AUTOREFRESH = True
    neighbours._index = neighbours._Index()  # of this test's database
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture(autouse=True)
def wakeups(monkeypatch):
    """No broker in unit tests: wake-ups are counted instead of sent. The stack tests use a real Redis."""
    sent = []
    monkeypatch.setattr("classifier.wakeups.current_app.send_task", lambda name, **options: sent.append(name))
    return sent


def person(name, **extra):
    return User.objects.create_user(name, f"{name}@example.org", f"{name}-password-1", **extra)


@pytest.fixture
def alice(db):
    return person("alice")


@pytest.fixture
def bob(db):
    return person("bob")


@pytest.fixture
def staff(db):
    return person("staff", is_staff=True, is_superuser=True)


@pytest.fixture
def sign_in():
    def client_of(user):
        client = Client()
        client.force_login(user)
        return client

    return client_of


@pytest.fixture
def as_alice(alice, sign_in):
    return sign_in(alice)


@pytest.fixture
def as_bob(bob, sign_in):
    return sign_in(bob)


@pytest.fixture
def as_staff(staff, sign_in):
    return sign_in(staff)


@pytest.fixture
def upload(as_alice):
    """Post files as alice: upload(("a.jpg", bytes), consent=True)."""

    def post(*files, client=as_alice, consent=False, **extra):
        chosen = [SimpleUploadedFile(name, content) for name, content in files]
        data = {"images": chosen, **({"consent": "on"} if consent else {})}
        return client.post("/", data, **extra)

    return post


@pytest.fixture
def picture(upload, alice):
    """One accepted image of alice's, waiting."""
    upload(("holiday.jpg", pictures.jpeg()), consent=True)
    return Image.objects.get(owner=alice)


@pytest.fixture
def classified(picture):
    """The same image with a verdict: a row of the factory's, no network looked at it."""
    return factories.judged(picture)


@pytest.fixture
def analysed(picture):
    """The same image after the shipped detector has really seen it."""
    from classifier.worker.loop import classify_waiting

    assert classify_waiting(8) == 1
    picture.refresh_from_db()
    return picture


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory):
    """A folder with one detector that was trained for a moment: the original network, a thousand times quicker."""
    from classifier.detector.training.runner import Config
    from classifier.worker import candidates
    from tests.detector.test_training import dataset

    folder = tmp_path_factory.mktemp("tiny")
    (folder / "pictures").mkdir()
    config = Config("cnn32", "tiny", epochs=1, augment=False)
    candidates.train_rows(config, dataset(folder / "pictures", 40), folder / "shipped" / "tiny")
    return folder / "shipped"


@pytest.fixture
def tiny(tiny_bundle, settings):
    """The quick detector instead of the shipped one."""
    settings.SHIPPED_DETECTORS = tiny_bundle


@pytest.fixture
def detector(db):
    return detectors.active()
