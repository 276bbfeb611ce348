"""What every line of the log carries: which request and which image it is about, from the upload to the verdict."""

import contextlib
import logging
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from django.core.exceptions import ImproperlyConfigured

REQUEST: ContextVar[str] = ContextVar("request_id", default="")
IMAGE: ContextVar[str] = ContextVar("image_id", default="")
QUIET_SECONDS = 600
"""How long the same error is not mailed again by the same process."""


@contextlib.contextmanager
def about(request: str | None = None, image: str | None = None) -> Iterator[None]:
    """Lines written inside carry these; what is None stays as it was. Threads start with none."""
    tokens = [(var, var.set(value)) for var, value in ((REQUEST, request), (IMAGE, image)) if value is not None]
    try:
        yield
    finally:
        for var, token in tokens:
            var.reset(token)


class Marks(logging.Filter):
    """Puts request_id and image_id into a record, "" where there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, var in (("request_id", REQUEST), ("image_id", IMAGE)):
            if not hasattr(record, name):
                setattr(record, name, var.get())
        return True


class Plain(logging.Formatter):
    """Lines for people: the marks stand at the end of the message, where there are any."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        marks = (("request", getattr(record, "request_id", "")), ("image", getattr(record, "image_id", "")))
        return super().formatMessage(record) + "".join(f" {name}={value}" for name, value in marks if value)


class Seldom(logging.Filter):
    """Lets the same error through once in QUIET_SECONDS: a full disk must not fill a mailbox as well."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.seen: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        self.seen = {key: when for key, when in self.seen.items() if now - when < QUIET_SECONDS}
        key = (record.name, str(record.msg))
        return self.seen.setdefault(key, now) == now


def configuration(form: str, mail: bool) -> dict[str, Any]:
    """Django's LOGGING. form: "plain" or "json". mail: whether errors are mailed to ADMINS, too."""
    json_fields = ["levelname", "name", "message", "request_id", "image_id", "process"]
    handlers = ["console", "mail"] if mail else ["console"]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"marks": {"()": Marks}, "seldom": {"()": Seldom}},
        "formatters": {
            "plain": {
                "class": "aidetect.logs.Plain",
                "format": "{asctime} {levelname} {name}: {message}",
                "style": "{",
            },
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": json_fields,
                "timestamp": "time",
                "rename_fields": {"levelname": "level", "name": "logger"},
            },
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": form, "filters": ["marks"]},
            "mail": {
                "class": "django.utils.log.AdminEmailHandler",
                "level": "ERROR",
                "filters": ["marks", "seldom"],
                "formatter": "plain",
            },
        },
        "root": {"handlers": handlers, "level": "WARNING"},
        "loggers": {
            "aidetect.requests": {"level": "INFO" if form == "json" else "WARNING"},  # a line for each request
            "classifier": {"level": "INFO"},
            "django.request": {"level": "ERROR"},  # a 404 is no news either
            "django": {"handlers": [], "level": "INFO"},  # not by Django's own handlers as well
            "gunicorn.error": {"handlers": [], "level": "WARNING", "propagate": True},
            "celery": {"level": "INFO"},
            "celery.app.trace": {"level": "WARNING"},  # a sweep every few seconds is no news
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def configure() -> None:
    """As the settings say; for processes that would set up logging in their own way."""
    from django.conf import settings
    from django.utils.log import configure_logging

    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


def report_to_sentry(address: str) -> None:
    """Unexpected errors of web and workers go to a Sentry, without names, addresses, cookies or pictures."""
    try:
        import sentry_sdk
    except ImportError as error:
        message = "SENTRY_DSN is set, but sentry-sdk is not installed: .venv/bin/python -m pip install sentry-sdk"
        raise ImproperlyConfigured(message) from error
    try:
        sentry_sdk.init(dsn=address, send_default_pii=False, max_request_body_size="never", before_send=_marked)
    except sentry_sdk.utils.BadDsn as error:
        raise ImproperlyConfigured(f"SENTRY_DSN: expected an address of a Sentry project ({error})") from error


def _marked(event: Any, hint: Any) -> Any:
    """Tags to find the lines of the log that belong to a report."""
    marks = {"request_id": REQUEST.get(), "image_id": IMAGE.get()}
    event["tags"] = {**(event.get("tags") or {}), **{name: value for name, value in marks.items() if value}}
    return event
