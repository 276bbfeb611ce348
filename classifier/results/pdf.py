"""The report of an image on one A4 page."""

import io
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from django.utils import timezone
from PIL import Image as Picture
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, KeepInFrame, Paragraph, SimpleDocTemplate, Spacer, Table
from reportlab.platypus import Image as Figure

from classifier.models import DecidedBy, Image, Outcome
from classifier.results import report
from classifier.results.wording import human_answer

FONTS = Path(__file__).parent / "fonts"
COLOURS = {"REAL": "#0072B2", "FAKE": "#D55E00", "INCONCLUSIVE": "#6F6A86"}
INK, QUIET = "#1b1b28", "#55556a"
MARGIN = 16 * mm
WIDTH, HEIGHT = A4[0] - 2 * MARGIN, A4[1] - 2 * MARGIN
PICTURE_HEIGHT = 88 * mm
PIECES, LETTERS = 8, 320
"""Of evidence: how many pieces, and how much of each; the JSON report has all of it."""
QUALITIES = ((1000, 80), (1000, 60), (800, 50), (600, 40))
PICTURE_BYTES = 200_000
"""The picture takes the first side and JPEG quality that fit into this, so that a report stays under 400 kB."""


def as_pdf(image: Image, private: bool, sentence: str) -> bytes:
    """The report of an image that is done. sentence: why this verdict, in words. private: see `report.as_dict`."""
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, title=f"aidetect report: {image.name}", author="aidetect", invariant=True,
        leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN - 6, bottomMargin=MARGIN - 6,
    )  # fmt: skip
    document.build([KeepInFrame(WIDTH, HEIGHT, _story(image, report.as_dict(image, private), sentence), mode="shrink")])
    return buffer.getvalue()


def _story(image: Image, known: report.Report, sentence: str) -> list[Flowable]:
    decided_by_file = image.decided_by not in ("", DecidedBy.NETWORK)
    verdict = _file_decides(image, known, sentence) if decided_by_file else _network_decides(image, known, sentence)
    evidence = _evidence_lines(known["evidence"]) or ["Nothing. That proves nothing either."]
    return [
        _header(),
        *_picture(image),
        *verdict,
        *_human(image),
        *_section("What the file proves or declares", evidence),
        *_section("File and detector", _fact_lines(known)),
        *_section("Limits", [report.NOTE, *report.LIMITS]),
    ]


@lru_cache(maxsize=1)
def _styles() -> dict[str, ParagraphStyle]:
    """DejaVu Sans, because PDF's own fonts know Western letters only, and files have names in every script."""
    for name in ("DejaVuSans", "DejaVuSans-Bold"):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(
        "DejaVuSans", normal="DejaVuSans", bold="DejaVuSans-Bold", italic="DejaVuSans", boldItalic="DejaVuSans-Bold"
    )
    body = ParagraphStyle(
        "body", fontName="DejaVuSans", fontSize=8.5, leading=12, spaceAfter=2, textColor=HexColor(INK)
    )
    large = ParagraphStyle("large", parent=body, fontSize=11, leading=15)
    return {
        "body": body,
        "large": large,
        "quiet": ParagraphStyle("quiet", parent=body, textColor=HexColor(QUIET)),
        "date": ParagraphStyle("date", parent=body, alignment=TA_RIGHT),
        "title": ParagraphStyle("title", parent=body, fontName="DejaVuSans-Bold", fontSize=14, leading=18),
        "word": ParagraphStyle("word", parent=body, fontName="DejaVuSans-Bold", fontSize=20, leading=26),
        "heading": ParagraphStyle("heading", parent=body, fontName="DejaVuSans-Bold", fontSize=10, leading=15),
    }


def paragraph(markup: str, style: str = "body") -> Paragraph:
    """In one of the styles; text in it is escaped already."""
    return Paragraph(markup, _styles()[style])


def _section(title: str, lines: list[str]) -> list[Flowable]:
    return [paragraph(title, "heading"), *(paragraph(line) for line in lines), Spacer(0, 6)]


def _header() -> Flowable:
    cells = [[paragraph("aidetect report", "title"), paragraph(f"{timezone.now():%d %B %Y, %H:%M} UTC", "date")]]
    return Table(cells, colWidths=[WIDTH / 2, WIDTH / 2], style=[("LEFTPADDING", (0, 0), (-1, -1), 0)])


def _picture(image: Image) -> list[Flowable]:
    """The preview, if there is one still."""
    if not image.display:
        return []
    try:
        with image.display.open("rb") as file, Picture.open(file) as opened:
            small = opened.convert("RGB")
    except FileNotFoundError:
        return []
    figure = Figure(_jpeg(small), WIDTH, PICTURE_HEIGHT, kind="proportional", hAlign="LEFT")
    return [figure, Spacer(0, 8)]


def _jpeg(picture: Picture.Image) -> io.BytesIO:
    buffer = io.BytesIO()
    for side, quality in QUALITIES:
        picture.thumbnail((side, side))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= PICTURE_BYTES:
            break
    buffer.seek(0)
    return buffer


def _word(image: Image) -> Flowable:
    return paragraph(f'<font color="{COLOURS[image.outcome]}">{image.get_outcome_display()}</font>', "word")


def _network_decides(image: Image, known: report.Report, sentence: str) -> list[Flowable]:
    return [_word(image), paragraph(escape(sentence), "large"), *_experience(known["network"]), Spacer(0, 4)]


def _file_decides(image: Image, known: report.Report, sentence: str) -> list[Flowable]:
    """What the file says stands large in a frame of the verdict's colour; the network's score is a second opinion."""
    box = Table([[[_word(image), paragraph(escape(sentence), "large")]]], colWidths=[WIDTH])
    box.setStyle(
        [("BOX", (0, 0), (-1, -1), 1.5, HexColor(COLOURS[image.outcome])), ("BOTTOMPADDING", (0, 0), (-1, -1), 8)]
    )
    return [box, Spacer(0, 6), *_second_opinion(known["network"]), Spacer(0, 4)]


def _second_opinion(network: report.Network | None) -> list[Flowable]:
    if not network:
        return []
    said = Outcome(network["outcome"]).label
    text = f"Second opinion, which decided nothing: from the pixels alone the detector would say “{said}”, score"
    return [paragraph(f"{text} {network['score']:.2f}.", "quiet")]


def _human(image: Image) -> list[Flowable]:
    said = human_answer(image)
    return [paragraph(f"<b>{escape(said)}</b>"), Spacer(0, 4)] if said else []


def _experience(network: report.Network | None) -> list[Flowable]:
    seen = network and network["experience"]
    if not seen:
        return []
    share = round(100 * min(0.99, max(0.01, seen["fake"])))
    return [paragraph(f"Of {seen['n']:,} held-out images with a score like this, {share}% were AI-generated.")]


def _evidence_lines(pieces: list[report.Piece]) -> list[str]:
    lines = [f"<b>{one['strength'].capitalize()}</b> ({one['kind']}): {_short(one['summary'])}" for one in pieces]
    more = len(lines) - PIECES
    return [*lines[:PIECES], f"… and {more} more in the JSON report."] if more > 0 else lines


def _short(text: str) -> str:
    return escape(text if len(text) <= LETTERS else f"{text[:LETTERS]} …")


def _fact_lines(known: report.Report) -> list[str]:
    file, network = known["file"], known["network"]
    lines = [
        f"{escape(file['name'])}, {file['format']}, {file['width']} × {file['height']}, {file['bytes']:,} bytes",
        f"SHA-256 of the file: {file['sha256']}",
    ]
    if network:
        lines.append(
            f"Detector {escape(network['detector'])}, score {network['score']:.2f} (0 AI-generated, 1 photograph; "
            f"inconclusive from {network['fake_below']:.2f} to {network['real_above']:.2f}), {network['analysed'][:16]}"
        )
        lines.append(f"SHA-256 of the model: {network['model_sha256']}")
    return lines
