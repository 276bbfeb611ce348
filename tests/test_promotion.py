"""The gate, the override, the log, the roll-back, the comparison, the regression cases."""

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command

from classifier.detector.errors import DetectorError
from classifier.learning import gate
from classifier.models import Detector, Image, Measurement, Promotion, RegressionCase
from classifier.registry import detectors
from classifier.worker import trainer
from tests.conftest import person
from tests.loop import another, frozen

pytestmark = [pytest.mark.keras, pytest.mark.postgres]


@pytest.fixture
def version(tiny, alice, staff):
    return frozen(alice, staff)


def report(balanced=0.7, accused=0.05):
    return {"overall": {"balanced_accuracy": balanced}, "decided": {"real_called_fake": accused}}


@pytest.mark.parametrize(
    ("after", "refused"),
    [
        (report(), []),
        (report(0.75, 0.0), []),
        (report(0.68, 0.07), []),
        (report(0.679, 0.05), ["balanced accuracy"]),
        (report(0.9, 0.071), ["real photographs called AI"]),
        (report(0.5, 0.5), ["balanced accuracy", "real photographs called AI"]),
        (report(None, 0.05), ["balanced accuracy"]),
    ],
)
def test_the_gate_knows_its_margin(detector, after, refused, settings):
    settings.PROMOTION_MARGIN = 0.02
    checks = gate.checks_of(report(), after, detector, detector)
    assert [check.name for check in checks if not check.ok] == refused
    assert all(check.objection for check in checks if not check.ok)


def test_without_a_dataset_version_or_a_measurement_it_says_what_is_missing(tiny, detector, alice, staff):
    candidate = another(detector, "candidate")
    with pytest.raises(gate.PromotionRefused, match="no frozen dataset version"):
        gate.promote(candidate, staff)
    version = frozen(alice, staff)
    with pytest.raises(gate.PromotionRefused, match="not yet measured on dataset 1"):
        gate.promote(candidate, staff)
    assert gate.promote(candidate, staff, "I know why").overridden == [
        f"{detector} and candidate not yet measured on {version}"
    ]


def test_the_page_measures_refuses_and_lets_through(as_staff, staff, version, detector):
    bad = another(detector, "bad", fake_below=0.9995, real_above=0.9996)
    good = another(detector, "good")
    url = f"/admin/classifier/detector/{bad.pk}/promote/"
    assert "Measure both now" in as_staff.get(url).content.decode()
    as_staff.post(f"/admin/classifier/detector/{bad.pk}/measure/", {"back": "promote"})
    assert "this page reloads itself" in as_staff.get(url).content.decode()
    assert trainer.work() == 2 and Measurement.objects.filter(state="done").count() == 2
    page = as_staff.get(url).content.decode()
    assert "The gate refuses" in page and "✗ refused" in page
    as_staff.post(url, {"reason": "  "})
    assert Detector.objects.active() == detector and not Promotion.objects.filter(detector=bad).exists()
    as_staff.post(f"/admin/classifier/detector/{good.pk}/measure/")
    trainer.work()
    assert "The gate refuses" not in as_staff.get(f"/admin/classifier/detector/{good.pk}/promote/").content.decode()
    as_staff.post(f"/admin/classifier/detector/{good.pk}/promote/", {"reason": ""})
    assert Detector.objects.active() == good
    as_staff.post(url, {"reason": "an experiment"})
    assert Detector.objects.active() == bad
    entry = Promotion.objects.first()
    assert (entry.by, entry.reason, entry.before) == (staff, "an experiment", good) and entry.overridden
    log = as_staff.get("/admin/classifier/promotion/").content.decode()
    assert "an experiment" in log and "real photographs called AI rises" in log


def test_one_click_back_and_not_back_and_forth(as_staff, tiny, detector):
    other = another(detector, "other")
    assert gate.before_active() is None
    with pytest.raises(DetectorError, match="no detector to go back to"):
        gate.rollback(None)
    detectors.switch_to(other)
    assert "Roll back to" in as_staff.get("/admin/classifier/detector/").content.decode()
    as_staff.post("/admin/classifier/detector/rollback/")
    assert Detector.objects.active() == detector and Promotion.objects.first().rollback
    assert gate.before_active() is None
    assert as_staff.get("/admin/classifier/detector/rollback/").status_code == 403


def test_a_detector_whose_files_are_gone_is_never_promoted(tiny, detector, staff):
    ghost = Detector.objects.create(version="ghost", architecture="cnn32", sha256="0" * 64, card=detector.card)
    with pytest.raises(DetectorError, match="files of ghost are gone"):
        gate.promote(ghost, staff, "please")
    with pytest.raises(DetectorError, match="is the active detector already"):
        gate.promote(detector, staff, "please")


def test_a_regression_case_must_stay_right(as_staff, staff, version, detector):
    ids = list(Image.objects.filter(label="REAL").values_list("pk", flat=True)[:2])
    unlabelled = Image.objects.filter(label="FAKE").first()
    Image.objects.filter(pk=unlabelled.pk).update(label="")
    page = as_staff.post(
        "/admin/classifier/image/", {"action": "keep_right", "_selected_action": [*ids, unlabelled.pk]}, follow=True
    ).content.decode()
    assert "2 regression cases" in page and "1 left out" in page
    case = RegressionCase.objects.order_by("pk").first()
    as_staff.post(f"/admin/classifier/regressioncase/{case.pk}/change/", {"name": "night shot of May"})
    same = another(detector, "same")
    for one in (detector, same):
        trainer.measured_now(one, version)
    assert not gate.gate(same).objections
    row = Measurement.objects.get(detector=detector)
    Measurement.objects.update(cases={str(pk): {"outcome": "REAL", "score": 0.9} for pk in row.cases})
    cases = {**row.cases, str(case.pk): {"outcome": "INCONCLUSIVE", "score": 0.5}}
    cases = {pk: {"outcome": "REAL", "score": 0.9} if pk != str(case.pk) else cases[pk] for pk in cases}
    Measurement.objects.filter(detector=same).update(cases=cases)
    assert gate.gate(same).objections == ["regression case “night shot of May” (REAL) goes from REAL to INCONCLUSIVE"]
    Image.objects.filter(pk=case.image_id).update(consent=False)
    assert not gate.gate(same).objections, "withdrawn consent takes an image out of the cases, too"
    Image.objects.filter(pk=case.image_id).update(consent=True)
    RegressionCase.objects.create(image=Image.objects.filter(label="FAKE")[0], name="new one", by=staff)
    assert "not yet measured" in gate.gate(same).missing, "a new case has to be measured first"


def test_a_lost_file_of_a_case_refuses_nobody(staff, version, detector):
    image = Image.objects.filter(label="REAL")[0]
    RegressionCase.objects.create(image=image, name="lost", by=staff)
    image.original.storage.delete(image.original.name)
    same = another(detector, "same")
    for one in (detector, same):
        trainer.measured_now(one, version)
    assert not gate.gate(same).objections


def test_two_detectors_side_by_side_with_the_verdicts_that_change(as_staff, version, detector):
    strict = another(detector, "strict", fake_below=0.001, real_above=0.999)
    first, second = (trainer.measured_now(one, version) for one in (detector, strict))
    url = "/admin/classifier/detector/compare/"
    page = as_staff.get(url, {"dataset": 1, "a": detector.version, "b": "strict"})
    changed = page.context["compared"].changed
    expected = {
        name
        for name in first.scores
        if gate.outcome(detector, first.scores[name]) != gate.outcome(strict, second.scores[name])
    }
    assert {row.sha256 for row in changed} == expected
    assert "Balanced accuracy" in page.content.decode()
    for bad in ({}, {"dataset": "x"}, {"dataset": 99, "a": "nobody", "b": "strict"}, {"dataset": 1, "a": "nobody"}):
        assert as_staff.get(url, bad).status_code == 200


def test_the_commands_do_the_same(version, detector, capsys):
    bad = another(detector, "bad", fake_below=0.9995, real_above=0.9996)
    with pytest.raises(CommandError, match="bad is not promoted:\n- "):
        call_command("promote", "bad")
    assert "refused" in capsys.readouterr().out and Detector.objects.active() == detector
    call_command("compare", detector.version, "bad")
    out = capsys.readouterr().out
    assert "test images of dataset 1" in out and "Balanced accuracy" in out and "changed verdicts" in out
    call_command("promote", "bad", "--reason", "for the test")
    assert Detector.objects.active() == bad
    call_command("rollback", "--reason", "enough")
    assert f"{detector} is active again" in capsys.readouterr().out
    assert Promotion.objects.first().reason == "enough"
    with pytest.raises(CommandError, match="no detector to go back to"):
        call_command("rollback")
    with pytest.raises(CommandError, match="number of a dataset version"):
        call_command("compare", "bad", "bad", "--dataset", "9")


def test_a_look_does_not_promote(version, detector, sign_in):
    other = another(detector, "other")
    looker = person("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_detector"))
    client = sign_in(looker)
    page = client.get(f"/admin/classifier/detector/{other.pk}/change/")
    assert page.status_code == 200 and "Promote…" not in page.content.decode()
    assert client.get("/admin/classifier/detector/").status_code == 200
    for place in (f"{other.pk}/promote/", f"{other.pk}/measure/", "rollback/"):
        assert client.post(f"/admin/classifier/detector/{place}", {"reason": "x"}).status_code == 403
    assert sign_in(person("none", is_staff=True)).get("/admin/classifier/detector/compare/").status_code == 403
    assert Detector.objects.active() == detector
