"""What `.ci/run` makes of the registry's answer about known vulnerabilities."""

import runpy

import pytest

from tests.test_layers import ROOT

audit = runpy.run_path(str(ROOT / ".ci" / "audit.py"), run_name="audit")


def report(*vulnerabilities):
    return {"dependencies": [{"name": "django", "version": "5.2.0", "vulns": list(vulnerabilities)}]}


MENDED = {"id": "CVE-1", "fix_versions": ["5.2.1"]}
WITHOUT_REMEDY = {"id": "CVE-2", "fix_versions": []}


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (report(), 0, "1 packages looked up."),
        (report(MENDED), 1, "django 5.2.0: CVE-1; mended in 5.2.1: raise the pin"),
        (report(WITHOUT_REMEDY), 0, "django 5.2.0: CVE-2; no remedy yet"),
        (report(WITHOUT_REMEDY, MENDED), 1, "CVE-1"),
        (None, 0, "did not answer; skipped"),
        ({"dependencies": [{"name": "django", "skip_reason": "not found"}]}, 0, "did not answer; skipped"),
    ],
)
def test_only_what_can_be_mended_stops_a_change(answer, status, said):
    code, lines = audit["judge"](answer)
    assert code == status and said in "\n".join(lines)


def test_an_audit_that_can_not_run_is_no_report(monkeypatch):
    monkeypatch.setitem(audit["ask"].__globals__, "COMMAND", ["/no/such/program"])
    assert audit["ask"]() is None


def test_ci_asks():
    assert ".ci/audit.py" in (ROOT / ".ci" / "run").read_text()
