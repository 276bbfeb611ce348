"""manage.py label: one label for many, or a table; who and why are kept."""

import pytest
from django.core.management import CommandError, call_command

from classifier.models import Image, Label
from tests.conftest import person
from tests.test_history import make

pytestmark = pytest.mark.postgres


@pytest.fixture
def three(alice):
    return make(alice, 3, state="done", consent=True)


def test_by_hash_and_by_number(three, staff, capsys):
    call_command("label", "REAL", three[0].sha256, str(three[1].pk), "--reason", "seen the negative")
    assert "REAL: 2 changed, 0 as before, 2 named" in capsys.readouterr().out
    assert list(Image.objects.order_by("pk").values_list("label", flat=True)) == ["REAL", "REAL", ""]
    assert set(Label.objects.values_list("by__username", "reason")) == {("staff", "seen the negative")}


def test_a_table_and_a_contradiction(three, staff, tmp_path, capsys):
    person("second", is_staff=True)
    table = tmp_path / "labels.csv"
    table.write_text(f"sha256,label\n{three[0].sha256},FAKE\n{three[1].sha256},unusable\n{'e' * 64},REAL\n")
    call_command("label", "--table", str(table), "--reason", "list of May")
    call_command("label", "REAL", three[0].sha256, "--reason", "no", "--by", "second@example.org")
    assert "1 contested" in capsys.readouterr().out
    assert list(Image.objects.order_by("pk").values_list("label", flat=True)) == ["", "UNUSABLE", ""]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["REAL"], "expected a label and images"),
        (["REAL", "1", "--by", "nobody"], "expected a staff account (staff)"),
        (["--table", "/nowhere.csv"], "expected a CSV with columns sha256 and label"),
    ],
)
def test_what_is_wrong_is_said(staff, arguments, sentence):
    with pytest.raises(CommandError) as error:
        call_command("label", *arguments, "--reason", "x")
    assert sentence in str(error.value)


def test_a_bad_label_in_a_table_changes_nothing(three, staff, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(f"sha256,label\n{three[0].sha256},REAL\n{three[1].sha256},MAYBE\n")
    with pytest.raises(CommandError, match="received 'MAYBE'"):
        call_command("label", "--table", str(table), "--reason", "x")
    assert not Label.objects.exists()
