"""A PostgreSQL of one's own for tests, from Debian's package; nothing of it outlives them."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.stack import free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextlib.contextmanager
def server(**options):
    """Yields the address of a server with an empty database. Skips where PostgreSQL is not installed."""
    import pytest

    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    with started(**options) as address:
        yield address


@contextlib.contextmanager
def started(fsync="off", **options):
    folder = Path(tempfile.mkdtemp(prefix="aidetect-pg-"))
    port, tools = free_port(), PROGRAMS[-1]
    if os.getuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
    settings = {"port": port, "unix_socket_directories": folder, "listen_addresses": "127.0.0.1", "fsync": fsync}
    flags = " ".join(f"-c {name}={value}" for name, value in {**settings, **options}.items())
    try:
        _as_nobody_special(folder, f"{tools}/initdb -D {folder}/db -A trust -U postgres")
        _as_nobody_special(folder, f"{tools}/pg_ctl -D {folder}/db -l {folder}/log -o '{flags}' -w start")
        yield f"postgres://postgres@127.0.0.1:{port}/postgres"
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            _as_nobody_special(folder, f"{tools}/pg_ctl -D {folder}/db -m immediate stop")
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody_special(folder, command):
    words = ["su", "postgres", "-c", command] if os.getuid() == 0 else ["bash", "-c", command]
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
