"""Settings work with nothing set, and a bad value stops the program with what was expected."""

import os
import subprocess
import sys

import pytest

from tests.test_layers import ROOT


def load(**environment):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    code = "from aidetect import settings as s; print(s.DATABASES['default'], s.CELERY_BROKER_URL, len(s.SECRET_KEY))"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True
    )


def test_nothing_set_means_sqlite_embedded_redis_and_a_secret_key_of_its_own(tmp_path):
    done = load(RUN_DIR=str(tmp_path / "run"))
    assert "sqlite3" in done.stdout and "IMMEDIATE" in done.stdout and "journal_mode=WAL" in done.stdout
    assert f"redis+socket://{tmp_path}/run/redis.sock" in done.stdout
    assert (tmp_path / "run" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert load(RUN_DIR=str(tmp_path / "run")).stdout == done.stdout


def test_production_settings_pass_djangos_own_check(tmp_path):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    production = {"HTTPS": "true", "ALLOWED_HOSTS": "news.example.org", "RUN_DIR": str(tmp_path / "run")}
    check = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(check, cwd=ROOT, env={**kept, **production}, capture_output=True, text=True)
    assert done.returncode == 0 and "no issues" in done.stdout, done.stderr
    assert subprocess.run(check, cwd=ROOT, env={**kept, "DEBUG": "true", **production}, capture_output=True).returncode


def test_a_deep_folder_gets_a_short_socket_path(tmp_path):
    done = load(RUN_DIR=str(tmp_path / ("deep" * 30)))
    socket = done.stdout.split("redis+socket://")[1].split()[0]
    assert len(socket) < 100


def test_addresses_come_from_the_environment(tmp_path):
    done = load(RUN_DIR=str(tmp_path), DATABASE_URL="postgres://u:p@db.example/name", REDIS_URL="redis://r:6379/1")
    assert "postgresql" in done.stdout and "db.example" in done.stdout and "redis://r:6379/1" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MAX_UPLOAD_MB", "many", "a number from"),
        ("MAX_FILES", "0", "a whole number from 1 to 200"),
        ("MAX_FILES", "3.5", "a whole number"),
        ("HTTPS", "perhaps", "true or false"),
        ("HTTPS", "2", "true or false"),
        ("MAX_UPLOAD_MB", "2GB", "a number from 0.001 to 1000"),
        ("REVIEW_ORDER", "contested,loud", "some of contested, disputed, disagreeing, uncertain"),
        ("PROMOTION_MARGIN", "nan", "a number from 0 to 1"),
        ("REVIEW_SCOPE", "some", "consent or all"),
        ("DATABASE_URL", "mysql://x/y", "postgres://user:password@host/name"),
        ("DATABASE_URL", "nonsense", "sqlite:////absolute/path"),
        ("TRUSTED_PROXIES", "proxy.example", "addresses or networks such as 10.0.0.0/8"),
        ("EMAIL_URL", "nonsense", "consolemail://"),
    ],
)
def test_a_bad_value_says_what_was_expected(tmp_path, name, value, expected):
    done = load(RUN_DIR=str(tmp_path), **{name: value})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert name in last and expected in last and repr(value) in last
