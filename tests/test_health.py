"""Health addresses answer whoever probes; the client's address behind proxies; what the log says of failed log-ins."""

import contextlib
import logging
import stat
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import OperationalError, connections
from django.http import HttpResponse
from django.test import RequestFactory

from aidetect import broker, middleware
from classifier.models import Detector
from classifier.results import status


class Redis:
    """Redis with one worker's mark, or none, or not answering."""

    def __init__(self, keys=(), error=None):
        self.keys, self.error = keys, error

    def ping(self):
        if self.error:
            raise self.error

    def scan_iter(self, pattern, count):
        self.ping()
        return iter(self.keys)


@pytest.fixture
def redis(monkeypatch):
    """Says what Redis answers: redis(keys=…, error=…)."""

    def answer(**how):
        monkeypatch.setattr(broker, "client", lambda: contextlib.nullcontext(Redis(**how)))

    answer(keys=["aidetect:worker:here:1"])
    return answer


@pytest.mark.parametrize("production", [{}, {"SECURE_SSL_REDIRECT": True}, {"ALLOWED_HOSTS": ["example.org"]}])
def test_health_needs_no_redirect_no_known_host_and_no_database(client, settings, production):
    for name, value in production.items():
        setattr(settings, name, value)
    response = client.get("/healthz", headers={"Host": "0.0.0.0:8000"})
    assert response.status_code == 200 and response.json() == {"status": "ok"}
    assert client.head("/healthz").status_code == 200 and client.post("/healthz").status_code == 405


def test_readiness_has_one_line_a_part_without_redirect_and_host_check(client, settings, redis, detector):
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["example.org"]
    response = client.get("/readyz", headers={"Host": "10.1.2.3"})
    assert response.status_code == 200
    assert response.json() == dict.fromkeys(("database", "redis", "storage", "worker", "detector"), "ok")
    assert len(response.content.decode().splitlines()) == 5 + 2
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def failing(client, part):
    response = client.get("/readyz")
    said = response.json()
    assert response.status_code == 503 and said.pop(part) != "ok", said
    return set(said.values()) == {"ok"}


def test_each_part_that_fails_is_named(client, settings, redis, detector, monkeypatch, tmp_path):
    redis(keys=[])
    assert failing(client, "worker")
    assert client.get("/readyz").json()["worker"] == "no worker was seen in the last 60 seconds"
    redis(error=ConnectionError("secret-host refused"))
    response = client.get("/readyz")
    assert response.json()["redis"] == "failed: ConnectionError" and "secret-host" not in response.content.decode()
    redis(keys=["aidetect:worker:here:1"])
    (tmp_path / "no-folder").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = tmp_path / "no-folder"
    assert failing(client, "storage")
    settings.MEDIA_ROOT = tmp_path / "media"
    Detector.objects.update(active=False)
    assert failing(client, "detector")
    Detector.objects.update(active=True, version="gone", shipped=False)
    assert client.get("/readyz").json()["detector"] == "the active detector's model is missing"

    def broken():
        raise OperationalError("locked")

    monkeypatch.setitem(status.CHECKS, "database", broken)
    assert client.get("/readyz").json()["database"] == "failed: OperationalError"


def client_of(settings, remote, forwarded, proxies):
    settings.TRUSTED_PROXIES = [ip_network(network) for network in proxies]
    seen = []

    def view(request):
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    middleware.client_address(view)(RequestFactory(REMOTE_ADDR=remote).get("/", headers=headers))
    return seen[0]


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "client"),
    [
        ("9.9.9.9", "1.2.3.4", [], "9.9.9.9"),  # off by default
        ("9.9.9.9", "1.2.3.4", ["10.0.0.0/8"], "9.9.9.9"),  # not one of our proxies
        ("10.0.0.1", "1.2.3.4", ["10.0.0.0/8"], "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", ["10.0.0.0/8"], "1.2.3.4"),  # the first one is invented
        ("10.0.0.1", "", ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", "nonsense", ["10.0.0.0/8"], "10.0.0.1"),
        ("::1", "2001:db8::7", ["::1"], "2001:db8::7"),
    ],
)
def test_the_clients_address_is_read_only_from_trusted_proxies(settings, remote, forwarded, proxies, client):
    assert client_of(settings, remote, forwarded, proxies) == client


def test_one_persons_mistyped_passwords_lock_nobody_else_out_behind_a_proxy(client, alice, settings):
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]

    def log_in(address, login="nobody", password="wrong"):
        data = {"login": login, "password": password}
        return client.post("/accounts/login/", data, headers={"X-Forwarded-For": address})

    for number in range(12):
        log_in("6.6.6.6", login=f"nobody-{number}")
    assert log_in("6.6.6.6", "alice", "alice-password-1").status_code != 302
    assert log_in("7.7.7.7", "alice", "alice-password-1").status_code == 302


def test_failed_log_ins_are_logged_without_the_password(client, alice, caplog):
    client.post("/accounts/login/", {"login": "alice\nINFO all is well", "password": "not-hers"})
    [record] = [record for record in caplog.records if "failed log-in" in record.message]
    assert "127.0.0.1" in record.message and "not-hers" not in record.message and "\n" not in record.message
    assert "alice" in record.message


def test_log_lines_have_a_time(settings):
    format_ = settings.LOGGING["formatters"]["plain"]
    line = logging.Formatter(format_["format"], style=format_["style"]).format(logging.makeLogRecord({"msg": "hello"}))
    assert line[:4].isdigit() and line.endswith("hello")


def test_the_sqlite_file_is_hidden_from_other_users(db, tmp_path):
    path = tmp_path / "db.sqlite3"
    path.touch(0o644)
    path.chmod(0o644)
    from django.db.backends.sqlite3.base import DatabaseWrapper

    wrapper = DatabaseWrapper({**connections["default"].settings_dict, "ENGINE": "django.db.backends.sqlite3",
                               "NAME": str(path), "OPTIONS": {}, "CONN_MAX_AGE": 0}, "other")  # fmt: skip
    with contextlib.closing(wrapper):
        wrapper.connect()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_expired_sessions_are_cleared(client, alice):
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from classifier import tasks

    client.force_login(alice)
    client.get("/")
    tasks.clear_sessions()
    assert Session.objects.count() == 1
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    tasks.clear_sessions()
    assert Session.objects.count() == 0
