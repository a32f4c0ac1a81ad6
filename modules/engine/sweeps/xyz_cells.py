"""The cells of an X/Y/Z plot as requests: axes read and applied, seeds fixed, the order in which they are run. Rule: the project's notes on A1111.

Runs and draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

from modules.core.errors import EaselError, InvalidRequest, NotFound
from modules.core.groups.passes import Script
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.engine.sweeps.seeds import advanced, drawn, plain, settled
from modules.engine.sweeps.tools import Tools
from modules.engine.sweeps.xyz_arguments import Arguments
from modules.engine.sweeps.xyz_axes import Axis, axis_of
from modules.engine.sweeps.xyz_grid import Place
from modules.engine.sweeps.xyz_values import Value, join, read, split

MEGAPIXELS = 200
"""Of all cells together; A1111's setting img_max_size_mp."""
SEEDS = ("Seed", "Var. seed")
Letter = Literal["x", "y", "z"]
LETTERS: tuple[Letter, ...] = ("x", "y", "z")


@dataclass(frozen=True)
class Line:
    """One axis with its values. typed: as the user gave them, for the infotext."""

    letter: Letter
    axis: Axis
    values: tuple[Value, ...]
    typed: str

    @property
    def varies(self) -> bool:
        return self.axis.name != "Nothing"

    @property
    def draws_seeds(self) -> bool:
        return self.axis.name in SEEDS

    @property
    def labels(self) -> list[str]:
        return [self.axis.label(value) for value in self.values] if self.varies else [""]

    def applied(self, request: GenerationRequest, place: int) -> GenerationRequest:
        """Raises EaselError that names the argument to blame."""
        if not self.varies:
            return request
        try:
            return self.axis.apply(request, self.values[place], self.values)
        except EaselError as error:
            raise blamed(error, self.letter, "values") from None

    def keys(self, fixed: bool) -> dict[str, object]:
        """What the infotext of a grid says of the axis. fixed: seeds were drawn where -1 stood."""
        if not self.varies:
            return {}
        name = self.letter.upper()
        keys: dict[str, object] = {f"{name} Type": self.axis.name, f"{name} Values": self.typed}
        return keys | ({f"Fixed {name} Values": ", ".join(map(str, self.values))} if fixed and self.draws_seeds else {})


def blamed(error: EaselError, letter: Letter, which: str) -> EaselError:
    what, field = f"X/Y/Z plot, {letter.upper()} axis: {error.what}", f"script.args.{letter}_{which}"
    if isinstance(error, NotFound):
        return NotFound(what, error.remedy, field, error.candidates)
    return type(error)(what, error.remedy, field)


def lines_of(arguments: Arguments) -> tuple[Line, Line, Line]:
    """The three axes; seeds of -1 are drawn unless they are to be kept. Raises EaselError."""
    x, y, z = (_line(letter, arguments) for letter in LETTERS)
    return x, y, z


def _line(letter: Letter, arguments: Arguments) -> Line:
    name, typed, menu = (getattr(arguments, f"{letter}_{part}") for part in ("type", "values", "menu"))
    try:
        axis = axis_of(name)
    except EaselError as error:
        raise blamed(error, letter, "type") from None
    if axis.name == "Nothing":
        return Line(letter, axis, (0,), "")
    chosen = axis.choices is not None and menu and not arguments.text_inputs
    try:
        values = read(list(menu) if chosen else split(typed), axis.kind)
        if not values:
            raise InvalidRequest(f"{axis.name} was given no values.", "Write some, for example 1-5, or choose Nothing.")
    except EaselError as error:
        raise blamed(error, letter, "values") from None
    line = Line(letter, axis, tuple(values), join(menu) if chosen else typed)
    if line.draws_seeds and not arguments.keep_random:
        return replace(line, values=tuple(drawn() if value == -1 else value for value in values))
    return line


def check_size(request: GenerationRequest, lines: Sequence[Line]) -> None:
    """Raises InvalidRequest for a grid that is too large."""
    x, y, z = (len(line.values) for line in lines)
    if round(x * y * z * request.width * request.height / 1e6) >= MEGAPIXELS:
        what = f"X/Y/Z plot: {x * y * z} cells of {request.width} x {request.height} pixels make a grid of {MEGAPIXELS} megapixels or more."
        raise InvalidRequest(what, "Give fewer values, or a smaller size.", "script.args.x_values")


def cells_of(request: GenerationRequest, arguments: Arguments, lines: Sequence[Line], tools: Tools) -> tuple[GenerationRequest, dict[Place, GenerationRequest]]:
    """-> the whole request made concrete, and the plain one of each cell. Raises EaselError for a value that cannot be drawn with."""
    whole = settled(request, tools)
    if arguments.keep_random:
        whole = replace(whole, seed=request.seed, variation=replace(whole.variation, seed=request.variation.seed))
    for line in lines:
        _check_values(whole, line, tools)
    cells = {place: _cell(whole, lines, arguments, place) for place in places(lines, (2, 1, 0))}
    if not arguments.keep_random and any(_drawn(cell)[1] != cell.variation.seed for cell in cells.values()):
        whole = replace(whole, variation=replace(whole.variation, seed=drawn()))  # an axis switches the variation on: one seed for all cells
        cells = {place: _cell(whole, lines, arguments, place) for place in cells}
    seeds = tuple(_drawn(cell) for cell in cells.values())
    random = seeds != tuple((cell.seed, cell.variation.seed) for cell in cells.values())
    if random and len(arguments.seeds) == len(cells):
        seeds = arguments.seeds
    recorded: dict[str, Any] = {f"{line.letter}_values": ", ".join(map(str, line.values)) for line in lines if line.draws_seeds}
    arguments = replace(arguments, seeds=seeds if random else (), **recorded)
    whole = replace(whole, script=Script(name=request.script.name, args=to_dict(arguments)))
    return whole, {place: _seeded(cell, pair) for (place, cell), pair in zip(cells.items(), seeds, strict=True)}


def run_order(lines: Sequence[Line]) -> Iterator[Place]:
    """z outside, then y, then x; but an axis dearer than both others goes outside, and the dearer of those next."""
    costs = [line.axis.cost for line in lines]
    nest = [2, 1, 0]
    dearest = max(nest, key=costs.__getitem__)
    if costs.count(costs[dearest]) == 1:
        nest = [dearest, *sorted((axis for axis in nest if axis != dearest), key=lambda axis: -costs[axis])]
    return places(lines, nest)


def places(lines: Sequence[Line], nest: Sequence[int]) -> Iterator[Place]:
    """Every cell. nest: the axes, 0 to 2, from the outermost loop to the innermost."""
    for indices in product(*(range(len(lines[axis].values)) for axis in nest)):
        found = dict(zip(nest, indices, strict=True))
        yield found[0], found[1], found[2]


def _check_values(whole: GenerationRequest, line: Line, tools: Tools) -> None:
    for place in range(len(line.values) if line.varies else 0):
        changed = plain(line.applied(whole, place), styles=())
        try:
            tools.resolve(changed)
        except EaselError as error:
            raise blamed(error, line.letter, "values") from None


def _cell(whole: GenerationRequest, lines: Sequence[Line], arguments: Arguments, place: Place) -> GenerationRequest:
    cell = whole
    for line, index in zip(lines, place, strict=True):
        cell = line.applied(cell, index)
    across = len(lines[0].values) if arguments.vary_x else 1
    down = len(lines[1].values) if arguments.vary_y else 1
    further = place[0] * arguments.vary_x + place[1] * across * arguments.vary_y + place[2] * across * down * arguments.vary_z
    return plain(cell, seed=advanced(cell.seed, further))


def _drawn(cell: GenerationRequest) -> tuple[int, int]:
    """The two seeds of a cell, drawn where it has none and needs one."""
    other = cell.variation.seed
    return cell.seed if cell.seed >= 0 else drawn(), drawn() if other < 0 < cell.variation.strength else other


def _seeded(cell: GenerationRequest, seeds: tuple[int, int]) -> GenerationRequest:
    return replace(cell, seed=seeds[0], variation=replace(cell.variation, seed=seeds[1]))
