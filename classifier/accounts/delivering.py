"""Sends what `hooks` recorded: signed, to public addresses only, again after a while where it did not arrive."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import logging
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from classifier import wakeups
from classifier.accounts import hooks, public_address
from classifier.accounts.public_address import Refused, Target
from classifier.models import Delivery, JobState, Webhook
from classifier.models.clock import now_everywhere
from classifier.models.webhooks import TRIES

logger = logging.getLogger(__name__)

TOGETHER = 8
"""Addresses that are told at the same time."""
SECONDS = 10
"""For one message, from the first packet to the last; however slowly the other side answers."""
PAUSES = (10, 60, 300, 1800, 7200, 21_600, 43_200)
"""Seconds until the next try, after the first, the second, …; all tries take about twenty hours."""
GONE = 410
"""The answer of a receiver that wants no more."""


@dataclass(frozen=True)
class Came:
    """What a try came to. status: 0 where there was no answer; error: "" for success."""

    status: int
    error: str
    milliseconds: int


def deliver_waiting(budget: float = 60) -> int:
    """Send everything that may be sent now. Returns how many messages arrived."""
    arrived, deadline = 0, time.monotonic() + budget
    while claimed := _claim(TOGETHER):
        with ThreadPoolExecutor(TOGETHER) as pool:  # for the network alone; rows are this thread's
            for delivery, came in zip(claimed, pool.map(send, claimed), strict=True):
                arrived += _settle(delivery, came)
        if time.monotonic() > deadline:
            wakeups.wake_hooks()
            break
    return arrived


def _claim(most: int) -> list[Delivery]:
    """The oldest message that may be sent now of each of up to `most` addresses: a slow one holds up only its own."""
    oldest = Delivery.objects.free().order_by().values("webhook").annotate(oldest=Min("pk")).order_by("oldest")
    numbers = list(oldest.values_list("oldest", flat=True)[:most])
    return list(Delivery.objects.take(numbers, uuid.uuid4(), most).select_related("webhook").order_by("pk"))


def send(delivery: Delivery) -> Came:
    """One try. Touches no row."""
    started = time.monotonic()
    try:
        target = public_address.resolve(delivery.webhook.url, settings.WEBHOOK_PRIVATE)
        status = _post(target, delivery)
        error = "" if 200 <= status < 300 else _complaint(status)
    except Refused as refusal:
        status, error = 0, str(refusal)
    except (OSError, http.client.HTTPException) as failure:
        status, error = 0, f"No answer: {failure or type(failure).__name__}"[:300]
    return Came(status, error, round((time.monotonic() - started) * 1000))


def signature(secret: str, number: str, timestamp: int, body: bytes) -> str:
    """As Standard Webhooks has it: HMAC-SHA256 over number, time and body, in Base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((number.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _complaint(status: int) -> str:
    if 300 <= status < 400:
        return f"The answer was {status}; redirects are not followed. Give the final address."
    return f"The answer was {status}; a number from 200 to 299 says that it arrived."


def _post(target: Target, delivery: Delivery) -> int:
    body = delivery.as_sent.encode()
    number, timestamp = str(delivery.number), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "aidetect-webhook/1",
        "webhook-id": number,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(delivery.webhook.secret, number, timestamp, body),
        "Connection": "close",
    }
    with _connected(target) as connection:
        connection.request("POST", target.path, body, headers)
        return connection.getresponse().status


@contextlib.contextmanager
def _connected(target: Target) -> Iterator[http.client.HTTPConnection]:
    """A connection to that address and no other, whatever the name leads to a moment later. It is cut after SECONDS: a
    time limit of the socket's alone would begin anew with every byte."""
    line = socket.create_connection((target.address, target.port), timeout=SECONDS / 2)
    connection = http.client.HTTPConnection(target.host, target.port)
    if target.encrypted:
        context = ssl.create_default_context()
        line = context.wrap_socket(line, server_hostname=target.host, do_handshake_on_connect=False)
        connection.default_port = 443
    connection.sock = line
    late = threading.Event()
    guard = threading.Timer(SECONDS, _cut, [line, late])
    guard.start()
    try:
        if isinstance(line, ssl.SSLSocket):
            line.do_handshake()
        yield connection
        if late.is_set():  # what came until then may look like a whole answer
            raise TimeoutError(f"it took longer than {SECONDS} seconds")
    finally:
        guard.cancel()
        connection.close()
        line.close()


def _cut(line: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def _settle(delivery: Delivery, came: Came) -> bool:
    """Write down what a try came to. False when it did not arrive."""
    now = now_everywhere()
    tried = [*delivery.tried, {"at": now.isoformat(), **vars(came)}][-20:]
    left = max(0, delivery.left - 1)
    if not came.error:
        with transaction.atomic():
            if delivery.finish(JobState.DONE, tried=tried, left=left, error=""):
                Webhook.objects.filter(pk=delivery.webhook_id).update(succeeded_at=now)
        return True
    if left and came.status != GONE:
        pause = PAUSES[min(len(PAUSES), TRIES - left) - 1]
        delivery.hand_back(
            tried=tried, left=left, error=came.error, attempts=0, not_before=now + timedelta(seconds=pause)
        )
        return False
    delivery.finish(JobState.FAILED, tried=tried, left=left, error=came.error)
    _switch_off_if_dead(delivery, came)
    return False


def _switch_off_if_dead(delivery: Delivery, came: Came) -> None:
    """Where nothing arrived since the message was written that now failed for good, or the receiver wants no more."""
    hook = Webhook.objects.get(pk=delivery.webhook_id)
    if came.status == GONE:
        hooks.switch(hook, False, "The receiver answered 410: it wants no more.")
    elif hook.succeeded_at is None or hook.succeeded_at < delivery.created_at:
        hooks.switch(hook, False, f"Nothing arrived for {TRIES} tries. The last time: {came.error}")
        logger.warning("webhook %s was switched off", hook.pk)
