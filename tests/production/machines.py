"""A whole site of real processes, as compose.yaml and the Dockerfile describe it, without a container engine:
PostgreSQL, Redis, an object store, two web processes, three workers and nginx. What dies is started again, as an engine
would."""

import contextlib
import getpass
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import requests

from tests import object_store
from tests.stack import Helper, free_port, wait_for
from tests.test_deployment import SERVICES, TEMPLATE, web_command
from tests.test_layers import ROOT

AS_POSTGRES = {"user": "postgres", "group": "postgres", "extra_groups": []} if getpass.getuser() == "root" else {}
RESTART = 1.0
"""Seconds until what died is started again."""
WORKERS = 3


def missing():
    """What this machine lacks, "" when nothing."""
    programs = {"nginx": nginx_program(), "redis-server": shutil.which("redis-server"), "PostgreSQL": postgres_folder()}
    return ", ".join(name for name, found in programs.items() if not found)


def nginx_program():
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def postgres_folder():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0]))
    return found[-1].parent if found else None


class Program:
    """One process and whatever it starts; started again when it ends, as long as it is wanted."""

    def __init__(self, site, name, command, ready, **options):
        self.site, self.name, self.command, self.ready, self.options = site, name, command, ready, options
        self.log = (site.folder / f"{name}.log").open("ab")
        self.wanted, self.died = True, None
        self.starts = 0
        self.start()

    def start(self):
        self.starts, self.died = self.starts + 1, None
        options = {"cwd": ROOT, "env": self.site.environment, **self.options}
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True, **options
        )

    def family(self):
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return []

    def children(self):
        return self.family()[1:]

    def kill(self, number=signal.SIGKILL):
        """The process alone; what it started is left to itself."""
        self.process.send_signal(number)

    def look(self):
        if self.wanted and self.process.poll() is not None:
            now = time.monotonic()
            self.died = self.died or now
            if now - self.died > RESTART:
                self.kill_group()
                self.start()

    def kill_group(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self):
        self.wanted = False
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.kill_group()
        self.process.wait()
        self.log.close()


class Site:
    def __init__(self, folder):
        self.folder, self.programs, self.helper = folder, {}, None
        self.ports = {name: free_port() for name in ("nginx", "postgres", "redis", "store", "web1", "web2")}
        self.address = f"http://127.0.0.1:{self.ports['nginx']}"
        self.environment = {**os.environ, **self._environment()}
        self.running = threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    def _environment(self):
        """What compose.yaml tells its services, with the addresses of this machine."""
        told = dict.fromkeys(SERVICES["web"]["environment"], "") | {
            "SECRET_KEY": "only for this test",
            "ALLOWED_HOSTS": "127.0.0.1",
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "DATABASE_URL": f"postgres://postgres@127.0.0.1:{self.ports['postgres']}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
            "STORAGE_URL": object_store.url_of(self.ports["store"], timeout=3),
            "SERVE_FILES": SERVICES["web"]["environment"]["SERVE_FILES"],
            "ADMIN_EMAIL": "staff@example.org",
            "ADMIN_PASSWORD": "staff-password-1",
        }
        assert set(told) == set(SERVICES["web"]["environment"]), "compose.yaml sets something that this does not"
        quick = {"DETECTOR": "quick", "SWEEP_SECONDS": "1", "AUDIT_SHARE": "0", "TF_NUM_INTRAOP_THREADS": "1"}
        places = {"RUN_DIR": str(self.folder / "run"), "MEDIA_ROOT": str(self.folder / "media")}
        return told | quick | places | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}

    def start(self):
        self._postgres()
        self._redis()
        store = [sys.executable, "-m", "tests.object_store", str(self.ports["store"])]
        self.add("store", store, lambda: self._answers("store"))
        self.manage("prepare")
        for number in range(1, WORKERS + 1):
            self._worker(number)
        for name in ("web1", "web2"):
            self._web(name)
        self._nginx()
        self.running.set()
        self.watcher.start()
        wait_for(lambda: self.get("/readyz").status_code == 200, 120, f"a ready site, {self.folder}")
        return self

    def add(self, name, command, ready, **options):
        self.programs[name] = Program(self, name, command, ready, **options)
        wait_for(ready, 60, f"{name}, {self.folder}")

    def __getitem__(self, name):
        return self.programs[name]

    def workers(self):
        return [self.programs[f"worker{number}"] for number in range(1, WORKERS + 1)]

    def _postgres(self):
        program, data = postgres_folder(), self.folder / "postgres"
        data.mkdir(mode=0o700)
        if AS_POSTGRES:
            shutil.chown(data, "postgres", "postgres")
        self.folder.chmod(0o711)  # for the user postgres
        quiet: Any = {"stdout": subprocess.DEVNULL, "cwd": "/", **AS_POSTGRES}
        subprocess.run([program / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"], check=True, **quiet)
        options = {"listen_addresses": "127.0.0.1", "fsync": "off", "max_connections": "100"}
        command = [program / "postgres", "-D", data, "-p", str(self.ports["postgres"]), "-k", data]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        ready = [program / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.ports["postgres"])]
        self.add("postgres", command, lambda: subprocess.run(ready).returncode == 0, **{"cwd": "/", **AS_POSTGRES})

    def _redis(self):
        command = shlex.split(SERVICES["redis"]["command"])
        command[1:1] = ["--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self.add("redis", [*command, "--save", ""], lambda: self._answers("redis"))

    def _worker(self, number):
        name = f"worker{number}"
        words = shlex.split(SERVICES["worker"]["command"].replace("worker@", f"{name}@"))
        self.add(name, [sys.executable, "-m", *words], lambda: True)

    def _web(self, name):
        words = web_command()
        words[words.index("--bind") + 1] = f"127.0.0.1:{self.ports[name]}"
        words[words.index("--workers") + 1] = "1"
        self.add(name, [sys.executable, "-m", *words], lambda: self._answers(name))

    def _nginx(self):
        told = SERVICES["nginx"]["environment"] | {
            "NGINX_PORT": f"127.0.0.1:{self.ports['nginx']}",
            "WEB_SERVERS": " ".join(f"server 127.0.0.1:{self.ports[name]};" for name in ("web1", "web2")),
            "STORE": f"http://127.0.0.1:{self.ports['store']}",
            "STORE_HOST": f"127.0.0.1:{self.ports['store']}",
            "MEDIA_ROOT": self.environment["MEDIA_ROOT"],
        }
        site = re.sub(r"\$\{([A-Z_]+)\}", lambda found: told[found[1]], TEMPLATE)
        place = self.folder / "nginx"
        place.mkdir()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {place}/{kind};" for kind in kinds)
        user = "user root;" if AS_POSTGRES else ""
        whole = (
            f"{user} worker_processes 1; pid {place}/pid; events {{}} http {{ access_log off; {temporary}\n{site} }}"
        )
        (place / "nginx.conf").write_text(whole)
        command = [nginx_program(), "-p", place, "-c", place / "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
        self.add("nginx", command, lambda: self._answers("nginx"))

    def _answers(self, name):
        try:
            socket.create_connection(("127.0.0.1", self.ports[name]), 1).close()
        except OSError:
            return False
        return True

    def _watch(self):
        while self.running.is_set():
            for program in list(self.programs.values()):
                program.look()
            time.sleep(0.2)

    def get(self, path, **options):
        try:
            return requests.get(self.address + path, timeout=30, **options)
        except requests.RequestException:
            answer = requests.Response()
            answer.status_code = 0
            return answer

    def fault(self, kind):
        object_store.set_fault(self.ports["store"], kind)

    def manage(self, *arguments):
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, code):
        """What Python prints in the site's own Django, as JSON. Asked again where a database was killed meanwhile."""
        self.helper = self.helper or Helper(self.environment)
        for _ in range(30):
            try:
                return json.loads(self.helper.answer(code).splitlines()[-1])
            except AssertionError as error:
                if "OperationalError" not in str(error):
                    raise
                time.sleep(1)
        raise AssertionError("the database did not come back")

    def said(self, words):
        """Lines of any program's log with these words."""
        texts = (path.read_text(errors="replace") for path in self.folder.glob("*.log"))
        return [line for text in texts for line in text.splitlines() if words in line]

    def stop(self):
        self.running.clear()
        if self.helper:
            self.helper.end()
        for program in reversed(self.programs.values()):
            program.end()
