"""Are there known vulnerabilities in what requirements.lock pins? Asks the registry through pip-audit.

A vulnerability that a newer version mends fails the run: raise the pin and `make lock`. One without a remedy is only
said: nobody can do anything about it today, and CI must not stop for it. When the registry doesn't answer, that is
said, too, and the run goes on.
"""

import json
import subprocess
import sys
from typing import Any

COMMAND = [
    sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock", "--no-deps", "--disable-pip",
    "--format", "json", "--progress-spinner", "off", "--timeout", "20",
]  # fmt: skip
PATIENCE = 300


def ask() -> dict[str, Any] | None:
    """pip-audit's report; None when it got none."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=PATIENCE)
        return dict(json.loads(done.stdout))
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def judge(report: dict[str, Any] | None) -> tuple[int, list[str]]:
    """The exit status, and what to print."""
    checked = [one for one in (report or {}).get("dependencies", []) if "vulns" in one]
    if not checked:
        return 0, ["The registry of vulnerabilities did not answer; skipped. Run .ci/run once where it does."]
    status, lines = 0, [f"{len(checked)} packages looked up."]
    for package in checked:
        for found in package["vulns"]:
            mended = ", ".join(found.get("fix_versions") or [])
            status = status or int(bool(mended))
            remedy = f"mended in {mended}: raise the pin" if mended else "no remedy yet"
            lines.append(f"{package['name']} {package['version']}: {found['id']}; {remedy}")
    return status, lines


if __name__ == "__main__":
    code, said = judge(ask())
    print("\n".join(said))
    sys.exit(code)
