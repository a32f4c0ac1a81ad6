"""The grid that A1111's API puts before the pictures of a batch when they are saved (parity rule 17). Scripts bring their own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from modules.api.sdapi_request import Wish
from modules.core.errors import OutputTrouble
from modules.core.result import Result
from modules.engine.save import Outputs
from modules.imaging.grid import grid
from modules.infotext import files

MOST = 64 * 2**20
"""Pixels of a grid; one that would be larger is left out."""


@dataclass(frozen=True)
class Grid:
    """data: the encoded file, b"" when the answer shows none. notes: what the user should know."""

    data: bytes = b""
    infotext: str = ""
    notes: tuple[str, ...] = ()


def gridded(result: Result, wish: Wish, outputs: Path) -> Grid:
    """The grid of a plain job, saved and shown as its options say. Its text is the first picture's."""
    options, pictures = wish.options, result.pictures
    if not pictures or not (options["return_grid"] or options["grid_save"]) or (options["grid_only_if_multiple"] and len(pictures) < 2):
        return Grid()
    if len(pictures) * pictures[0].width * pictures[0].height > MOST:
        return Grid(notes=(f"A grid of {len(pictures)} pictures would be too large, so there is none.",))
    images = []
    for picture in pictures:
        with Image.open(io.BytesIO(picture.data)) as image:
            images.append(image.convert("RGB"))
    wanted = int(options["n_rows"])
    rows = None if wanted < 0 else wanted or result.request.batch_size
    sheet = grid(images, rows, full=bool(options["grid_prevent_empty_spots"]), background=options["grid_background_color"])
    text = pictures[0].infotext
    data = files.encode(sheet, text)  # without our own document: no request makes a grid again
    notes = (_saved(data, Outputs(outputs), pictures[0].request.seed, f"{wish.tab}-grids"),) if options["grid_save"] else ()
    return Grid(data if options["return_grid"] else b"", text, tuple(filter(None, notes)))


def _saved(data: bytes, outputs: Outputs, seed: int, kind: str) -> str:
    """-> a note when it could not be saved where it should: the pictures themselves are safe, so that is no reason to fail."""
    try:
        return outputs.save(data, seed, kind, "grid")[1]
    except OutputTrouble as trouble:
        return f"The grid was not saved: {trouble}"
