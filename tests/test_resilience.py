"""Whatever is killed or stopped, every accepted image ends with exactly one verdict."""

import re
import signal
import socket
import time

import pytest
from django.conf import settings

from tests.pictures import jpeg
from tests.stack import Browserless, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.postgres]
TIMEOUT = settings.CELERY_BROKER_TRANSPORT_OPTIONS["socket_timeout"]
COUNTS = """
from classifier.models import Image, Verdict
mine, verdicts = Image.objects.filter(owner__username="{0}"), Verdict.objects.filter(image__owner__username="{0}")
print(mine.count(), mine.filter(state="done").count(), verdicts.count(), verdicts.values("image").distinct().count())
"""
HELD = "from classifier.models import Image; print(Image.objects.held().filter(holder__contains=':{}:').count())"
ANALYSING = "from classifier.models import Image; print(Image.objects.filter(state='analysing').count())"


def counts(stack, name):
    """Of one person: images, those that are done, verdicts, images that have one."""
    return [int(word) for word in stack.ask(COUNTS.format(name)).split()]


def picture(seed):
    return (f"{seed}.jpg", jpeg(seed, 1600, 1200), "image/jpeg")


def test_kill_9_in_mid_task(stack):
    person = Browserless(stack).sign_up("killed")
    accepted = 0
    for round_ in range(3):
        person.upload(*(picture(100 * round_ + number) for number in range(12)))
        accepted += 12
        if round_ == 0:
            wait_for(lambda: stack.ask(ANALYSING) != "0" or counts(stack, "killed")[1] > 0, 60)
        for process in stack.find("celery"):  # the parent and the child that is at work
            process.send_signal(signal.SIGKILL)
    wait_for(lambda: counts(stack, "killed")[1] == accepted, 120, "a verdict for every image")
    assert counts(stack, "killed") == [accepted] * 4


def test_what_a_killed_child_held_is_released_by_its_parent(stack):
    """Long before the claim is CLAIM_SECONDS old."""
    person = Browserless(stack).sign_up("orphan")
    person.upload(*(picture(500 + number) for number in range(12)))
    [child] = wait_for(lambda: working(stack), 60, "a child at work")
    child.send_signal(signal.SIGKILL)
    released = HELD.format(child.pid)
    wait_for(lambda: stack.ask(released) == "0", settings.CLAIM_SECONDS / 4, "the release of what it held")
    wait_for(lambda: counts(stack, "orphan") == [12] * 4, 120, "a verdict for every image")


def working(stack):
    """Children that hold images."""
    return [p for p in stack.find("celery", "worker@") if stack.ask(HELD.format(p.pid)) != "0"]


def test_an_upload_cut_off_on_the_wire(stack):
    person, said_before = Browserless(stack).sign_up("cut"), len(stack.said("Traceback"))
    form = person.session.get(stack.address + "/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form).group(1)
    body = (
        f'--b\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
        '--b\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    ).encode() + jpeg(1, 1600, 1200)[:50_000]
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.session.cookies)
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{stack.port}\r\nCookie: {cookies}\r\nContent-Length: {10 * len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", stack.port)) as connection:
            connection.sendall(head + body)
            time.sleep(0.3)
    assert person.upload(picture(1)).status_code == 200
    wait_for(lambda: counts(stack, "cut") == [1] * 4, 60, "the one complete upload, and no other")
    assert len(stack.said("Traceback")) == said_before


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_redis_is_away_for_a_while(stack, how):
    """Frozen: it accepts connections and never answers. Killed: its socket is there, nobody listens."""
    name = f"redis-{how}"
    person = Browserless(stack).sign_up(name)
    redis = stack.find("redis-server")[0]
    # Frozen for three times as long as a socket waits: acknowledgements, wake-ups and sweeps are lost.
    number, seconds = (signal.SIGSTOP, 3 * TIMEOUT) if how == "frozen" else (signal.SIGKILL, 5)
    redis.send_signal(number)
    started = time.monotonic()
    accepted = 0
    while time.monotonic() - started < seconds or accepted < 2:
        response = person.upload(picture(accepted))
        assert response.status_code == 200 and "/images/" in response.url
        accepted += 1
        time.sleep(0.5)
    if how == "frozen":
        redis.send_signal(signal.SIGCONT)
    wait_for(lambda: counts(stack, name)[1] == accepted, 90, "a verdict for every image, by itself")
    assert counts(stack, name) == [accepted] * 4
    last = person.upload(picture(999))
    assert "/images/" in last.url
    wait_for(lambda: counts(stack, name) == [accepted + 1] * 4, 30, "the next verdict")
