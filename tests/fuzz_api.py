"""schemathesis against the programming interface: whatever it sends, the answer is what the OpenAPI document says.

`python -m tests.fuzz_api [SECONDS]`; `.ci/run` gives it a minute. It starts a web server of its own, without workers.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.stack import Stack, drop_database, wait_for
from tests.test_layers import ROOT

SEED = """
from django.contrib.auth.models import User
from classifier.accounts import tokens
from classifier.models import Scope
from tests import factories
from tests.pictures import jpeg
alice = User.objects.create_user("alice", "alice@example.org", "alice-password-1")
images = [factories.judged(factories.submitted(alice, f"{n}.jpg", jpeg(n))) for n in range(2)]
print(tokens.create(alice, "fuzz", list(Scope), 1)[1], *(image.uuid for image in images))
"""
CONFIG = """
[parameters]
"path.uuid" = "{kept}"

[[operations]]
include-method = "DELETE"
parameters = {{ "path.uuid" = "{deleted}" }}
"""
"""One image is there for all calls, another one for whoever deletes."""
LEFT_OUT = "positive_data_acceptance,missing_required_header"
"""Not every picture, filter or cursor that has the right form is one; a missing Idempotency-Key is fine."""


def main(seconds=60):
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), API_PER_MINUTE="100000")
        stack.manage("migrate", "--verbosity", "0")
        stack.manage("install_shipped")
        secret, kept, deleted = stack.ask(SEED).split()
        (Path(folder) / "fuzz.toml").write_text(CONFIG.format(kept=kept, deleted=deleted))
        web = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "aidetect.wsgi", "--bind", f"127.0.0.1:{stack.port}", "--threads", "4"],
            cwd=ROOT, env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(lambda: answers(stack.address), 30, "the web server")
            return run(stack.address, secret, Path(folder) / "fuzz.toml", seconds)
        finally:
            web.terminate()
            web.wait(20)
            stack.helper.end()
            drop_database(stack.database)


def run(address, secret, config, seconds):
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"]
    command += [f"{address}/api/v1/openapi.json", "--header", f"Authorization: Bearer {secret}"]
    command += ["--max-time", str(seconds), "--max-examples", "40", "--exclude-checks", LEFT_OUT, "--no-color"]
    command += ["--generation-database", "none", "--request-timeout", "30", "--suppress-health-check", "all"]
    return subprocess.run(command, cwd=config.parent, check=False).returncode


def answers(address):
    import requests

    try:
        return requests.get(f"{address}/healthz", timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
