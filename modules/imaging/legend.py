"""Labels above and beside a grid, for sweeps. Knows no sweep: it is handed the texts.

Rules: the project's notes on A1111 (grids); with Roboto Regular 2.137 its legends come out the same in every pixel, where Pillow has Raqm to lay
out text (it needs the system's FriBidi); without it letters stand a little apart. Coordinates stay fractions until Pillow draws, since it places
glyphs at fractions of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from modules.imaging.background import color

FONT = Path(__file__).parent / "fonts" / "Roboto-Regular.ttf"
ACTIVE, INACTIVE = "#000000", "#999999"
STROKE = 4
"""Pixels: the line through a label that is switched off."""


@dataclass(frozen=True)
class Label:
    """active: False is drawn grey and struck through (an option of a prompt matrix that is left out)."""

    text: str
    active: bool = True


@dataclass(frozen=True)
class _Line:
    """A label's text, or a part of it after wrapping. width, height: of its ink, in pixels. room: what it may take in width."""

    text: str
    active: bool
    width: int
    height: int
    room: int


def legend(
    sheet: Image.Image,
    cell: tuple[int, int],
    columns: Sequence[Sequence[Label]],
    rows: Sequence[Sequence[Label]],
    *,
    margin: int = 0,
    background: str = "#ffffff",
    font: Path = FONT,
) -> Image.Image:
    """`sheet` (a grid of cells of `cell` width and height) with the labels of its columns above and those of its rows at the left.

    columns, rows: for each column or row its labels, one below the other; a grid without some has [[Label("")]] * n. margin: pixels between cells.
    font: a TrueType file; the bundled one takes the place of one that cannot be read.
    """
    width, height = cell
    size = (width + height) // 25
    spacing = size // 2
    pen = _Pen(font, size)
    left = width * 3 // 4 if any(label.text for labels in rows for label in labels) else 0
    above = [pen.lines(labels, width) for labels in columns]
    beside = [pen.lines(labels, left) for labels in rows]
    tall = [sum(line.height + spacing for line in lines) - spacing for lines in above]
    top = 0 if sum(tall) == 0 else max(tall) + 2 * spacing

    canvas = Image.new("RGB", (sheet.width + left + margin * (len(columns) - 1), sheet.height + top + margin * (len(rows) - 1)), color(background))
    for row in range(len(rows)):
        for column in range(len(columns)):
            part = sheet.crop((width * column, height * row, width * (column + 1), height * (row + 1)))
            canvas.paste(part, (left + (width + margin) * column, top + (height + margin) * row))

    draw = ImageDraw.Draw(canvas)
    for column, lines in enumerate(above):
        pen.write(draw, left + (width + margin) * column + width / 2, top / 2 - tall[column] / 2, lines, spacing)
    for row, lines in enumerate(beside):
        # the block's height leaves the spacing out, although the lines are drawn with it: A1111's rule
        block = sum(line.height for line in lines)
        pen.write(draw, left / 2, top + (height + margin) * row + height / 2 - block / 2, lines, spacing)
    return canvas


class _Pen:
    """Wraps and draws with one font at one size."""

    def __init__(self, font: Path, size: int) -> None:
        self.path, self.size = font, max(size, 1)
        try:
            self.font = self._font(self.size)
        except OSError:
            self.path = FONT
            self.font = self._font(self.size)

    def lines(self, labels: Sequence[Label], room: int) -> list[_Line]:
        found = []
        for label in labels:
            for text in self._wrapped(label.text, room):
                x1, y1, x2, y2 = self.font.getbbox(text)
                found.append(_Line(text, label.active, int(x2 - x1), int(y2 - y1), room))
        return found

    def write(self, draw: ImageDraw.ImageDraw, x: float, y: float, lines: Sequence[_Line], spacing: int) -> None:
        """x: the middle of the lines. y: the top of the first."""
        for line in lines:
            size, font = self.size, self.font
            while size > 1 and font.getlength(line.text) > line.room:
                size -= 1
                font = self._font(size)
            draw.text((x, y + line.height / 2), line.text, font=font, fill=ACTIVE if line.active else INACTIVE, anchor="mm")
            if not line.active:
                middle = y + line.height // 2
                draw.line((x - line.width // 2, middle, x + line.width // 2, middle), fill=INACTIVE, width=STROKE)
            y += line.height + spacing

    def _font(self, size: int) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(str(self.path), size)

    def _wrapped(self, text: str, room: int) -> list[str]:
        """Greedily at white space. A first word too wide for the room stands below an empty line; it is drawn smaller."""
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if self.font.getlength(longer) <= room:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines
