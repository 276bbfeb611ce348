"""Which process holds a claim, so that any other process of the same machine can tell whether it still lives."""

import os
import socket
from functools import cache
from pathlib import Path

PROC = Path("/proc")
LIVING = "RSDTtWKPI"
"""States of a process in /proc that is not dead yet; Z and X are."""


@cache
def place() -> str:
    """This machine since it started, as far as process numbers mean the same: a container is a place of its own, and so
    is a machine of the same name."""
    words = [socket.gethostname()[:60]]
    try:
        words.append((PROC / "sys/kernel/random/boot_id").read_text()[:8])
        words.append(str((PROC / "self/ns/pid").stat().st_ino))
    except OSError:  # not Linux: the name alone has to do
        pass
    return "/".join(words)


def myself() -> str:
    """The holder that this process is. Asked at each claim: a child is another holder than the parent it came from."""
    return f"{place()}:{os.getpid()}:{_started(os.getpid())}"


def is_gone(holder: str) -> bool:
    """Whether the process is known to have ended. One of another machine never is: nobody here can tell."""
    where, _, process = holder.partition(":")
    number, _, started = process.partition(":")
    if where != place() or not number.isdigit():
        return False
    return not _exists(int(number)) or _started(int(number)) != started


def _exists(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, which `started` tells apart
        return True
    return True


def _started(number: int) -> str:
    """When it started, in the kernel's ticks, since numbers are used again; "gone" for a zombie; "" where /proc doesn't
    say."""
    try:
        # The name in brackets may hold anything; what follows the last bracket is state, parent, …
        fields = (PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
        return fields[19] if fields[0] in LIVING else "gone"
    except (OSError, IndexError):
        return ""
