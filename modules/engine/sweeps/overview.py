"""The grid that stands before the pictures of one click: all of them at a glance, as A1111 makes it (parity rule 17). Scripts bring their own.

How it is laid out belongs to the settings, so no request makes it again: its file carries the first picture's text and no record of Easel's own.
"""

from __future__ import annotations

from modules.core.result import Picture, Result
from modules.engine.sweeps.tools import UNPLACED, Tools
from modules.imaging.grid import grid
from modules.infotext import files

MOST = 64 * 2**20
"""Pixels of a grid; one that would be larger is left out."""


def overview(result: Result, tools: Tools) -> tuple[Picture | None, list[str]]:
    """-> the grid if it is to be shown, and what the user should know. One that is only to be saved is on the disk then."""
    saving, pictures = tools.saving, result.pictures
    saves = saving.grid_save and tools.saves
    if not pictures or not (saving.return_grid or saves) or (saving.grid_only_if_multiple and len(pictures) < 2):
        return None, []
    if len(pictures) * pictures[0].width * pictures[0].height > MOST:
        return None, [f"A grid of {len(pictures)} pictures would be too large, so there is none."]
    rows = None if saving.n_rows < 0 else saving.n_rows or result.request.batch_size
    sheet = grid([tools.pixels(picture) for picture in pictures], rows, full=saving.grid_prevent_empty_spots, background=saving.grid_background_color)
    first = pictures[0]
    made = Picture(files.encode(sheet, first.infotext), sheet.width, sheet.height, first.request, first.infotext, UNPLACED, complete=first.complete)
    return (made, []) if saving.return_grid else (None, tools.store(made, "grid")[1])
