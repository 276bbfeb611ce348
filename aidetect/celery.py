"""The Celery app. Messages are wake-ups only: what is to be done stands in the rows."""

import logging
import os
from typing import Any

from celery import Celery, bootsteps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")
app = Celery("aidetect")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
logger = logging.getLogger(__name__)


class Sweep(bootsteps.StartStopStep):  # type: ignore[misc]
    """A wake-up to oneself every SWEEP_SECONDS: whatever was lost (message, worker, broker) is found again.

    It lives in the worker's own event loop, so no further process is needed, and starts again after a lost connection.
    """

    requires = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, parent: Any, **options: Any) -> None:
        self.timer: Any = None
        super().__init__(parent, **options)

    def start(self, parent: Any) -> None:
        from django.conf import settings

        self.wake()
        self.timer = parent.timer.call_repeatedly(settings.SWEEP_SECONDS, self.wake)

    def stop(self, parent: Any) -> None:
        if self.timer:
            self.timer.cancel()

    def wake(self) -> None:
        try:
            app.send_task("classifier.sweep", expires=60)
        except Exception as error:  # the broker went away; the next sweep tries again
            logger.warning("no wake-up sent: %s", error)


app.steps["consumer"].add(Sweep)
