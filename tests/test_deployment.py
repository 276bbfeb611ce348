"""What compose.yaml, the Dockerfile and nginx's configuration name exists in the project, and they agree with each
other. No Docker engine is needed; tests/production runs the same commands as real processes."""

import re
import shlex
import subprocess
import sys
from urllib.parse import urlsplit

import click
import pytest
import yaml

from tests.test_docs import COMMANDS, page, settings_read
from tests.test_layers import ROOT

COMPOSE = yaml.safe_load(page("compose.yaml"))
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "aidetect"}
TEMPLATE = page("deploy/nginx/aidetect.conf.template")
INTERPOLATED = r"(?<!\$)\$\{([A-Z_]+)"
PYTHONS = {"PATH", "PYTHONUNBUFFERED", "TF_CPP_MIN_LOG_LEVEL"}
"""Variables that Python, the shell and TensorFlow read."""
IMAGES = {
    "postgres": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"},
    "minio": {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"},
    "redis": set(),
}
"""Variables that the documentation of those images names."""


def instructions():
    """The Dockerfile's, each with its words; lines that go on are joined."""
    text = re.sub(r"\\\n\s*", " ", page("Dockerfile"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(" ", 1)) for line in lines]


def words_of(name):
    return [rest for word, rest in instructions() if word == name]


def last_stage():
    all_of_it = instructions()
    start = max(place for place, (word, _) in enumerate(all_of_it) if word == "FROM")
    return all_of_it[start:]


def exec_form(text):
    return yaml.safe_load(text)


def web_command():
    return exec_form(words_of("CMD")[-1])


def environment_of(service):
    return set(service.get("environment", {}))


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_our_own_services_is_a_setting(name):
    assert environment_of(OURS[name]) <= settings_read() | PYTHONS


@pytest.mark.parametrize("name", IMAGES)
def test_every_variable_of_the_other_services_is_theirs(name):
    assert environment_of(SERVICES[name]) == IMAGES[name]


def test_every_variable_of_the_dockerfile_is_a_setting():
    names = {name for rest in words_of("ENV") for name in re.findall(r"([A-Z_]+)=", rest)}
    assert names and names <= settings_read() | PYTHONS


def test_nginx_gets_every_name_of_its_template_and_no_other():
    assert set(re.findall(INTERPOLATED, TEMPLATE)) == environment_of(SERVICES["nginx"])


def test_what_compose_asks_for_stands_in_the_example():
    example = set(re.findall(r"^([A-Z_]+)=", page("deploy/example.env"), re.M))
    assert set(re.findall(INTERPOLATED, page("compose.yaml"))) == example


def test_no_secret_has_a_default():
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "STORE_SECRET"):
        uses = re.findall(rf"\$\{{{name}(.)", page("compose.yaml"))
        assert uses and set(uses) == {":"} and f"${{{name}:-" not in page("compose.yaml")
        assert re.search(rf"^{name}=$", page("deploy/example.env"), re.M)


@pytest.mark.parametrize("name", [*OURS])
def test_every_command_exists_with_its_options(name):
    command = OURS[name].get("command")
    words = shlex.split(command) if command else web_command()
    if words[:2] == ["python", "manage.py"]:
        assert words[2] in COMMANDS
        return
    assert words[0] in ("celery", "gunicorn")
    if words[0] == "celery":
        from celery.bin.celery import celery

        worker, known = words.index("worker"), celery.commands["worker"]
        for command, rest in ((celery, words[1:worker]), (known, words[worker + 1 :])):
            command.make_parser(click.Context(command)).parse_args(list(rest))  # raises for what it doesn't know
        assert (ROOT / words[words.index("--app") + 1] / "celery.py").is_file()
    else:
        from gunicorn.config import Config

        given = Config().parser().parse_args(words[1:])
        assert given.args == ["aidetect.wsgi"] and (ROOT / "aidetect" / "wsgi.py").is_file()


def test_the_workers_read_the_queues_that_the_launcher_starts():
    from aidetect import launcher

    options = {
        "worker": (),
        "trainer": ("--queues", "training", *launcher.FORGETFUL),
        "hooks": ("--queues", "hooks", *launcher.LIGHT),
    }
    for name, extra in options.items():
        started = launcher._worker_command(name, *extra)[2:]
        assert shlex.split(OURS[name]["command"]) == started, name


def test_ports_agree():
    [exposed] = words_of("EXPOSE")
    bound = web_command()[web_command().index("--bind") + 1]
    assert bound == f"0.0.0.0:{exposed}"
    assert f":{exposed}/healthz" in words_of("HEALTHCHECK")[0]
    nginx = SERVICES["nginx"]
    assert nginx["environment"]["WEB_SERVERS"] == f"server web:{exposed};"
    inside = nginx["environment"]["NGINX_PORT"]
    assert [port.rsplit(":", 1)[1] for port in nginx["ports"]] == [inside]
    assert f":{inside}/healthz" in nginx["healthcheck"]["test"][-1]
    store = OURS["web"]["environment"]["STORAGE_URL"]
    host = nginx["environment"]["STORE_HOST"]
    assert f"@{host}/" in store and nginx["environment"]["STORE"] == f"http://{host}"
    assert SERVICES["minio"]["command"].endswith(f"--address :{host.rsplit(':')[1]}")


def test_addresses_name_services_of_the_file():
    told = OURS["web"]["environment"]
    for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL"):
        host = urlsplit(re.sub(r"\$\{[^}]*\}", "x", told[name])).hostname
        assert host in SERVICES, name
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_what_compose_sets_is_accepted(tmp_path):
    """The values themselves, with something filled in, as settings read them."""
    told = {
        key: re.sub(r"\$\{[A-Z_]+(:[-?][^}]*)?\}", lambda found: "false" if ":-false" in found[0] else "filled", value)
        for key, value in OURS["web"]["environment"].items()
        if not value.endswith(":-}")
    }
    code = "import django; django.setup(); from django.conf import settings as s; print(s.STORAGE, s.SERVE_FILES)"
    kept = {"PATH": "/usr/bin", "RUN_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "aidetect.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**kept, **told}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "http://minio:9000" in done.stdout and "nginx" in done.stdout


def test_every_file_exists():
    for rest in words_of("COPY"):
        if "--from" not in rest:
            *sources, _ = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                ignored = page(".dockerignore").splitlines()
                assert f"!{source}" in ignored, f"{source} is kept from the image"
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            place = volume.split(":")[0]
            assert (ROOT / place).exists() if place.startswith(".") else place in COMPOSE["volumes"], volume


def test_everything_that_the_code_needs_is_copied():
    copied = {source for rest in words_of("COPY") for source in rest.split()[:-1]}
    assert {"manage.py", "aidetect", "classifier", "templates", "static", "requirements.lock"} <= copied


def test_the_image_is_small_and_has_no_root():
    last = last_stage()
    assert words_of("FROM")[-1].endswith("-slim-bookworm") and len(words_of("FROM")) == 2
    assert [rest for word, rest in last if word == "USER"] == ["aidetect"]
    run = " ".join(rest for word, rest in last if word == "RUN")
    assert "pip uninstall" in run and not re.search(r"apt-get|gcc|build-essential|pip install", run)
    assert any(word == "HEALTHCHECK" for word, _ in last)
    for name, service in OURS.items():
        assert service["cap_drop"] == ["ALL"], name


def test_the_store_and_the_database_have_no_port_of_the_machine():
    for name, service in SERVICES.items():
        assert name == "nginx" or "ports" not in service, name


def test_redis_keeps_what_it_was_told():
    words = shlex.split(SERVICES["redis"]["command"])
    assert words[words.index("--appendonly") + 1] == "yes"
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"
