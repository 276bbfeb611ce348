"""`make run`: starts, says so, stops without leaving anything behind."""

import signal
import socket
import time

import pytest
import requests

from tests.pictures import jpeg
from tests.stack import Browserless, Stack, drop_database, wait_for

pytestmark = pytest.mark.stack
STATE = "from classifier.models import Image; print(Image.objects.get(owner__username='survivor').state)"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a stack of its own, which these tests start and end."""
    stack = Stack(tmp_path_factory.mktemp("home"))
    yield stack
    if stack.is_running():
        stack.process.kill()
    drop_database(stack.database)


def alive(family):
    return [process for process in family if process.is_running() and process.status() != "zombie"]


def test_start_stop_and_start_again(home):
    home.start()
    assert requests.get(home.address + "/healthz", timeout=5).json() == {"status": "ok"}
    assert home.said("Staff account (shown only this once): staff@example.org")
    assert not home.said(Stack.PASSWORD)
    again = Stack(home.folder)
    again.port = home.port + 1
    again.start(ready=False)
    assert again.process.wait(30) != 0
    wait_for(lambda: again.said("already running from this folder"), 5)
    drop_database(again.database)
    family = home.family()
    assert len(family) >= 5
    home.process.send_signal(signal.SIGINT)
    assert home.process.wait(60) == 0
    assert not alive(family)
    assert home.said("Stopping")
    started = time.monotonic()
    home.start()
    took = time.monotonic() - started
    assert not home.said("Staff account")
    assert took < 60  # says "hung", not "slow": speed is measured in make bench


def test_killing_the_launcher_outright_ends_its_children(home):
    if not home.is_running():
        home.start()
    family = home.family()
    home.process.kill()
    home.process.wait(10)
    wait_for(lambda: not alive(family), 40, "the end of all children")


def test_a_busy_port_gives_one_clear_sentence(tmp_path):
    stack = Stack(tmp_path)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", stack.port))
        busy.listen()
        stack.start(ready=False)
        assert stack.process.wait(60) == 1
        wait_for(lambda: stack.lines, 5)
    drop_database(stack.database)
    assert len(stack.lines) == 1
    assert f"Port {stack.port} on 127.0.0.1 can't be used" in stack.lines[0]
    assert "make run PORT=" in stack.lines[0]


def test_a_worker_that_died_is_started_again_and_its_queue_survives(stack):
    person = Browserless(stack).sign_up("survivor")
    for process in stack.find("celery"):
        process.kill()
    assert person.upload(("a.jpg", jpeg(1), "image/jpeg")).status_code == 200
    wait_for(lambda: "done" in stack.ask(STATE), 90)
    assert stack.said("worker ended with -9; starting it again")
