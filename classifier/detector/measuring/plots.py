"""SVG plots of a report. Every figure is drawn on white with the site's colours and saved without a date."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

REAL, FAKE, QUIET = "#0072B2", "#D55E00", "#6F6A86"
STYLE = {
    "font.size": 11, "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": QUIET, "svg.fonttype": "none", "svg.hashsalt": "aidetect",
}  # fmt: skip


def write(report: dict[str, Any], folder: Path) -> list[Path]:
    """Write loss, accuracy, confusion and roc as `<name>.svg`; returns the paths. The curves run by
    epoch, or by how many sources a layer in closed form was fitted on."""
    drawn = []
    with plt.rc_context(STYLE):
        curves = (("loss", _curve), ("accuracy", _curve)) if report.get("history") else ()
        for name, draw in (*curves, ("confusion", _confusion), ("roc", _roc)):
            figure, axes = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
            draw(axes, report, name)
            drawn.append(_save(figure, folder / f"{name}.svg"))
    return drawn


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def _curve(axes: Axes, report: dict[str, Any], name: str) -> None:
    history = report["history"]
    by = "epoch" if "epoch" in history[0] else "sources"
    steps = [entry[by] for entry in history]
    axes.plot(steps, [entry[name] for entry in history], color=QUIET, label="training")
    axes.plot(steps, [entry[f"val_{name}"] for entry in history], color=REAL, label="held-out sources")
    axes.set(xlabel={"epoch": "epoch", "sources": "sources trained on"}[by], ylabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9)


def _confusion(axes: Axes, report: dict[str, Any], name: str) -> None:
    counts = report["confusion"]
    table = [[counts["real_as_real"], counts["real_as_fake"]], [counts["fake_as_real"], counts["fake_as_fake"]]]
    shares = [[value / max(1, sum(row)) for value in row] for row in table]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.2)
    for y, row in enumerate(table):
        for x, value in enumerate(row):
            axes.text(x, y, f"{value}\n{shares[y][x]:.0%}", ha="center", va="center", color="#1b1b28")
    axes.set_xticks([0, 1], ["called real", "called AI"])
    axes.set_yticks([0, 1], ["real", "AI"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _roc(axes: Axes, report: dict[str, Any], name: str) -> None:
    axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", label="coin toss")
    axes.plot(*zip(*report["roc"], strict=True), color=REAL, label=f"AUROC {report['overall']['auroc'] or 0:.2f}")
    axes.set(xlabel="AI images called real", ylabel="real photographs called real", aspect="equal")
    axes.legend(frameon=False, fontsize=9, loc="lower right")
