"""`make run` starts with every documented setting at a value that is not its default."""

import contextlib
import re
import subprocess
import sys
import threading

import pytest
import requests

from aidetect.launcher import _redis_server
from tests.stack import Stack, free_port, wait_for
from tests.test_docs import page
from tests.test_layers import ROOT

pytestmark = pytest.mark.stack

PROXIED = {"Host": "news.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}


def unusual(folder):
    """Every setting but DATABASE_URL and REDIS_URL; production's first."""
    return {
        "HTTPS": "true",
        "ALLOWED_HOSTS": "news.example.org",
        "HOST": "0.0.0.0",
        "CSRF_TRUSTED_ORIGINS": "https://news.example.org",
        "TRUSTED_PROXIES": "127.0.0.0/8",
        "SECRET_KEY": "another-key-" * 5,
        "DEBUG": "true",
        "WEB_WORKERS": "1",
        "DATA_DIR": str(folder / "data"),
        "MEDIA_ROOT": str(folder / "elsewhere"),
        "RUN_DIR": str(folder / "run-here"),
        "EMAIL_URL": "smtp+tls://user:password@127.0.0.1:587",
        "DEFAULT_FROM_EMAIL": "news@example.org",
        "TIME_ZONE": "Europe/Vienna",
        "ADMIN_EMAIL": "chief@example.org",
        "ADMIN_PASSWORD": "chief-password-1",
        "MAX_UPLOAD_MB": "5",
        "MAX_IMPORT_MB": "10",
        "MAX_MEGAPIXELS": "12.5",
        "SMALLEST_SIDE": "48",
        "MAX_FILES": "7",
        "MAX_BATCH_FILES": "300",
        "MAX_BATCH_MB": "700",
        "GUEST_CHECKS": "false",
        "GUEST_CHECKS_PER_HOUR": "3",
        "CONTACT": "desk@example.org",
        "SOURCE_URL": "https://code.example.org/aidetect",
        "API_PER_MINUTE": "60",
        "WEBHOOK_PRIVATE": "true",
        "MAX_REQUEST_MB": "50",
        "UPLOADS_PER_HOUR": "100",
        "STORAGE_MB": "200",
        "SIGNUP": "invited",
        "STAFF_SECOND_FACTOR": "true",
        "RETENTION_DAYS": "30",
        "AUDIT_DAYS": "30",
        "SHARE_DAYS": "3",
        "AUDIT_SHARE": "0.5",
        "REVIEW_ORDER": "uncertain,disputed",
        "REVIEW_SCOPE": "all",
        "PROMOTION_MARGIN": "0.1",
        "RESCORE_HISTORY": "false",
        "TRUST_LIST": str(ROOT / "classifier/provenance/trust"),
        "DETECTOR": "quick",
        "BATCH_SIZE": "2",
        "CLAIM_SECONDS": "20",
        "MAX_ATTEMPTS": "2",
        "SWEEP_SECONDS": "1",
        "LOG_FORMAT": "json",
        "METRICS_TOKEN": "long-and-random",
        "METRICS_FROM": "10.0.0.0/8",
        "ERROR_MAIL": "operator@example.org",
        "SENTRY_DSN": "http://key@127.0.0.1:9/1",
    }


ELSEWHERE = {"PORT", "DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SERVE_FILES"}
"""Given where they are tested; the last two by tests/production, with an object store and nginx."""


def test_this_file_knows_every_setting(tmp_path):
    names = set(re.findall(r"^\| `([A-Z_]+)` \|", page("docs/settings.md"), re.M))
    assert len(names) > 30 and names - ELSEWHERE <= set(unusual(tmp_path))


class Configured(Stack):
    """Takes its port from the environment, as a container does."""

    def start(self, ready=True):
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "launch"], cwd=ROOT, env={**self.environment, "PORT": str(self.port)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        wait_for(lambda: self.said("Ready: "), 90, f"'Ready' in {self.lines}")
        return self


@contextlib.contextmanager
def own_redis():
    port = free_port()
    server = subprocess.Popen(
        [_redis_server(), "--port", str(port), "--save", "", "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL
    )
    try:
        yield f"redis://127.0.0.1:{port}/3"
    finally:
        server.kill()
        server.wait()


def test_it_starts_with_every_setting_changed(tmp_path):
    with own_redis() as address:
        stack = Configured(tmp_path, REDIS_URL=address, **unusual(tmp_path)).start()
        try:
            assert stack.said(f"Ready: http://127.0.0.1:{stack.port} ")
            assert stack.said("chief@example.org") and not stack.find("redis-server")
            assert requests.get(stack.address + "/healthz", timeout=5, allow_redirects=False).status_code == 200
            wait_for(lambda: requests.get(stack.address + "/readyz", timeout=10).ok, 60, "readiness")
            page = requests.get(stack.address + "/", headers=PROXIED, timeout=10)
            assert page.status_code == 200 and "aidetect" in page.text
            redirected = requests.get(
                stack.address + "/", headers={"Host": "news.example.org"}, timeout=5, allow_redirects=False
            )
            assert redirected.headers["Location"] == "https://news.example.org/"
            other = {**PROXIED, "Host": "other.example.org"}
            assert requests.get(stack.address + "/", headers=other, timeout=5).status_code == 400
            assert (tmp_path / "run-here").is_dir()
        finally:
            assert stack.stop() == 0
    if stack.database.startswith("sqlite"):
        assert (tmp_path / "db.sqlite3").stat().st_mode & 0o077 == 0
