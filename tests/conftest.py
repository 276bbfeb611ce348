"""Three people: alice owns, bob is a stranger, staff labels. Files go to a temporary folder."""

import contextlib
import dataclasses
import functools
import os
import re
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:  # one thread of TensorFlow for each of the processes that share the cores
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
# Tests never read the developer's own data or settings.
for name in (
    "SECRET_KEY",
    "MEDIA_ROOT",
    "REVIEW_SCOPE",
    "ALLOWED_HOSTS",
    "HTTPS",
    "REDIS_URL",
    "STORAGE_URL",
    "SERVE_FILES",
):
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
from tests.placing import needs_the_stack
from tests.stack import Stack

KERAS = re.compile(r"^pytestmark = .*pytest\.mark\.keras", re.M)


def pytest_collection_modifyitems(items):
    for item in items:
        if {"tiny", "tiny_bundle", "analysed"} & set(item.fixturenames):
            item.add_marker("keras")
        if {"stack", "loop_stack"} & set(item.fixturenames):
            item.add_marker("stack")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Files that use the real stack run in one process, one after the other; all other tests go where there is room.
    By file, because pytest-xdist 3.8 can't put its groups into the node ids of pytest 9.2."""
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class OneStack(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid):
            path = Path(config.rootpath, nodeid.split("::", 1)[0])
            return "stack" if needs_the_stack(path) else nodeid

    return OneStack(config, log)


def pytest_ignore_collect(collection_path, config):
    """Files that need Keras as a whole are not even imported where no test with Keras is wanted: that takes seconds."""
    if collection_path.name == "production":  # `make test-production`
        return not any("production" in str(argument) for argument in config.args)
    wanted = "not keras" not in config.option.markexpr or collection_path.suffix != ".py"
    return None if wanted or not KERAS.search(collection_path.read_text()) else True


@pytest.fixture(autouse=True)
def keras_is_marked(request):
    """`make check` is quick only as long as every test that loads Keras says so."""
    before = "keras" in sys.modules
    yield
    loaded = "keras" in sys.modules and not before
    assert not loaded or request.node.get_closest_marker("keras"), "this test loads Keras: mark it `keras`"


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.WHITENOISE_AUTOREFRESH = True
    settings.DETECTOR = "quick"
    neighbours._index = neighbours._Index()  # of this test's database
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture(autouse=True)
def installed(request, own_files):
    """What the launcher does before anything else, for tests with a database; not for those marked `fresh`."""
    marks = {mark.name for mark in request.node.iter_markers()}
    if "tiny" in request.fixturenames:  # which installs itself, with nothing before it to roll back to
        return
    if {"db", "django_db", "transactional_db"} & (set(request.fixturenames) | marks) and "fresh" not in marks:
        request.getfixturevalue("transactional_db" if "transactional_db" in request.fixturenames else "db")
        detectors.install_shipped()


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


@contextlib.contextmanager
def step_by_step():
    """Training of a few steps costs less when they run one by one than when Keras builds a graph of them first."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "compile", functools.partialmethod(keras.Model.compile, run_eagerly=True))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`compile\\(\\)` was not called")  # Keras sees another function
            yield


@pytest.fixture
def eager():
    with step_by_step():
        yield


@pytest.fixture
def small_fusion(monkeypatch):
    """The joint network as it is, but for its squares: 64 instead of 224 pixels a side, a twelfth of the work."""
    from classifier.detector.networks import architectures

    _, spec = architectures.ARCHITECTURES["fusion"]
    small = functools.partial(architectures.fusion, 64), dataclasses.replace(spec, size=64)
    monkeypatch.setitem(architectures.ARCHITECTURES, "fusion", small)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory, django_db_setup, django_db_blocker):
    """A folder with one detector that was trained for a moment: the original network, a thousand times quicker."""
    from classifier.detector.training.batches import Config
    from classifier.worker import candidates
    from tests.waves import dataset

    folder = tmp_path_factory.mktemp("tiny")
    (folder / "pictures").mkdir()
    config = Config("cnn32", "tiny", epochs=1, augment=False)
    with step_by_step(), django_db_blocker.unblock():  # which asks whether there is a row for it
        candidates.train_rows(config, dataset(folder / "pictures", 40), folder / "shipped" / "tiny")
    return folder / "shipped"


@pytest.fixture
def tiny(tiny_bundle, settings, db):
    """The quick detector instead of the shipped one."""
    settings.SHIPPED_DETECTORS = tiny_bundle
    detectors.install_shipped()


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """The real stack, started once for all tests that leave it working; each signs up people of its own."""
    yield from running(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="session")
def loop_stack(tmp_path_factory):
    """Another one, for those who promote detectors, label and freeze everything that is there; a small detector that
    knows nothing is active in it, because much is measured."""
    yield from running(tmp_path_factory.mktemp("loop"), before=PLAIN)


def running(folder, before=""):
    stack = Stack(folder, TF_NUM_INTRAOP_THREADS="1")
    if before:
        stack.manage("migrate")
        stack.manage("shell", "--no-imports", "-c", before)
    yield stack.start()
    assert stack.stop() == 0


PLAIN = """
import dataclasses
import numpy as np
from django.utils import timezone
from classifier.detector.data.manifest import Row
from classifier.detector.measuring import evaluation
from classifier.detector.networks.architectures import build
from classifier.detector.serving import bundle
from classifier.detector.training.batches import Config
from classifier.detector.training.runner import card_of
from classifier.models import Detector
from classifier.registry import detectors
from classifier.worker import candidates
from tests.factories import RELIABILITY
rows = [Row("", ("FAKE", "REAL")[n % 2], "s", sha256=str(n), group=str(n), split="test") for n in range(40)]
report = evaluation.report(rows, np.linspace(0.3, 0.7, 40), 0.4, 0.6)
model, spec = build("cnn32")
card = card_of(Config("cnn32", "plain"), spec, rows, [])
card = dataclasses.replace(card, fake_below=0.4, real_above=0.6, reliability=RELIABILITY, report=report)
folder = Detector(version="plain").folder
candidates.publish(folder, bundle.save(model, folder, card))
plain = detectors.register(folder)
Detector.objects.filter(active=True).update(active=False)
Detector.objects.filter(pk=plain.pk).update(active=True, promoted_at=timezone.now())
"""


@pytest.fixture
def detector(db):
    return detectors.active()
