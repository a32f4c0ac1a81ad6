"""The grids of an X/Y/Z plot: for each z one grid of x by y with its legend, and all of them side by side. Rule: the project's notes on A1111 (X/Y/Z plot).

Knows pictures and labels, nothing of what was varied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from modules.imaging.grid import cell_size, grid
from modules.imaging.legend import Label, legend

Place = tuple[int, int, int]
"""x, y, z, each counted from 0."""


def plotted(cells: Mapping[Place, Image.Image], labels: tuple[Sequence[str], Sequence[str], Sequence[str]], legends: bool, margin: int) -> list[Image.Image]:
    """[the main grid, then the grid of each z]. cells: at least one; missing ones are black. labels: of each x, y and z. margin: only with legends."""
    columns, rows, sheets = labels
    size = next(iter(cells.values())).size
    blank = Image.new("RGB", size)
    parts = []
    for z in range(len(sheets)):
        images = [cells.get((x, y, z), blank) for y in range(len(rows)) for x in range(len(columns))]
        sheet = grid(images, rows=len(rows))
        parts.append(legend(sheet, cell_size(images), _titles(columns), _titles(rows), margin=margin) if legends else sheet)
    main = grid(parts, rows=1)
    return [legend(main, cell_size(parts), _titles(sheets), _titles([""])) if legends else main, *parts]


def _titles(labels: Sequence[str]) -> list[list[Label]]:
    return [[Label(label)] for label in labels]
