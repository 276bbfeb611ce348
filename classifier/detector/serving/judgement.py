"""From views to a verdict that stands: score, thresholds, stability, and why there is no verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from classifier.detector.images.preprocessing import Pixels
from classifier.detector.labels import BETWEEN, INCONCLUSIVE, NOT_A_PHOTO, UNSTABLE, Outcome
from classifier.detector.serving import stability
from classifier.detector.serving.bundle import LoadedDetector
from classifier.detector.stats.classification import Floats


@dataclass(frozen=True)
class Judgement:
    """score: P(REAL) in [0, 1]; reason: why the outcome is INCONCLUSIVE, "" otherwise; stability: score by mild change,
    empty where the score alone already left it open."""

    score: float
    outcome: Outcome
    reason: str = ""
    stability: dict[str, float] = field(default_factory=dict)


def _with_others(detector: LoadedDetector, seen: Floats, unfit: Sequence[str]) -> list[str]:
    """`unfit`, and what the detector takes for something else than a photograph."""
    if detector.subject is None:
        return list(unfit)
    others = detector.subject.is_other(seen)
    return [why or (NOT_A_PHOTO if other else "") for why, other in zip(unfit, others, strict=True)]


def judge(detector: LoadedDetector, images: Sequence[Pixels], unfit: Sequence[str] = ()) -> list[Judgement]:
    """One judgement an image, given its views. Only verdicts that would be given are put to the test of stability: it
    costs several forward passes. unfit: for each image why it gets no verdict, "" if it may (`suitability.unfit`)."""
    seen = detector.see(list(images))
    unfit = _with_others(detector, seen, unfit or [""] * len(images))
    scores = [float(score) for score in detector.scores_of(seen)]
    outcomes = [INCONCLUSIVE if why else detector.card.outcome(score) for score, why in zip(scores, unfit, strict=True)]
    decided = [index for index, outcome in enumerate(outcomes) if outcome != INCONCLUSIVE]
    names = list(stability.changes(detector.card.preprocessing))
    others = stability.stability(detector, [images[index] for index in decided], seen[decided])
    tested = dict(zip(decided, others, strict=True))
    judgements = []
    for index, (score, outcome) in enumerate(zip(scores, outcomes, strict=True)):
        if index not in tested:
            judgements.append(Judgement(score, outcome, unfit[index] or BETWEEN))
            continue
        stands = stability.settled(outcome, score, tested[index], detector.card.largest_jump)
        strip = {name: round(float(other), 4) for name, other in zip(names, tested[index], strict=True)}
        judgements.append(Judgement(score, stands, "" if stands == outcome else UNSTABLE, strip))
    return judgements
