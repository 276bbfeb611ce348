"""Which detector is the active one: compared on frozen test images, let through a gate, rolled back, logged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from django.conf import settings
from django.contrib.auth.models import User

from classifier.detector.errors import DetectorError
from classifier.detector.labels import CLASS_NAMES, FAKE, INCONCLUSIVE, REAL, outcome_of
from classifier.detector.stats.measured import DecidedKey, Report
from classifier.models import (
    DatasetVersion,
    Detector,
    ImageQuerySet,
    JobState,
    Measurement,
    Promotion,
    RegressionCase,
)
from classifier.registry import bundles, detectors

WORTH = {REAL: 1, FAKE: -1, INCONCLUSIVE: 0}
FIGURES = (
    ("accuracy", "Accuracy", True),
    ("balanced_accuracy", "Balanced accuracy", True),
    ("auroc", "AUROC", True),
    ("precision", "Precision", True),
    ("recall", "Recall", True),
    ("brier", "Brier score", False),
)
PASSED = "passed the gate"
"""The reason in the log when nobody gave one."""


class PromotionRefused(DetectorError):
    """The gate objects, and no reason was given to do it all the same."""

    def __init__(self, objections: Sequence[str]) -> None:
        self.objections = list(objections)
        super().__init__("refused: " + "; ".join(objections))


class Answer(TypedDict):
    """What a detector says of a regression case: kept in `Measurement.cases`, by number of the case."""

    outcome: str
    score: float | None


Answers = dict[str, Answer]


@dataclass(frozen=True)
class Check:
    """One thing that must not get worse. before, after: of the active detector and of the candidate."""

    name: str
    before: str
    after: str
    ok: bool
    objection: str = ""


@dataclass(frozen=True)
class Gate:
    """What speaks for and against a candidate. active: None where none is installed yet. where: which images they were
    compared on."""

    candidate: Detector
    active: Detector | None
    where: str
    checks: list[Check] = field(default_factory=list)
    missing: str = ""

    @property
    def objections(self) -> list[str]:
        return [self.missing] if self.missing else [check.objection for check in self.checks if not check.ok]


def measured(detector: Detector, dataset: DatasetVersion) -> Measurement | None:
    """The finished measurement of a detector on a version, unless regression cases came in since."""
    rows = Measurement.objects.filter(detector=detector, dataset=dataset, state=JobState.DONE)
    row: Measurement | None = rows.first()
    if row and all(str(pk) in row.cases for pk in RegressionCase.objects.usable().values_list("pk", flat=True)):
        return row
    return None


def gate(candidate: Detector) -> Gate:
    """The gate on the newest dataset version, as far as both detectors are measured on it."""
    active = Detector.objects.active()
    if active is None:
        return Gate(candidate, None, "", missing="no detector is active that it could be compared with")
    dataset = DatasetVersion.objects.first()
    if dataset is None:
        return Gate(candidate, active, "", missing="there is no frozen dataset version to compare them on")
    before, after = measured(active, dataset), measured(candidate, dataset)
    if before is None or after is None:
        names = " and ".join(str(one) for one, row in ((active, before), (candidate, after)) if row is None)
        return Gate(candidate, active, str(dataset), missing=f"{names} not yet measured on {dataset}")
    where = f"{after.report['n']} test images of {dataset}"
    checks = checks_of(before.report, after.report, active, candidate) + _case_checks(before.cases, after.cases)
    return Gate(candidate, active, where, checks)


def checks_of(before: Report, after: Report, active: Detector, candidate: Detector) -> list[Check]:
    """Balanced accuracy must not fall, and the share of real photographs called FAKE must not rise, by more than
    PROMOTION_MARGIN. Reports as `evaluation.report` makes them, both on the same images."""
    margin = settings.PROMOTION_MARGIN
    checks = []
    for name, sign, pairs in (
        ("balanced accuracy", 1, [report["overall"]["balanced_accuracy"] for report in (before, after)]),
        ("real photographs called AI", -1, [report["decided"]["real_called_fake"] for report in (before, after)]),
    ):
        old, new = pairs
        if old is None or new is None:
            checks.append(
                Check(name, "–", "–", False, f"{name} can't be measured: a class is missing in the test images")
            )
            continue
        ok = sign * (new - old) >= -margin - 1e-9
        words = "falls" if sign > 0 else "rises"
        objection = "" if ok else f"{name} {words} from {old:.1%} to {new:.1%}, by more than {margin:.1%}"
        checks.append(Check(name, f"{old:.1%}", f"{new:.1%}", ok, objection))
    return checks


def _case_checks(before: Answers, after: Answers) -> list[Check]:
    """A case must not get further from its label than it was: right, inconclusive, wrong."""
    checks = []
    for case in RegressionCase.objects.usable():
        old, new = (cases[str(case.pk)]["outcome"] for cases in (before, after))
        side = WORTH[case.image.label]
        ok = side * WORTH[new] >= side * WORTH[old]
        objection = "" if ok else f"regression case “{case.name}” ({case.image.label}) goes from {old} to {new}"
        checks.append(Check(f"case: {case.name} ({case.image.label})", old, new, ok, objection))
    return checks


def promote(candidate: Detector, by: User | None, reason: str = "", found: Gate | None = None) -> Promotion:
    """Make a candidate the active detector if the gate lets it through, or if a reason says why all the same. Raises
    PromotionRefused, and DetectorError when it is active already or its files are gone."""
    if candidate.active:
        raise DetectorError(f"{candidate} is the active detector already")
    _require_files(candidate)
    objections = (found or gate(candidate)).objections
    if objections and not reason.strip():
        raise PromotionRefused(objections)
    return detectors.switch_to(candidate, by, reason.strip()[:300] or PASSED, objections)


def before_active() -> Detector | None:
    """What a roll-back leads to: the detector that was active before this one was promoted."""
    entry = Promotion.objects.filter(detector__active=True, rollback=False).exclude(before=None).first()
    return entry.before if entry else None


def rollback(by: User | None, reason: str = "") -> Promotion:
    """Back to the detector before. Raises DetectorError when there is none."""
    before = before_active()
    if before is None:
        raise DetectorError("there is no detector to go back to")
    _require_files(before)
    return detectors.switch_to(before, by, reason.strip()[:300] or "rolled back", rollback=True)


def _require_files(detector: Detector) -> None:
    if not bundles.is_there(detector):
        raise DetectorError(f"the files of {detector} are gone from {detector.bundle or detector.folder}")


@dataclass(frozen=True)
class Changed:
    """A test image on whose verdict two detectors differ. scores: of the first and of the second."""

    sha256: str
    label: str
    before: str
    after: str
    better: bool
    scores: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Two detectors on the same test images. figures: (name, of the first, of the second, whether more is better);
    changed: the images whose verdict differs, worse ones first."""

    figures: list[tuple[str, float | None, float | None, bool]]
    changed: list[Changed]


def compare(first: Measurement, second: Measurement, labels: dict[str, str]) -> Comparison:
    """labels: ground truth by SHA-256 of the version's test images."""
    figures = [
        (title, first.report["overall"][name], second.report["overall"][name], more) for name, title, more in FIGURES
    ]
    decided: tuple[tuple[DecidedKey, str], ...] = (
        ("share", "Decided"),
        ("accuracy", "Correct when decided"),
        ("real_called_fake", "Real called AI"),
        ("fake_called_real", "AI called real"),
    )
    for key, title in decided:
        pair = [row.report["decided"][key] for row in (first, second)]
        figures.append((title, pair[0], pair[1], key in ("share", "accuracy")))
    changed = []
    for sha256 in sorted(first.scores.keys() & second.scores.keys() & labels.keys()):
        one, other = (outcome(row.detector, row.scores[sha256]) for row in (first, second))
        if one != other:
            label = labels[sha256]
            better = WORTH[label] * (WORTH[other] - WORTH[one]) > 0
            scores = (first.scores[sha256], second.scores[sha256])
            changed.append(Changed(sha256, label, one, other, better, scores))
    return Comparison(figures, sorted(changed, key=lambda row: row.better))


def outcome(detector: Detector, score: float) -> str:
    """The verdict that a score alone would give."""
    return outcome_of(score, detector.card["fake_below"], detector.card["real_above"])


def costs(scores: Sequence[tuple[float, bool]]) -> list[dict[str, float]]:
    """(score, whether it is REAL) → for nine thresholds the shares of real photographs accused and of AI images missed;
    empty unless both classes are there."""
    real, fake = ([score for score, is_real in scores if is_real == side] for side in (True, False))
    if not real or not fake:
        return []
    return [
        {
            "at": at / 10,
            "accused": sum(score < at / 10 for score in real) / len(real),
            "missed": sum(score >= at / 10 for score in fake) / len(fake),
        }
        for at in range(1, 10)
    ]


def add_cases(images: ImageQuerySet, by: User) -> int:
    """Make regression cases of images that have a ground truth and consent and are none yet, under their file names.
    Returns how many."""
    chosen = images.trainable().filter(label__in=CLASS_NAMES, regression_case=None)
    cases = [RegressionCase(image=image, name=image.name[:100], by=by) for image in chosen]
    return len(RegressionCase.objects.bulk_create(cases))
