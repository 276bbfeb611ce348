"""MODEL_CARD.md: what a detector is, what it was measured to do, where it fails, and what it must not be used for."""

from classifier.detector.measuring.evaluation import DECIDED, percent
from classifier.detector.serving.bundle import Card
from classifier.detector.stats.measured import Attacks, Decided, Headline, Interval, Report, TierFigures

MISUSE = (
    "as the sole evidence about a picture or a person: not in court, not in journalism, not for moderation without "
    "somebody who can look further",
    "to accuse anybody: real photographs, portraits above all, are called AI-generated",
    "on drawings, paintings, collages or screenshots of text: “photograph or AI” is not a question about them",
    "on pictures under 64 pixels, on pictures of which only a part was generated, or on video",
)
FAILURES = (
    "Portraits with smooth skin and soft light (agency portraits, close-ups of faces, phone portraits with a blurred "
    "background) are the real photographs most often taken for generated ones: generators of faces are common in what "
    "it was trained on.",
    "Generated landscapes, meadows, animals in grass, interiors and close-ups of food without any person are the AI "
    "images most often taken for photographs.",
    "Very smooth pictures without detail (a grey wall, fog, fields of one colour) score at random.",
    "Drawings, collages and posters get a score, too, though neither answer fits them.",
)
"""Seen on the contact sheets of the 80 held-out images that fusion-2026.11 (without art) was most wrong about."""


def markdown(card: Card) -> str:
    """The card of a bundle in words and tables."""
    report, training = card.report, card.training
    images, sources = training["images"], training["sources"]
    lines = [
        f"# Model card: {card.version}",
        "",
        f"Tells real photographs from AI-generated images. Architecture `{card.architecture}`, "
        f"{card.parameters:,} parameters, weights started from {training['start'] or 'nothing'}, "
        f"seed {training['seed']}. SHA-256 of the model: `{card.sha256}`.",
        "",
        "## Data and procedure",
        "",
        f"Fitted on {images['train']:,} images of {len(sources['train'])} sources ({', '.join(sources['train'])}); "
        f"dataset digest `{training['dataset_digest'][:16]}`. Both classes go through one path: orientation, crop or "
        "scaling, JPEG re-encoding. Near-duplicates are never on both sides of a split.",
        "",
        "## Figures",
        "",
    ]
    lines += _headline(report["headline"], report) if "headline" in report else []
    overall, low_high = report["overall"], report["intervals"]
    lines += [
        f"Over {report['n']:,} images of {len(report['sources'])} sources, each scored by a network that saw nothing "
        f"of its source: AUROC {overall['auroc']} ({_range(low_high['auroc'])}), balanced accuracy "
        f"{overall['balanced_accuracy']} ({_range(low_high['balanced_accuracy'])}), calibration error "
        f"{report['calibration_error']}. Sources with one class flatter these figures.",
        "",
        f"Thresholds: FAKE below {card.fake_below}, REAL above {card.real_above}, INCONCLUSIVE between or when a "
        f"mild re-encoding moves the score too far. {_decided(report['decided'])} Tables per source and per generator: "
        "report.md.",
        "",
    ]
    lines += _tiers(report["tiers"]) if "tiers" in report else []
    lines += _attacks(report["attacks"]) if "attacks" in report else []
    lines += ["## Known failures", "", *(f"- {text}" for text in FAILURES), *_worst(report), ""]
    lines += ["## It must not be used", "", *(f"- {text}" for text in MISUSE), ""]
    return "\n".join(lines)


def _headline(first: Headline, report: Report) -> list[str]:
    rows = [
        f"Headline, the mean over {len(first['folds'])} sources with both classes, each held out alone: AUROC "
        f"{first['mean']['auroc']} ({_range(first['intervals']['auroc'])}), balanced accuracy "
        f"{first['mean']['balanced_accuracy']} ({_range(first['intervals']['balanced_accuracy'])}).",
        "",
        "| beside it, on the same folds | AUROC | balanced accuracy |",
        "| --- | --- | --- |",
    ]
    for name, other in report.get("baselines", {}).items():
        rows.append(f"| {name} | {other['headline']['auroc']} | {other['headline']['balanced_accuracy']} |")
    return [*rows, ""]


def _decided(decided: Decided) -> str:
    share, right, accused, missed = (percent(decided[key]) for key in DECIDED)
    return f"{share} decided, {right} of those correct, {accused} of real called FAKE, {missed} of AI called REAL."


def _tiers(tiers: dict[str, TierFigures]) -> list[str]:
    rows = ["| degraded copies | AUROC | balanced accuracy |", "| --- | --- | --- |"]
    rows += [f"| {name} | {tier['auroc']} | {tier['balanced_accuracy']} |" for name, tier in tiers.items()]
    return [*rows, ""]


def _attacks(attacks: Attacks) -> list[str]:
    rows = [
        "Attacks with full knowledge of the network but not of the test by re-encoding, on pictures that may have been "
        f"trained on; a clean picture raises a false alarm in "
        f"{percent(attacks['false_alarms'])}, and stands with a wrong verdict in {percent(attacks['clean_wrong'])} of "
        "those on the right side of 0.5.",
        "",
        "| attack | n | score turned over | noticed | wrong verdict stands |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in attacks["attacks"]:
        shares = map(percent, (row["success"], row["detected"], row["wrong_verdicts"]))
        rows.append(f"| {row['attack']} | {row['n']} | {' | '.join(shares)} |")
    return [*rows, ""]


def _worst(report: Report) -> list[str]:
    accused = [row for row in report["sources"] if row["real"] >= 10 and row.get("real_called_fake") is not None]
    missed = [row for row in report.get("generators", []) if row["n"] >= 10]
    lines = []
    if accused:
        worst = max(accused, key=lambda row: row["real_called_fake"] or 0)
        lines.append(
            f"- Worst source of real photographs: {worst['source']}, {percent(worst['real_called_fake'])} of "
            f"{worst['real']} called FAKE."
        )
    if missed:
        named = sorted(missed, key=lambda row: row["found"] or 0)[:3]
        told = ", ".join(f"{row['generator']} ({percent(row['found'])} of {row['n']} below 0.5)" for row in named)
        lines.append(f"- Generators missed most: {told}.")
    return lines


def _range(edges: Interval) -> str:
    return f"95 %: {edges[0]} to {edges[1]}"
