"""The report of a batch: what came out, then a row a file."""

import io
from collections.abc import Iterable
from xml.sax.saxutils import escape

from django.utils import timezone
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, LongTable, Paragraph, SimpleDocTemplate, Spacer

from classifier.models import Batch, BatchItem, State
from classifier.results import batch_report, report
from classifier.results.pdf import COLOURS, MARGIN, WIDTH, paragraph

WIDTHS = (WIDTH - 88 * mm, 40 * mm, 14 * mm, 34 * mm)
LONGEST = 160
"""Letters of a path, so that no row outgrows a page."""


def as_pdf(batch: Batch) -> bytes:
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, title=f"aidetect batch: {batch.name}", author="aidetect", invariant=True,
        leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
    )  # fmt: skip
    document.build([*_summary(batch), _files(batch_report.with_images(batch.items.order_by("id")))])
    return buffer.getvalue()


def _summary(batch: Batch) -> list[Flowable]:
    counts = batch_report.tally(batch)
    return [
        paragraph(f"aidetect batch: {escape(batch.name)}", "title"),
        paragraph(f"{timezone.now():%d %B %Y, %H:%M} UTC. {counts.in_words}.", "quiet"),
        paragraph(f"{counts.result}.", "large"),
        *([paragraph(f"Not judged yet: {counts.pending + counts.paused}.")] if counts.pending + counts.paused else []),
        paragraph(report.NOTE, "quiet"),
        Spacer(0, 8),
    ]


def _files(items: Iterable[BatchItem]) -> Flowable:
    heading: list[str | Paragraph] = ["File", "Verdict", "Score", "Decided by"]
    table = LongTable([heading, *(_row(item) for item in items)], colWidths=WIDTHS, repeatRows=1)
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, 0), "DejaVuSans-Bold", 8.5),
            ("FONT", (0, 1), (-1, -1), "DejaVuSans", 8),
            ("LINEBELOW", (0, 0), (-1, -1), 0.25, HexColor("#c8c8d4")),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    return table


def _row(item: BatchItem) -> list[str | Paragraph]:
    image = item.image
    name = paragraph(escape(item.name if len(item.name) <= LONGEST else f"…{item.name[-LONGEST:]}"))
    if image is None or image.state != State.DONE:
        said = item.error or (image.error if image else "") or (image.get_state_display() if image else "deleted")
        return [name, paragraph(escape(said[:LONGEST]), "quiet"), "", ""]
    verdict = paragraph(f'<font color="{COLOURS[image.outcome]}">{image.get_outcome_display()}</font>')
    score = "" if image.score is None else f"{image.score:.2f}"
    return [name, verdict, score, paragraph(escape(image.get_decided_by_display()))]
