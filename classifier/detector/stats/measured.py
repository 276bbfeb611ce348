"""What is measured of a detector, as plain JSON values: in a bundle's card, in rows of measurements, on pages.

A figure is None where it can't be told, for example an AUROC of one class. Bundles and rows keep this shape, so a field
that is new is not there in old ones.
"""

from typing import Literal, NotRequired, TypedDict

Figures = dict[str, float | None]
"""By name, as `classification.summary` names them."""
Interval = list[float | None]
"""The two ends of a 95 % interval."""
Epoch = dict[str, float]
"""Figures after an epoch (key "epoch"), or after fitting on so many sources ("sources"); "val_" on held-out images."""
DecidedKey = Literal["share", "accuracy", "real_called_fake", "fake_called_real"]


class Decided(TypedDict):
    """Verdicts with abstentions: the share decided, accuracy of those, and what each class was called as shares of it
    (reports from before 2026-11-25 tell only of the errors)."""

    share: float | None
    accuracy: float | None
    real_called_fake: float | None
    fake_called_real: float | None
    real_called_real: NotRequired[float | None]
    fake_called_fake: NotRequired[float | None]


class SourceFigures(TypedDict):
    """real, fake: how many images. interval: of the accuracy."""

    source: str
    real: int
    fake: int
    interval: Interval
    accuracy: float | None
    balanced_accuracy: float | None
    auroc: float | None
    real_called_fake: float | None


class GeneratorFigures(TypedDict):
    """found: the share scored at most 0.5. called_fake: the share called FAKE, with abstentions."""

    generator: str
    n: int
    found: float | None
    interval: Interval
    called_fake: float | None
    called_real: NotRequired[float | None]


class PhotographFigures(TypedDict):
    """Of a kind of real photographs. interval: of called_fake."""

    photographs: str
    n: int
    called_fake: float | None
    interval: Interval
    called_real: float | None


Subset = GeneratorFigures | PhotographFigures


class Bin(TypedDict):
    """Of a reliability table: n images with scores from low to high; fake: the share that was AI-generated."""

    low: float
    high: float
    n: int
    fake: float


class Failure(TypedDict):
    """An image that was scored on the wrong side, by its SHA-256."""

    sha256: str
    label: str
    score: float


class TierFigures(TypedDict):
    """On degraded copies."""

    auroc: float | None
    balanced_accuracy: float | None
    decided: Decided


class Attack(TypedDict):
    """See `attacks.attack_report`."""

    attack: str
    n: int
    success: float | None
    detected: float | None
    wrong_verdicts: float | None


class Attacks(TypedDict):
    limit: float
    false_alarms: float | None
    clean_wrong: float | None
    attacks: list[Attack]


class FoldFigures(TypedDict):
    """Figures within one source that was held out alone."""

    source: str
    n: int
    auroc: float | None
    balanced_accuracy: float | None
    accuracy: float | None
    fakes_found: float | None
    decided: Decided


class Headline(TypedDict):
    """The mean over sources held out alone."""

    folds: list[FoldFigures]
    mean: Figures
    intervals: dict[str, Interval]
    decided: Decided


class Baseline(TypedDict):
    """Something simple beside it, on the same folds: the mean over them, and over all sources."""

    headline: Figures
    sources: Figures


class SubjectFigures(TypedDict):
    """How `serving.subject` does on held-out sources: how many pictures of each kind there were, and the share that was
    taken for something else than a photograph."""

    real: int
    real_taken_for_other: float
    generated: int
    generated_taken_for_other: float | None
    art: int
    art_found: float | None


class Report(TypedDict):
    """Everything that the metrics page and the model card show; the last ones as far as they were measured."""

    n: int
    counts: dict[str, int]
    overall: Figures
    intervals: dict[str, Interval]
    calibration_error: float | None
    decided: Decided
    confusion: dict[str, int]
    roc: list[list[float | None]]
    sources: list[SourceFigures]
    generators: list[GeneratorFigures]

    headline: NotRequired[Headline]
    baselines: NotRequired[dict[str, Baseline]]
    baseline: NotRequired[Figures]
    photographs: NotRequired[list[PhotographFigures]]
    history: NotRequired[list[Epoch]]
    tiers: NotRequired[dict[str, TierFigures]]
    attacks: NotRequired[Attacks]
    subject: NotRequired[SubjectFigures]
    reliability: NotRequired[list[Bin]]
    failures: NotRequired[list[Failure]]
    milliseconds: NotRequired[float]
    model_bytes: NotRequired[int]
    missing: NotRequired[int]


class Training(TypedDict, total=False):
    """How a bundle was trained: the entries of `batches.Config`, and what it was trained on and by. images, sources: by
    split. start: the name of the file of weights."""

    architecture: str
    version: str
    epochs: int
    minutes: float
    batch: int
    learning_rate: float
    label_smoothing: float
    weight_decay: float
    augment: bool
    patience: int
    seed: int
    start: str
    epochs_run: int
    dataset_digest: str
    images: dict[str, int]
    sources: dict[str, list[str]]
    code: str
    keras: str
    backend: str


class Calibration(TypedDict):
    """temperature divides the logits; scores in [fake_below, real_above] are INCONCLUSIVE."""

    temperature: float
    fake_below: float
    real_above: float


class TrustedCalibration(Calibration):
    """With what a score has meant for held-out images."""

    reliability: list[Bin]


class HeldOut(TypedDict):
    """What cross-validation finds; see `heldout`. sources: over all sources in five parts."""

    headline: Headline
    sources: Report
    reliability: TrustedCalibration
    baselines: dict[str, Baseline]
    architecture: str
    seed: int

    history: NotRequired[list[Epoch]]
    tiers: NotRequired[dict[str, TierFigures]]
