"""The real stack for tests: `manage.py launch` with its own database, files, Redis and port."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import uuid

import psutil

from tests.test_layers import ROOT


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds=60, what="the condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come true in {seconds} s")


class Stack:
    """Started in `folder`; everything it prints is kept in `lines`."""

    PASSWORD = "staff-password-1"

    def __init__(self, folder, **environment):
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.database = own_database(folder)
        self.environment = {
            **os.environ,
            "RUN_DIR": str(folder / "run"),
            "MEDIA_ROOT": str(folder / "media"),
            "DATABASE_URL": self.database,
            "ADMIN_EMAIL": "staff@example.org",
            "ADMIN_PASSWORD": self.PASSWORD,
            "SWEEP_SECONDS": "1",
            "DETECTOR": "quick",  # as in all other tests; how long the thorough one takes is not what they are about
            "AUDIT_SHARE": "0",  # no chance: the review queue's order is what tests look at
            **environment,
        }
        self.lines, self.process, self.helper = [], None, None

    def start(self, ready=True):
        self.lines.clear()
        command = [sys.executable, "manage.py", "launch", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        if ready:
            wait_for(lambda: self.said("Ready: "), 90, f"'Ready' in {self.lines}")
        return self

    def _read(self, stream):
        with stream:
            self.lines.extend(line.rstrip("\n") for line in stream)

    def said(self, words):
        return [line for line in self.lines if words in line]

    def family(self):
        """Every process below the launcher."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, *words):
        return [p for p in self.family() if all(word in " ".join(p.cmdline()) for word in words)]

    def stop(self, number=signal.SIGTERM):
        if self.helper:
            self.helper.end()
        self.process.send_signal(number)
        code = self.process.wait(60)
        drop_database(self.database)
        return code

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def manage(self, *arguments):
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, code):
        """Run Python in the stack's own Django and return what it prints. One process answers all questions: starting
        Django costs a second and more of processor time, an answer a few milliseconds."""
        self.helper = self.helper or Helper(self.environment)
        return self.helper.answer(code)


class Helper:
    """A Django of its own that runs what it is sent, a JSON line a question."""

    def __init__(self, environment):
        command = [sys.executable, "-m", "tests.stack"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def answer(self, code):
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline() or '{"error": "the helper has ended"}')
        assert "error" not in told, told["error"]
        return told["said"].strip()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)


def answer_questions():
    """The helper's own side."""
    import django
    from django.db import connection

    answers, sys.stdout = sys.stdout, sys.stderr
    os.environ["DJANGO_SETTINGS_MODULE"] = "aidetect.settings"
    django.setup()
    for line in sys.stdin:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(json.loads(line), {})
            told = {"said": printed.getvalue()}
        except Exception:
            told = {"error": traceback.format_exc()}
            connection.close()
        print(json.dumps(told), file=answers, flush=True)


def own_database(folder):
    """SQLite in the folder, or a new PostgreSQL database beside the one in DATABASE_URL."""
    address = os.environ.get("DATABASE_URL", "")
    if not address.startswith("postgres"):
        return f"sqlite:///{folder}/db.sqlite3"
    name = f"aidetect_stack_{uuid.uuid4().hex[:8]}"
    _postgres(address, f'CREATE DATABASE "{name}"')
    return re.sub(r"/[^/]*$", f"/{name}", address)


def drop_database(address):
    if address.startswith("postgres"):
        name = address.rsplit("/", 1)[-1]
        _postgres(os.environ["DATABASE_URL"], f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _postgres(address, statement):
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)


class Browserless:
    """A signed-in person without a browser."""

    def __init__(self, stack):
        import requests

        self.stack, self.session = stack, requests.Session()

    def _post(self, path, data, **extra):
        token = re.search(
            r'name="csrfmiddlewaretoken" value="([^"]+)"', self.session.get(self.stack.address + path).text
        )
        return self.session.post(
            self.stack.address + path, {**data, "csrfmiddlewaretoken": token.group(1)}, timeout=60, **extra
        )

    def sign_up(self, name="carol"):
        password = "sun-and-moon-7"
        data = {"username": name, "email": f"{name}@example.org", "password1": password, "password2": password}
        assert self._post("/accounts/signup/", data).url == self.stack.address + "/"
        return self

    def upload(self, *files):
        return self._post("/", {}, files=[("images", file) for file in files])


if __name__ == "__main__":
    answer_questions()
