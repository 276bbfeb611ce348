"""The Celery app. Messages are wake-ups only: what is to be done stands in the rows."""

import contextlib
import logging
import os
from typing import Any

from celery import Celery, bootsteps, signals
from celery.worker import state

from aidetect import logs, stopping  # noqa: F401  # stopping listens from here on, before any child is forked

logger = logging.getLogger(__name__)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")
app = Celery("aidetect")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _log_as_settings_say(**options: Any) -> None:
    """Instead of Celery's own way, which it takes when nobody listens."""
    logs.configure()


class Sweep(bootsteps.StartStopStep):  # type: ignore[misc]
    """A wake-up to oneself every SWEEP_SECONDS: whatever was lost (message, worker, broker) is found again. Three times
    in SEEN_SECONDS it says that this worker lives, and once an hour it has expired sessions deleted.

    It lives in the worker's own event loop, so no further process is needed, and starts again after a lost connection.
    It looks after the children as well: what one of them held when it died is given back at once.
    """

    requires = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, parent: Any, **options: Any) -> None:
        self.parent = parent
        self.timers: list[Any] = []
        self.children: set[int] = set()
        super().__init__(parent, **options)

    def start(self, parent: Any) -> None:
        from django.conf import settings

        from aidetect.broker import SEEN_SECONDS

        repeated = (
            (settings.SWEEP_SECONDS, self.wake),
            (SEEN_SECONDS / 3, self.report),
            (3600, self.tidy),
            (1, self.look_after_children),
        )
        for seconds, action in repeated:
            action()
            self.timers.append(parent.timer.call_repeatedly(seconds, action))

    def stop(self, parent: Any) -> None:
        while self.timers:
            self.timers.pop().cancel()

    def report(self) -> None:
        """That this worker lives, and its memory. A broker that doesn't answer is the business of `wake`."""
        from aidetect.broker import PREFIX, TRAINERS, report_worker

        for queue, prefix in (("celery", PREFIX), ("training", TRAINERS)):
            if queue in self.known():
                with contextlib.suppress(Exception):
                    report_worker(self.children, prefix)

    def tidy(self) -> None:
        if "celery" in self.wakeups():
            with contextlib.suppress(Exception):
                app.send_task("classifier.clear_sessions", expires=3600)

    def look_after_children(self) -> None:
        """Notice a child that ended: killed, out of memory, past its time limit, or replaced as usual."""
        now = set(self.parent.pool.info.get("processes", ()))
        died, self.children = self.children - now, now
        if died and release_what_the_dead_held():
            with contextlib.suppress(Exception):
                for queue, task in self.known().items():
                    app.send_task(task, queue=queue, expires=60)

    def known(self) -> dict[str, str]:
        known = {
            "celery": "classifier.sweep",
            "training": "classifier.train_waiting",
            "hooks": "classifier.deliver_waiting",
        }
        return {queue: known[queue] for queue in app.amqp.queues.consume_from if queue in known}

    def wakeups(self) -> dict[str, str]:
        """Task by queue, for the queues that this worker reads. While it trains, for hours maybe, none is sent."""
        mine = self.known()
        if state.active_requests:
            mine.pop("training", None)
        return mine

    def wake(self) -> None:
        """Raises a connection error when the broker doesn't answer, so that the worker connects anew.

        That is needed after a Redis that hung longer than the socket timeout: the acknowledgement that failed then
        holds its place in the prefetch window for ever, and Celery alone never asks for another message.
        """
        try:
            for queue, task in self.wakeups().items():
                app.send_task(task, queue=queue, expires=60)
        except Exception as error:
            raise ConnectionResetError("the broker does not answer") from error
        busy = state.reserved_requests or state.active_requests
        if not busy and not self.parent.task_consumer.channel.qos.can_consume():
            raise ConnectionResetError("a lost acknowledgement blocks the queue")


def release_what_the_dead_held() -> int:
    """In the parent of the workers, which keeps no connection: a child would inherit it."""
    from django.db import connections

    from classifier.models import claims

    try:
        return claims.release_everything()
    except Exception as error:  # the sweep does it again
        logger.warning("the claims of a dead child were not released yet: %s", error)
        return 0
    finally:
        connections.close_all()


app.steps["consumer"].add(Sweep)
