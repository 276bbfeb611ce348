"""The launcher's watch: every process has its own pause, which a healthy minute ends; nobody waits for another."""

import sys
import time

import pytest

from aidetect import team
from aidetect.launcher import _address_of
from aidetect.team import Member, Team

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
QUITTER = [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.fixture
def members():
    found = []
    yield found
    for member in found:
        member.kill()


class Clock:
    """time.monotonic, set by hand."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(team.time, "monotonic", lambda: self.now)

    def after(self, seconds, member):
        self.now += seconds
        member.look()


def dead(member):
    member.process.kill()
    member.process.wait()


def test_pauses_double_are_bounded_and_end_after_a_healthy_minute(members, monkeypatch, capsys):
    clock = Clock(monkeypatch)
    member = Member("sleeper", SLEEPER)
    members.append(member)
    pauses = []
    for _ in range(8):
        dead(member)
        clock.after(0, member)
        pauses.append(member.due - clock.now)
        clock.after(member.due - clock.now - 0.1, member)
        assert member.due is not None
        clock.after(0.2, member)
        assert member.due is None and member.process.poll() is None
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    clock.after(59, member)
    assert member.pause == 60
    clock.after(2, member)
    dead(member)
    clock.after(0, member)
    assert member.due - clock.now == 1
    assert "sleeper ended with -9; starting it again in 60 s" in capsys.readouterr().out


def test_a_process_that_dies_again_and_again_keeps_nobody_waiting(members, capsys):
    quitter, sleeper = Member("quitter", QUITTER), Member("sleeper", SLEEPER)
    members += [quitter, sleeper]
    quitter.pause = 60
    quitter.process.wait()
    started = time.monotonic()
    quitter.look()
    dead(sleeper)
    sleeper.pause = 0.01
    for _ in range(3):
        quitter.look()
        sleeper.look()
        time.sleep(0.02)
    assert sleeper.process.poll() is None and quitter.due is not None
    assert time.monotonic() - started < 30


def test_a_command_that_stops_at_once_is_said(members):
    from django.core.management.base import CommandError

    crew = Team()
    with pytest.raises(CommandError, match="web stopped at once"):
        crew.start("web", QUITTER, ready=lambda: False)
    crew.stop()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("news.example", "http://news.example:8000"),
    ],
)
def test_the_probe_asks_an_address_that_one_can_ask(host, address):
    assert _address_of(host, 8000) == address
