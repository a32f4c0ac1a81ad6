"""Cut-outs that a test draws itself: five plain shapes, each of its own colour, on a transparent ground."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

NAMES = ("ball", "box", "cross", "ring", "tip")
SIDE = 64


def shape(name: str) -> Image.Image:
    image = Image.new("RGBA", (SIDE, SIDE))
    pen = ImageDraw.Draw(image)
    if name == "ball":
        pen.ellipse((4, 4, 60, 60), (230, 60, 40, 255))
    elif name == "box":
        pen.rectangle((8, 8, 56, 56), (40, 90, 220, 255))
    elif name == "cross":
        pen.rectangle((24, 2, 40, 62), (250, 220, 60, 255))
        pen.rectangle((2, 24, 62, 40), (250, 220, 60, 255))
    elif name == "ring":
        pen.ellipse((4, 4, 60, 60), outline=(60, 180, 90, 255), width=12)
    else:
        pen.polygon(((32, 2), (62, 60), (2, 60)), (160, 60, 200, 255))
    return image


def folder(place: Path) -> Path:
    """A folder of them, as a person may name one."""
    place.mkdir(parents=True)
    for name in NAMES:
        shape(name).save(place / f"{name}.png")
    return place
