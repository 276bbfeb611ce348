"""The processes that the launcher starts, watches and stops."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from django.conf import settings
from django.core.management.base import CommandError

PATIENCE = 15
"""Seconds a process gets to finish its work before it is killed."""
SHORTEST, LONGEST = 1.0, 60.0
"""Seconds until a process that died is started again; doubled each time."""
HEALTHY = 60.0
"""Seconds a process must live until its pause is the shortest again."""
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore:You're running the worker",
    "PYTHONUNBUFFERED": "1",
}


class Member:
    """One process, in a session of its own, so that the terminal's Ctrl-C reaches only the launcher and a whole process
    tree can be ended at once."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name, self.command = name, command
        self.pause = SHORTEST
        self.due: float | None = None
        """When it is started again; None while it runs."""
        self.spawn()

    def spawn(self) -> None:
        self.started, self.due = time.monotonic(), None
        self.process = subprocess.Popen(
            self.command,
            cwd=settings.BASE_DIR,
            env={**QUIET, **os.environ},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    def look(self) -> None:
        """Called again and again; never waits, so that no other process goes unwatched."""
        now = time.monotonic()
        if self.due is not None:
            if now >= self.due:
                self.spawn()
        elif self.process.poll() is None:
            if now - self.started > HEALTHY:
                self.pause = SHORTEST
        else:
            say(f"{self.name} ended with {self.process.returncode}; starting it again in {self.pause:.0f} s")
            self.kill()
            self.due, self.pause = now + self.pause, min(LONGEST, self.pause * 2)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not end in {PATIENCE} s and is killed")
        self.kill()

    def kill(self) -> None:
        """End what is left of the process and of its children; it leads its own group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Team:
    """All members, in the order in which they were started."""

    def __init__(self) -> None:
        self.members: list[Member] = []

    def start(self, name: str, command: list[str], ready: Callable[[], bool] = lambda: True) -> None:
        member = Member(name, command)
        self.members.append(member)
        deadline = time.monotonic() + 60
        while not ready():
            if member.process.poll() is not None:
                raise CommandError(f"{name} stopped at once; its message stands above. The command was: {command}")
            if time.monotonic() > deadline:
                raise CommandError(f"{name} was not ready after a minute")
            time.sleep(0.05)

    def watch(self) -> None:
        """Restart what dies, each after a pause of its own."""
        while True:
            time.sleep(0.5)
            for member in self.members:
                member.look()

    def stop(self) -> None:
        """The last one started ends first; Redis, which the others need, ends last."""
        for member in reversed(self.members):
            member.stop()


def _die_with_parent() -> None:
    """Linux: should the launcher be killed outright, its children are told to end as well."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def say(sentence: str) -> None:
    print(sentence, flush=True)
