"""Wake-ups: messages that say there is work; what the work is stands in the rows. Sent by task name, so nothing here
imports a task."""

import logging

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)


def wake_workers() -> None:
    """Tell a worker, once this transaction is committed, that images are waiting."""
    _wake("classifier.classify_pending", "the images wait")


def wake_trainer() -> None:
    """Tell the training worker, once this transaction is committed, that there is work."""
    _wake("classifier.train_waiting", "training waits")


def wake_hooks() -> None:
    """Tell whoever sends webhooks, once this transaction is committed, that something is to be sent."""
    _wake("classifier.deliver_waiting", "webhooks wait")


def _wake(task: str, otherwise: str) -> None:
    """A lost message costs no more than SWEEP_SECONDS."""

    def send() -> None:
        try:
            current_app.send_task(task, expires=60)
        except Exception as error:  # kombu, redis and socket errors alike: the rows wait until the broker is back
            logger.warning("the broker can't be reached; %s: %s", otherwise, error)

    transaction.on_commit(send, robust=True)
