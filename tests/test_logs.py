"""Lines of the log: as JSON by a setting, each with the request and the image it is about, from upload to verdict."""

import io
import json
import logging
import logging.config
import re
from ipaddress import ip_network

import pytest
from django.core import mail

from aidetect import logs
from classifier.models import Image, State
from tests.pictures import jpeg
from tests.test_settings import load


@pytest.fixture
def lines():
    """Everything that is logged from here on, as LOG_FORMAT=json writes it: lines() returns it parsed."""
    made = logging.config.DictConfigurator(logs.configuration("json", mail=False))
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(made.configure_formatter(made.config["formatters"]["json"]))
    handler.addFilter(logs.Marks())
    loggers = [logging.getLogger(name) for name in ("classifier", "aidetect.requests")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def behind_a_proxy(settings):
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]


def test_a_trusted_proxys_request_id_is_kept_and_returned(client, settings):
    behind_a_proxy(settings)
    assert client.get("/healthz", headers={"X-Request-ID": "abc-123"})["X-Request-ID"] == "abc-123"


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a\tb"])
def test_a_request_id_that_is_none_is_replaced(client, settings, given):
    behind_a_proxy(settings)
    assert re.fullmatch("[0-9a-f]{32}", client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"])


def test_nobody_else_chooses_a_request_id(client):
    assert client.get("/healthz", headers={"X-Request-ID": "abc-123"})["X-Request-ID"] != "abc-123"


def test_the_lines_of_an_upload_name_request_and_image(lines, upload, alice, settings):
    behind_a_proxy(settings)
    response = upload(("a.jpg", jpeg()), headers={"X-Request-ID": "from-nginx-7"})
    image = Image.objects.get()
    assert response["X-Request-ID"] == image.request_id == "from-nginx-7"
    accepted = next(line for line in lines() if line["message"].startswith("accepted"))
    assert accepted["request_id"] == "from-nginx-7" and accepted["image_id"] == str(image.uuid)
    assert accepted["level"] == "INFO" and accepted["logger"] == "classifier.intake.submitting" and accepted["time"]
    assert "a.jpg" not in json.dumps(lines())


def test_each_request_is_a_line_by_route_without_what_the_address_holds(lines, client, as_alice, picture):
    client.get("/shared/a-secret-token/")
    as_alice.get(picture.get_absolute_url())
    shared, page = lines()[-2:]
    assert shared["message"].startswith("GET /shared/<str:token>/: 404 in ") and "secret" not in json.dumps(shared)
    assert page["image_id"] == str(picture.uuid) and len(page["request_id"]) == 32


def test_analysing_again_belongs_to_the_request_that_asked_for_it(as_alice, classified, settings):
    behind_a_proxy(settings)
    as_alice.post(f"/images/{classified.uuid}/again/", headers={"X-Request-ID": "once-more"})
    classified.refresh_from_db()
    assert classified.request_id == "once-more" and classified.state == State.WAITING


@pytest.mark.keras
def test_every_line_of_a_worker_about_an_image_names_it_and_its_request(lines, upload, tiny, settings):
    from classifier.worker.loop import classify_waiting

    behind_a_proxy(settings)
    for seed, name in enumerate(("good", "lost")):
        upload((f"{name}.jpg", jpeg(seed)), headers={"X-Request-ID": f"request-{name}"})
    good, lost = Image.objects.order_by("pk")
    lost.original.storage.delete(lost.original.name)
    before = len(lines())
    classify_waiting(8)
    worker = [line for line in lines()[before:] if line["logger"].startswith("classifier.worker")]
    marks = {(line["request_id"], line["image_id"]) for line in worker}
    assert marks == {("request-good", str(good.uuid)), ("request-lost", str(lost.uuid))}


def record(message, **extra):
    return logging.makeLogRecord({"name": "x", "msg": message, "levelname": "ERROR", **extra})


def test_plain_lines_carry_the_marks_behind_the_message():
    with logs.about(request="r1", image="i1"):
        marked = record("disk full")
        logs.Marks().filter(marked)
    line = logs.Plain("{levelname}: {message}", style="{").format(marked)
    assert line == "ERROR: disk full request=r1 image=i1"
    assert logs.Plain("{message}", style="{").format(record("hello")) == "hello"


def test_the_same_error_is_mailed_once_in_ten_minutes():
    seldom = logs.Seldom()
    assert [seldom.filter(record(message)) for message in ("a", "a", "b", "a")] == [True, False, True, False]
    seldom.seen = {key: when - logs.QUIET_SECONDS for key, when in seldom.seen.items()}
    assert seldom.filter(record("a"))


def test_errors_are_mailed_with_the_request_they_belong_to(settings):
    settings.ADMINS = [("a", "operator@example.org")]
    made = logging.config.DictConfigurator(logs.configuration("plain", mail=True))
    made.configure()
    try:
        with logs.about(request="r-9"):
            logging.getLogger("classifier.somewhere").error("the store is gone")
    finally:
        logging.config.dictConfig(settings.LOGGING)
    [sent] = mail.outbox
    assert sent.to == ["operator@example.org"] and "the store is gone" in sent.subject and "r-9" in sent.body


def test_a_sentry_address_is_checked_and_reports_carry_no_personal_data(tmp_path):
    done = load(RUN_DIR=str(tmp_path), SENTRY_DSN="nonsense")
    assert "SENTRY_DSN: expected an address of a Sentry project" in done.stderr
    assert load(RUN_DIR=str(tmp_path), SENTRY_DSN="http://key@127.0.0.1:9/1").returncode == 0
    with logs.about(request="r1"):
        assert logs._marked({"message": "x"}, {})["tags"] == {"request_id": "r1"}


def test_gunicorn_and_celery_leave_their_lines_to_the_settings(settings, monkeypatch):
    import runpy

    from gunicorn.config import Config

    from aidetect.celery import app
    from tests.test_layers import ROOT

    calls = []
    monkeypatch.setattr(logs, "configure", lambda: calls.append(1))
    app.log.already_setup = False
    app.log.setup_logging_subsystem()
    assert calls == [1]
    kept = logging.getLogger("gunicorn.error").handlers[:]
    try:
        runpy.run_path(str(ROOT / "gunicorn.conf.py"))["logger_class"](Config())
    finally:
        logging.getLogger("gunicorn.error").handlers = kept
    assert calls == [1, 1]
