"""Plots of a report as SVG of our own: inline in pages, which colour the classes by their theme, and as files that
bring their colours along. No style attribute and no script, which the pages' Content-Security-Policy forbids."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from classifier.detector.stats.measured import Bin, Epoch, Report

Point = tuple[float, float]

UNIT = ("accuracy", "auroc")
"""Figures from 0 to 1; others are drawn from their least to their greatest value."""
STYLE = """
svg { color: #1b1b28; background: #fff; font: 11px sans-serif; }
@media (prefers-color-scheme: dark) { svg { color: #ececf4; background: #1b1b25; } }
text { fill: currentColor; }
.axis, .diagonal, .line { fill: none; stroke: #8a8699; }
.diagonal { stroke-dasharray: 3 3; }
.line { stroke-width: 2; }
.line.validation, .line.roc { stroke: #2b8fd0; }
.dot { fill: #8a8699; }
.dot.validation, .bin, .cell { fill: #2b8fd0; }
"""


@dataclass(frozen=True)
class Plane:
    """Where numbers lie on the drawing: `x` and `y` are the ranges of the axes."""

    x: Point
    y: Point
    width: int = 320
    height: int = 190
    left: int = 30
    top: int = 10
    bottom: int = 36

    def place(self, x: float, y: float) -> Point:
        right, floor = self.width - 8, self.height - self.bottom
        across, up = _share(x, self.x), _share(y, self.y)
        return self.left + across * (right - self.left), floor - up * (floor - self.top)

    def points(self, line: Sequence[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*point) for point in line))

    def axes(self, across: str, up: str, whole: bool = False) -> str:
        """Both axes with their ends and names."""
        left, floor = self.place(self.x[0], self.y[0])
        right, top = self.place(self.x[1], self.y[1])
        ends = [f"{end:.0f}" if whole else f"{end:g}" for end in self.x]
        return (
            f'<path class="axis" d="M{left} {top}V{floor}H{right}"/>'
            + _text(left - 3, top + 8, f"{self.y[1]:.2g}", "end")
            + _text(left - 3, floor, f"{self.y[0]:.2g}", "end")
            + _text(left, floor + 13, ends[0], "start")
            + _text(right, floor + 13, ends[1], "end")
            + _text((left + right) / 2, floor + 27, across, "middle")
            + _text(left + 5, top + 8, up, "start")
        )

    def svg(self, inside: str, label: str, css: str = "") -> str:
        return _svg(self.width, self.height, inside, label, f"curve {css}".strip())


def curve(history: Sequence[Epoch], name: str, held_out: str = "held-out sources") -> str:
    """A figure on training images and on `held_out`, by epoch or by sources; "" where there is none."""
    by = next((key for key in ("epoch", "sources") if history and key in history[0]), "epoch")
    steps = [float(entry.get(by, number)) for number, entry in enumerate(history, 1)]
    lines = {kind: _line(steps, history, key) for kind, key in (("training", name), ("validation", f"val_{name}"))}
    values = [y for line in lines.values() for _, y in line]
    if not values:
        return ""
    titles = {"training": "training images", "validation": held_out}
    between = (0.0, 1.0) if name in UNIT else (min(values), max(values))
    plane = Plane((steps[0], steps[-1]), between, top=26)
    drawn = [_marked(plane, kind, line) for kind, line in lines.items() if line]
    drawn += [_key(kind, titles[kind], number) for number, kind in enumerate(kind for kind in lines if lines[kind])]
    last = ", ".join(f"{titles[kind]} {line[-1][1]:.3f}" for kind, line in lines.items() if line)
    axes = plane.axes({"epoch": "epoch", "sources": "sources trained on"}[by], "", whole=True)
    return plane.svg(axes + "".join(drawn), f"{name} by {by}; last: {last}")


def confusion(counts: dict[str, int]) -> str:
    """Rows: what images are; columns: what they were called; the darker, the larger the share of the row."""
    cells = []
    for y, truth in enumerate(("real", "fake")):
        row = [counts[f"{truth}_as_{called}"] for called in ("real", "fake")]
        for x, count in enumerate(row):
            cells.append(_cell(70 + x * 124, 26 + y * 80, count, count / max(1, sum(row))))
    names = [(131, 16, "called real"), (255, 16, "called AI")]
    sides = [(62, 66, "real"), (62, 146, "AI")]
    words = [_text(x, y, text, "middle") for x, y, text in names] + [_text(x, y, text, "end") for x, y, text in sides]
    said = ", ".join(f"{key.replace('_', ' ')} {count}" for key, count in counts.items())
    return _svg(320, 190, "".join(cells + words), f"Confusion matrix: {said}", "curve")


def roc(points: Sequence[Sequence[float | None]], auroc: float | None) -> str:
    """Real photographs called real against AI images called real, at every threshold."""
    plane = Plane((0, 1), (0, 1), width=210, height=214)
    known = [(x, y) for x, y in points if x is not None and y is not None]
    line = f'<polyline class="line roc" points="{plane.points(known)}"/>'
    area = "" if auroc is None else _text(plane.width - 12, plane.height - 46, f"AUROC {auroc:.2f}", "end")
    axes = plane.axes("AI images called real", "real called real")
    label = "ROC curve" + ("" if auroc is None else f", area {auroc:.2f}")
    return plane.svg(axes + _diagonal(plane) + line + area, label, "square")


def reliability(table: Sequence[Bin]) -> str:
    """Score against the share of real photographs, a bar as wide as its part of the scores; on the diagonal the scores
    are honest. "" for an empty table."""
    if not table:
        return ""
    plane = Plane((0, 1), (0, 1), width=210, height=214)
    bars = []
    for row in table:
        low, high, share = row["low"], min(1.0, row["high"]), 1 - row["fake"]
        title = f"Scores from {low:.2f} to {high:.2f}: {share:.0%} real, n = {row['n']}"
        (left, top), (right, floor) = plane.place(low, share), plane.place(high, 0)
        bars.append(_bar(left, top, max(1.0, right - left - 1), floor - top, title))
    label = "Reliability: score against the share of real photographs"
    return plane.svg("".join(bars) + _diagonal(plane) + plane.axes("score", "share of real"), label, "square")


def histogram(counts: Sequence[int]) -> str:
    """Bars of equal width, from score 0 to 1."""
    most, width = max(counts, default=0) or 1, 120 / max(1, len(counts))
    bars = [
        _bar(index * width, 28 - 26 * count / most, width - 1, 26 * count / most, str(count))
        for index, count in enumerate(counts)
    ]
    return _svg(120, 28, "".join(bars), f"Scores from 0 to 1: {', '.join(map(str, counts))}", "histogram")


DRAWN: dict[str, Callable[[Report], str]] = {
    "loss": lambda report: curve(report.get("history") or [], "loss"),
    "accuracy": lambda report: curve(report.get("history") or [], "accuracy"),
    "confusion": lambda report: confusion(report["confusion"]) if report.get("confusion") else "",
    "roc": lambda report: roc(report["roc"], report["overall"]["auroc"]) if report.get("roc") else "",
}


def draw(report: Report, name: str) -> str:
    """One of loss, accuracy, confusion and roc for a page; "" where the report has no such figures."""
    return DRAWN[name](report)


def write(report: Report, folder: Path) -> list[Path]:
    """Write those plots that the report has figures for as `<name>.svg`; returns the paths."""
    drawn = {folder / f"{name}.svg": draw(report, name) for name in DRAWN}
    for path, svg in drawn.items():
        if svg:
            path.write_text(_standalone(svg), encoding="utf-8")
    return [path for path, svg in drawn.items() if svg]


def _standalone(svg: str) -> str:
    head, rest = svg.split(">", 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head} xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>{rest}\n'


def _svg(width: int, height: int, inside: str, label: str, css: str) -> str:
    return f'<svg class="{css}" viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(label)}>{inside}</svg>'


def _share(value: float, between: Point) -> float:
    low, high = between
    return 0.5 if high == low else min(1.0, max(0.0, (value - low) / (high - low)))


def _line(steps: Sequence[float], history: Sequence[Epoch], key: str) -> list[Point]:
    return [(step, entry[key]) for step, entry in zip(steps, history, strict=True) if entry.get(key) is not None]


def _marked(plane: Plane, kind: str, line: Sequence[Point]) -> str:
    """A line with a dot at its end, which is all of it after the first epoch."""
    x, y = plane.place(*line[-1])
    dot = f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    return f'<polyline class="line {kind}" points="{plane.points(line)}"/>{dot}'


def _key(kind: str, title: str, number: int) -> str:
    """A line's name, over the drawing."""
    x = 34 + 136 * number
    return f'<polyline class="line {kind}" points="{x},8 {x + 14},8"/>' + _text(x + 19, 12, title, "start")


def _diagonal(plane: Plane) -> str:
    return f'<polyline class="diagonal" points="{plane.points([(0, 0), (1, 1)])}"/>'


def _bar(x: float, y: float, width: float, height: float, title: str) -> str:
    """title: what it says when pointed at."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="bin" {place}><title>{escape(title)}</title></rect>'


def _cell(x: int, y: int, count: int, share: float) -> str:
    """Never so dark that the theme's text can't be read on it."""
    cell = f'<rect class="cell" x="{x}" y="{y}" width="122" height="78" fill-opacity="{0.08 + 0.4 * share:.2f}"/>'
    return cell + _text(x + 61, y + 36, f"{count:,}", "middle") + _text(x + 61, y + 52, f"{share:.0%}", "middle")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>' if text else ""
