"""`make run`: starts, says so, stops without leaving anything behind."""

import signal
import socket
import time

import psutil
import pytest
import requests

from tests.stack import Browserless, Stack, wait_for

pytestmark = pytest.mark.stack


def test_start_stop_and_start_again(tmp_path):
    stack = Stack(tmp_path).start()
    try:
        assert requests.get(stack.address + "/healthz", timeout=5).json() == {"status": "ok"}
        assert stack.said("Staff account (shown only this once): staff@example.org")
        assert not stack.said(Stack.PASSWORD)
        again = Stack(tmp_path)
        again.port = stack.port + 1
        again.start(ready=False)
        assert again.process.wait(30) != 0
        wait_for(lambda: again.said("already running from this folder"), 5)
        family = stack.family()
        assert len(family) >= 5
    finally:
        code = stack.process.poll() if stack.process.poll() is not None else None
        if code is None:
            stack.process.send_signal(signal.SIGINT)
            code = stack.process.wait(60)
    assert code == 0
    assert not [process for process in family if psutil.pid_exists(process.pid) and process.status() != "zombie"]
    assert stack.said("Stopping")
    started = time.monotonic()
    second = Stack(tmp_path)
    second.database, second.environment["DATABASE_URL"] = stack.database, stack.database
    second.start()
    took = time.monotonic() - started
    assert not second.said("Staff account")
    assert second.stop() == 0
    assert took < 60  # says "hung", not "slow": speed is measured in make bench


def test_a_busy_port_gives_one_clear_sentence(tmp_path):
    stack = Stack(tmp_path)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", stack.port))
        busy.listen()
        stack.start(ready=False)
        assert stack.process.wait(60) == 1
        wait_for(lambda: stack.lines, 5)
    assert len(stack.lines) == 1
    assert f"Port {stack.port} on 127.0.0.1 can't be used" in stack.lines[0]
    assert "make run PORT=" in stack.lines[0]


def test_killing_the_launcher_outright_ends_its_children(tmp_path):
    stack = Stack(tmp_path).start()
    family = stack.family()
    stack.process.kill()
    stack.process.wait(10)
    wait_for(lambda: not any(p.is_running() and p.status() != "zombie" for p in family), 40, "the end of all children")


def test_a_worker_that_died_is_started_again_and_the_queue_survives_restarts(tmp_path):
    from tests.pictures import jpeg

    stack = Stack(tmp_path).start()
    try:
        person = Browserless(stack).sign_up()
        for process in stack.find("celery"):
            process.kill()
        assert person.upload(("a.jpg", jpeg(1), "image/jpeg")).status_code == 200
        wait_for(
            lambda: "done" in stack.ask("from classifier.models import Image; print(Image.objects.get().state)"), 90
        )
        assert stack.said("worker ended with -9; starting it again")
    finally:
        assert stack.stop() == 0
