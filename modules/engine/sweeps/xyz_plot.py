"""X/Y/Z plot: one run for each combination of values on three axes, and a grid of them. Rule: the project's notes on A1111 (X/Y/Z plot)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PIL import Image

from modules.core.errors import EaselError, OutputTrouble
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Result
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.tools import Tools
from modules.engine.sweeps.xyz_arguments import Arguments
from modules.engine.sweeps.xyz_axes import axes_of
from modules.engine.sweeps.xyz_cells import Line, cells_of, check_size, lines_of, run_order
from modules.engine.sweeps.xyz_grid import Place, plotted
from modules.imaging.grid import grid
from modules.infotext.grammar import quote


def sweep(request: GenerationRequest, arguments: Arguments, tools: Tools) -> Sweep:
    """Every cell is looked at before the first is drawn. One that then fails stays black, with a note; of each cell one picture is shown."""
    # A1111 shows the grid of a cell's batch where it makes one, which it does only where it saves; else the first picture alone.
    arguments = replace(arguments, batch_grids=tools.saves if arguments.batch_grids is None else arguments.batch_grids)
    lines = lines_of(arguments)
    check_size(request, lines)
    whole, cells = cells_of(request, arguments, lines, tools)
    made: dict[Place, Result] = {}
    failures: dict[Place, EaselError] = {}
    for place in run_order(lines):
        cell = cells[place] if arguments.batch_grids else single(cells[place], 0)
        try:
            result = yield Part(cell, of=len(cells) * cell.pictures, reuse=True)
        except OutputTrouble:
            raise
        except EaselError as error:
            failures[place] = error.with_traceback(None)  # whose frames would keep tensors alive
            continue
        if result.pictures:
            made[place] = result
        if result.cancelled is Cancel.STOP:
            break
    if not made:
        for failure in failures.values():
            raise failure
        return Outcome(whole, ())
    notes = tuple(f"The cell {_named(lines, place)} could not be made: {error}" for place, error in failures.items())
    return _outcome(whole, arguments, lines, list(cells), made, notes, tools)


def _outcome(
    whole: GenerationRequest,
    arguments: Arguments,
    lines: tuple[Line, Line, Line],
    places: list[Place],
    made: Mapping[Place, Result],
    notes: tuple[str, ...],
    tools: Tools,
) -> Outcome:
    """places: of all cells, x fastest. The texts of the cells are listed also where their pictures are not, as in A1111."""
    images = {place: _shown([tools.pixels(picture) for picture in result.pictures]) for place, result in made.items()}
    sheets = plotted(images, (lines[0].labels, lines[1].labels, lines[2].labels), arguments.draw_legend, arguments.margin)
    complete = len(made) == len(places) and all(picture.complete for result in made.values() for picture in result.pictures)
    cells = {place: made[place].pictures[0] for place in places if place in made}
    fixed = not arguments.keep_random
    grids = []
    for number, sheet in enumerate(sheets if arguments.include_grids else sheets[:1]):
        keys: dict[str, object] = {"Script": SCRIPT.name}
        for line in lines[:2] if number else lines:
            keys |= line.keys(fixed)
        text = with_keys(_first(cells, max(number - 1, 0)).infotext, keys)
        grids.append(tools.picture(sheet, whole, text, complete, place=number))
    texts = (*(picture.infotext for picture in grids), *(cells[place].infotext if place in cells else "" for place in places))
    kept = tuple(cells.values()) if arguments.include_pictures else ()
    return Outcome(whole, (*grids, *kept), grids=len(grids), first=1, infotexts=texts, notes=notes)


def with_keys(infotext: str, keys: Mapping[str, object]) -> str:
    """The text with further keys at its end, before the version, as A1111 adds those of a script that composes."""
    added = "".join(f", {key}: {quote(value)}" for key, value in keys.items())
    head, mark, tail = infotext.rpartition(", Version: ")
    return f"{head}{added}{mark}{tail}" if mark else infotext + added


def _shown(images: Sequence[Image.Image]) -> Image.Image:
    return images[0] if len(images) == 1 else grid(images)


def _first(cells: Mapping[Place, Picture], z: int) -> Picture:
    """The first cell of a z that was made; of any, where that z has none."""
    return cells[min(cells, key=lambda place: (place[2] != z, place[::-1]))]


def _named(lines: Sequence[Line], place: Place) -> str:
    return ", ".join(line.labels[index] for line, index in zip(lines, place, strict=True) if line.varies)


SCRIPT = ScriptRecord(
    name="X/Y/Z plot",
    arguments=Arguments,
    places=(
        *("x_type", "x_values", "x_menu", "y_type", "y_values", "y_menu", "z_type", "z_values", "z_menu"),
        *("draw_legend", "include_pictures", "include_grids", "keep_random", "vary_x", "vary_y", "vary_z", "margin", "text_inputs"),
    ),
    sweep=sweep,
    counted=("x_type", "y_type", "z_type"),
    choices={"x_type": axes_of, "y_type": axes_of, "z_type": axes_of},
    grid_name="xyz_grid",
    aliases=("XYZ plot", "X/Y plot"),
    early=lambda arguments: not arguments.keep_random,
)
