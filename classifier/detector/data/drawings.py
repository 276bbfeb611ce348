"""Pictures that are no photographs, drawn by code: pages of text, tables, charts, diagrams, windows, cartoons. So the
question "is this a photograph at all?" can be trained without any collection of them."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Draw = Callable[["Sheet"], None]
SIZES = ((1280, 800), (390, 844), (1000, 1414), (1920, 1080), (640, 480), (512, 512))
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
LETTERS = "etaoinshrdlucmfwypvbgkqjxz"


class Sheet:
    """A canvas with its own random numbers, paper and ink."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.width, self.height = SIZES[int(self.rng.integers(len(SIZES)))]
        self.dark = self.rng.random() < 0.3
        paper = self.rng.integers(0, 40, 3) if self.dark else self.rng.integers(225, 256, 3)
        self.paper, self.ink = _colour(paper), _colour(255 - paper + self.rng.integers(-10, 10, 3))
        self.image = Image.new("RGB", (self.width, self.height), self.paper)
        self.draw = ImageDraw.Draw(self.image)

    def between(self, low: float, high: float) -> int:
        return int(self.rng.integers(int(low), max(int(low) + 1, int(high))))

    def colour(self) -> Colour:
        return _colour(self.rng.integers(0, 256, 3))

    def words(self, count: int) -> str:
        lengths = self.rng.integers(1, 10, count)
        return " ".join("".join(self.rng.choice(list(LETTERS), size=length)) for length in lengths)

    def text(self, left: float, top: float, size: int, count: int, ink: Colour | None = None) -> None:
        font = ImageFont.load_default(size)
        self.draw.text((left, top), self.words(count), fill=ink or self.ink, font=font)

    def lines(self, box: tuple[int, int, int, int], size: int) -> None:
        """Text that fills a box line by line, with ragged ends."""
        left, top, right, bottom = box
        for y in range(top, bottom - size, int(size * 1.5)):
            self.text(left, y, size, max(1, int((right - left) / size / 3.4) - self.between(0, 4)))


def drawing(seed: int) -> Image.Image:
    """An RGB picture of a kind and look that follow from the seed."""
    sheet = Sheet(seed)
    kinds: tuple[Draw, ...] = (_page, _table, _chart, _diagram, _window, _cartoon, _logo)
    kinds[seed % len(kinds)](sheet)
    return sheet.image


def _page(sheet: Sheet) -> None:
    margin, size = sheet.width // 10, sheet.between(9, 26)
    sheet.text(margin, margin, size * 2, 3)
    sheet.lines((margin, margin + size * 4, sheet.width - margin, sheet.height - margin), size)


def _table(sheet: Sheet) -> None:
    columns, rows, size = sheet.between(3, 9), sheet.between(5, 25), sheet.between(9, 18)
    wide, high = sheet.width / (columns + 0.5), sheet.height / (rows + 1)
    for row in range(rows):
        for column in range(columns):
            left, top = 10 + column * wide, 10 + row * high
            if row == 0:
                sheet.draw.rectangle((left, top, left + wide, top + high), fill=sheet.colour())
            sheet.draw.rectangle((left, top, left + wide, top + high), outline=sheet.ink)
            sheet.text(left + 4, top + 3, size, 1)


def _chart(sheet: Sheet) -> None:
    count, base = sheet.between(4, 14), sheet.height * 0.85
    sheet.draw.line((50, 30, 50, base, sheet.width - 20, base), fill=sheet.ink, width=2)
    step = (sheet.width - 90) / count
    heights = sheet.rng.random(count) * (base - 80)
    if sheet.rng.random() < 0.5:
        for number, height in enumerate(heights):
            left = 60 + number * step
            sheet.draw.rectangle((left, base - height, left + step * 0.7, base), fill=sheet.colour())
    else:
        for _ in range(sheet.between(1, 5)):
            points = [(60 + place * step, base - sheet.rng.random() * (base - 80)) for place in range(count)]
            sheet.draw.line(points, fill=sheet.colour(), width=sheet.between(1, 5))
    for number in range(count):
        sheet.text(60 + number * step, base + 8, 12, 1)


def _diagram(sheet: Sheet) -> None:
    centres = []
    for _ in range(sheet.between(4, 12)):
        x, y = sheet.between(80, sheet.width - 80), sheet.between(50, sheet.height - 50)
        centres.append((x, y))
    for (x, y), (to_x, to_y) in pairwise(centres):
        sheet.draw.line((x, y, to_x, to_y), fill=sheet.ink, width=sheet.between(1, 4))
    for x, y in centres:
        box = (x - 70, y - 25, x + 70, y + 25)
        shape = sheet.draw.ellipse if sheet.rng.random() < 0.4 else sheet.draw.rectangle
        shape(box, fill=sheet.colour(), outline=sheet.ink)
        sheet.text(x - 55, y - 8, 14, 2)


def _window(sheet: Sheet) -> None:
    bar, side = sheet.between(30, 70), sheet.between(0, sheet.width // 4)
    sheet.draw.rectangle((0, 0, sheet.width, bar), fill=sheet.colour())
    sheet.draw.rectangle((0, bar, side, sheet.height), fill=_colour(np.array(sheet.paper) * 0.9))
    size = sheet.between(10, 18)
    if side > 60:
        sheet.lines((10, bar + 15, side - 10, sheet.height - 20), size)
    sheet.text(12, bar // 3, size, 4, sheet.paper)
    left, top = side + 25, bar + 20
    while top < sheet.height - 80:
        high = sheet.between(40, 240)
        if sheet.rng.random() < 0.35:
            sheet.draw.rounded_rectangle((left, top, sheet.width - 25, top + high), 8, outline=sheet.ink)
            sheet.draw.rounded_rectangle((left + 10, top + 10, left + 130, top + 40), 6, fill=sheet.colour())
        else:
            sheet.lines((left, top, sheet.width - 25, top + high), size)
        top += high + 15


def _cartoon(sheet: Sheet) -> None:
    """Flat fields of colour with outlines: hills, a sun, round figures with eyes."""
    sheet.draw.rectangle((0, 0, sheet.width, sheet.height), fill=sheet.colour())
    for _ in range(sheet.between(3, 9)):
        points = [(sheet.between(-50, sheet.width + 50), sheet.between(0, sheet.height + 50)) for _ in range(5)]
        sheet.draw.polygon(points, fill=sheet.colour(), outline=sheet.ink if sheet.rng.random() < 0.6 else None)
    for _ in range(sheet.between(2, 8)):
        x, y, r = sheet.between(0, sheet.width), sheet.between(0, sheet.height), sheet.between(25, sheet.height // 4)
        sheet.draw.ellipse(
            (x - r, y - r, x + r, y + r), fill=sheet.colour(), outline=(0, 0, 0), width=sheet.between(1, 8)
        )
        for eye in (-r // 3, r // 3):
            sheet.draw.ellipse(
                (x + eye - r // 8, y - r // 4, x + eye + r // 8, y), fill=(255, 255, 255), outline=(0, 0, 0)
            )


def _logo(sheet: Sheet) -> None:
    x, y, r = sheet.width // 2, sheet.height // 2, min(sheet.width, sheet.height) // 3
    for shrink in np.linspace(1, 0.3, sheet.between(2, 5)):
        half = int(r * shrink)
        sides = sheet.between(3, 9)
        if sheet.rng.random() < 0.4:
            sheet.draw.ellipse((x - half, y - half, x + half, y + half), fill=sheet.colour())
        else:
            sheet.draw.regular_polygon((x, y, half), sides, sheet.between(0, 90), fill=sheet.colour())
    sheet.text(x - r, y + r + 5, max(12, r // 4), 1)


def _colour(values: "np.typing.NDArray[np.floating] | np.typing.NDArray[np.integer]") -> Colour:
    red, green, blue = (int(value) for value in np.clip(values, 0, 255))
    return red, green, blue
