"""Small pictures with captions, for folders to train on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 64, height: int = 64) -> Image.Image:
    """Coloured blocks; another seed, another picture."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)


def folder(place: Path, count: int = 5, caption: str = "a {} thing", width: int = 64, height: int = 64) -> Path:
    """`count` pictures with a metadata.csv."""
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "metadata.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "text"])
        for number in range(count):
            picture(number, width, height).save(place / f"{number}.png")
            rows.writerow([f"{number}.png", caption.format(number)])
    return place


def beside(place: Path, count: int = 5, caption: str = "a {} thing") -> Path:
    """`count` pictures, each with a .txt."""
    place.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture(number).save(place / f"{number}.png")
        (place / f"{number}.txt").write_text(caption.format(number))
    return place
