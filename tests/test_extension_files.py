"""The browser extension as files: what it may do, and that it brings everything along."""

import json
import re
import subprocess
import zipfile

from tests.test_layers import ROOT

EXTENSION = ROOT / "extension"


def test_it_asks_for_no_host_before_the_user_grants_one():
    manifest = json.loads((EXTENSION / "manifest.json").read_text())
    assert manifest["manifest_version"] == 3
    assert "host_permissions" not in manifest and "content_scripts" not in manifest
    assert sorted(manifest["permissions"]) == ["activeTab", "contextMenus", "scripting", "storage"]


def test_nothing_comes_from_elsewhere_and_no_code_is_made_of_text():
    for path in EXTENSION.rglob("*"):
        if path.suffix in (".js", ".html", ".css"):
            text = path.read_text()
            assert not re.search(r"(?:src|href|import)\s*[=(]?\s*[\"']?(?:https?:)?//", text), path
            assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", text), path


def test_every_file_that_is_named_is_there():
    for path in EXTENSION.glob("*.html"):
        for name in re.findall(r'(?:src|href)="([^"#]+)"', path.read_text()):
            assert (EXTENSION / name).is_file(), f"{path}: {name}"
    for path in EXTENSION.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', path.read_text()):
            assert (EXTENSION / name).is_file(), f"{path}: {name}"


def test_make_extension_packs_it():
    subprocess.run(["make", "extension"], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(ROOT / "dist/aidetect-extension.zip") as packed:
        assert {"manifest.json", "background.js", "icons/128.png"} <= set(packed.namelist())
