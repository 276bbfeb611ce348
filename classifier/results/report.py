"""What is known about an image, as data, on paper and as rows: for its owner and for whom they share it with."""

import csv
import io
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.utils import timezone
from PIL import Image as Picture
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from classifier.detector.measuring.model_card import MISUSE
from classifier.models import Image, Verdict

SCHEMA = "aidetect-report/1"
LIMITS = tuple(f"It must not be used {text}." for text in MISUSE)
NOTE = "A strong hint at most, not proof. Never use it as the only evidence."
COLOURS = {"REAL": "#0072B2", "FAKE": "#D55E00", "INCONCLUSIVE": "#6F6A86"}
COLUMNS = (
    "file", "uploaded", "state", "verdict", "decided_by", "score", "detector", "analysed", "reason", "evidence",
    "previous_verdict", "verdict_changed", "format", "width", "height", "bytes", "sha256", "consent",
)  # fmt: skip
"""Of the CSV."""


def as_dict(image: Image, private: bool) -> dict[str, Any]:
    """The report of an image that is done. private: for its owner; for anybody else what could tell where and when it
    was taken is left out. The schema is in README.md."""
    verdict = image.verdict
    return {
        "schema": SCHEMA,
        "file": {
            "name": image.name,
            "sha256": image.sha256,
            "format": image.format,
            "bytes": image.size,
            "width": image.width,
            "height": image.height,
            "uploaded": image.created_at.isoformat(),
        },
        "verdict": {
            "outcome": image.outcome,
            "decided_by": image.decided_by,
            "previous": image.previous or None,
            "changed": image.changed_at.isoformat() if image.changed_at else None,
        },
        "network": network_of(verdict) if verdict else None,
        "evidence": [
            {
                "kind": piece.kind,
                "strength": piece.strength,
                "direction": piece.direction,
                "summary": piece.summary,
                "details": visible(piece.details, private),
            }
            for piece in image.evidence.all()
        ],
        "limits": [NOTE, *LIMITS],
        "made": timezone.now().isoformat(),
    }


def network_of(verdict: Verdict) -> dict[str, Any]:
    """What the network said, whatever decided."""
    card = verdict.detector.card
    return {
        "outcome": verdict.outcome,
        "score": round(verdict.score, 6),
        "fake_below": card.get("fake_below"),
        "real_above": card.get("real_above"),
        "reason": verdict.reason or None,
        "stability": verdict.stability,
        "experience": verdict.experience,
        "detector": verdict.detector.version,
        "model_sha256": verdict.detector.sha256,
        "analysed": verdict.created_at.isoformat(),
        "milliseconds": verdict.milliseconds,
    }


def visible(details: dict[str, Any], private: bool) -> dict[str, Any]:
    """Details of a piece of evidence; place and time only for the owner."""
    return details if private else {key: value for key, value in details.items() if key not in ("gps", "taken")}


def csv_rows(images: Iterable[Image]) -> Iterator[str]:
    """Lines of a CSV file, header first. Cells that a spreadsheet would run as a formula get an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def line(cells: Iterable[Any]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_harmless(cell) for cell in cells])
        return buffer.getvalue()

    yield line(COLUMNS)
    for image in images:
        verdict = image.verdict
        yield line(
            [
                image.name,
                image.created_at.isoformat(),
                image.state,
                image.outcome,
                image.decided_by,
                "" if image.score is None else f"{image.score:.4f}",
                verdict.detector.version if verdict else "",
                verdict.created_at.isoformat() if verdict else "",
                verdict.reason if verdict else "",
                " ".join(sorted({piece.kind for piece in image.evidence.all()})),
                image.previous,
                image.changed_at.isoformat() if image.changed_at else "",
                image.format,
                image.width,
                image.height,
                image.size,
                image.sha256,
                "yes" if image.consent else "no",
            ]
        )


def _harmless(cell: Any) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def as_pdf(image: Image, private: bool, sentence: str) -> bytes:
    """The report on one A4 page. sentence: why this verdict, in words."""
    report = as_dict(image, private)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=True)
    canvas.setTitle(f"aidetect report: {image.name}")
    canvas.setAuthor("aidetect")
    sheet = _Sheet(canvas)
    sheet.header()
    sheet.picture(image)
    sheet.verdict(image, sentence, report)
    sheet.rows("What the file proves or declares", _evidence_lines(report) or ["Nothing. That proves nothing either."])
    sheet.rows("File and detector", _fact_lines(report))
    sheet.rows("Limits", [NOTE, *LIMITS])
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _evidence_lines(report: dict[str, Any]) -> list[str]:
    pieces = report["evidence"]
    lines = [
        f"<b>{piece['strength'].capitalize()}</b> ({piece['kind']}): {_text(piece['summary'])}" for piece in pieces
    ]
    return [*lines[:8], f"… and {len(lines) - 8} more in the JSON report."] if len(lines) > 8 else lines


def _fact_lines(report: dict[str, Any]) -> list[str]:
    file, network = report["file"], report["network"]
    lines = [
        f"{_text(file['name'])}, {file['format']}, {file['width']} × {file['height']}, {file['bytes']:,} bytes",
        f"SHA-256 of the file: {file['sha256']}",
    ]
    if network:
        lines.append(
            f"Detector {_text(network['detector'])}, score {network['score']:.2f} (0 AI-generated, 1 photograph; "
            f"inconclusive from {network['fake_below']:.2f} to {network['real_above']:.2f}), {network['analysed'][:16]}"
        )
        lines.append(f"SHA-256 of the model: {network['model_sha256']}")
    return lines


def _text(value: str) -> str:
    """For reportlab's markup."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=1)
def _fonts() -> tuple[str, str]:
    """(regular, bold): DejaVu Sans, which matplotlib ships, because PDF's own fonts know Western letters only.
    Matplotlib itself is not loaded."""
    found = find_spec("matplotlib")
    folder = Path(str(found.origin)).parent / "mpl-data" / "fonts" / "ttf" if found else Path()
    names = ("DejaVuSans", "DejaVuSans-Bold")
    for name in names:
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(names[0], normal=names[0], bold=names[1], italic=names[0], boldItalic=names[1])
    return names


class _Sheet:
    """A page that is filled from top to bottom; what no longer fits is left out, with a note."""

    LEFT, RIGHT, BOTTOM = 18 * mm, A4[0] - 18 * mm, 16 * mm

    def __init__(self, canvas: Canvas) -> None:
        self.canvas, self.y = canvas, A4[1] - 16 * mm
        self.regular, self.bold = _fonts()
        self.body = ParagraphStyle("body", fontName=self.regular, fontSize=8.5, leading=12)
        self.large = ParagraphStyle("large", parent=self.body, fontSize=11, leading=15)

    def header(self) -> None:
        self.canvas.setFont(self.bold, 14)
        self.canvas.drawString(self.LEFT, self.y - 10, "aidetect report")
        self.canvas.setFont(self.regular, 9)
        self.canvas.drawRightString(self.RIGHT, self.y - 10, f"{timezone.now():%d %B %Y, %H:%M} UTC")
        self.y -= 22

    def picture(self, image: Image) -> None:
        if not image.display:
            return
        try:
            with image.display.open("rb") as file, Picture.open(file) as opened:
                small = opened.convert("RGB")
        except FileNotFoundError:
            return
        small.thumbnail((1000, 1000))
        scale = min((self.RIGHT - self.LEFT) / small.width, 88 * mm / small.height)
        width, height = small.width * scale, small.height * scale
        self.canvas.drawImage(ImageReader(small), self.LEFT, self.y - height, width, height)
        self.y -= height + 8

    def verdict(self, image: Image, sentence: str, report: dict[str, Any]) -> None:
        self.canvas.setFillColor(HexColor(COLOURS[image.outcome]))
        self.canvas.setFont(self.bold, 20)
        self.canvas.drawString(self.LEFT, self.y - 18, image.get_outcome_display())
        self.canvas.setFillColor(HexColor("#1b1b28"))
        self.y -= 26
        self.paragraph(_text(sentence), self.large)
        seen = report["network"] and report["network"]["experience"]
        if seen:
            share = f"{round(100 * min(0.99, max(0.01, seen['fake'])))} %"
            self.paragraph(
                f"Of {seen['n']:,} held-out images with a score like this, {share} were AI-generated.", self.body
            )
        self.y -= 4

    def rows(self, title: str, lines: list[str]) -> None:
        if self.y < self.BOTTOM + 30:
            return
        self.canvas.setFont(self.bold, 10)
        self.canvas.drawString(self.LEFT, self.y - 10, title)
        self.y -= 15
        for line in lines:
            self.paragraph(line, self.body)
        self.y -= 6

    def paragraph(self, markup: str, style: ParagraphStyle) -> None:
        paragraph = Paragraph(markup, style)
        _, height = paragraph.wrap(self.RIGHT - self.LEFT, 1000)
        if self.y - height < self.BOTTOM:
            return
        paragraph.drawOn(self.canvas, self.LEFT, self.y - height)
        self.y -= height + 2
