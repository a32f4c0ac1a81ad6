"""What an X/Y/Z plot is told: three axes with their values, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict

from modules.core.params import STRICT, Param

_TYPE = "An axis of A1111's list, or any field of a request by its dotted name."
_VALUES = "1-5, 1-9 (+2), 1-10 [4], or a list with commas."


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Of each axis: its type, its values as typed, and those chosen from a menu, which count where the axis has one.
    batch_grids: whether a cell of several pictures shows their grid, or the first alone. Filled in when the request is resolved: as A1111, where pictures are saved.
    seeds: seed and variation seed of each cell, x fastest, then y, then z; only where -1 was kept."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    x_type: Annotated[str, Param("X type", max_length=80, hint=_TYPE)] = "Seed"
    x_values: Annotated[str, Param("X values", max_length=20_000, hint=_VALUES)] = ""
    x_menu: Annotated[tuple[str, ...], Param("X values", hint="Chosen from a menu.")] = ()
    y_type: Annotated[str, Param("Y type", max_length=80, hint=_TYPE)] = "Nothing"
    y_values: Annotated[str, Param("Y values", max_length=20_000, hint=_VALUES)] = ""
    y_menu: Annotated[tuple[str, ...], Param("Y values", hint="Chosen from a menu.")] = ()
    z_type: Annotated[str, Param("Z type", max_length=80, hint=_TYPE)] = "Nothing"
    z_values: Annotated[str, Param("Z values", max_length=20_000, hint=_VALUES)] = ""
    z_menu: Annotated[tuple[str, ...], Param("Z values", hint="Chosen from a menu.")] = ()
    draw_legend: Annotated[bool, Param("Draw legend")] = True
    include_pictures: Annotated[bool, Param("Include Sub Images")] = False
    include_grids: Annotated[bool, Param("Include Sub Grids")] = False
    keep_random: Annotated[bool, Param("Keep -1 for seeds", hint="Each cell draws its own.")] = False
    vary_x: Annotated[bool, Param("Vary seeds for X")] = False
    vary_y: Annotated[bool, Param("Vary seeds for Y")] = False
    vary_z: Annotated[bool, Param("Vary seeds for Z")] = False
    margin: Annotated[int, Param("Grid margins (px)", 0, 500, 2)] = 0
    text_inputs: Annotated[bool, Param("Use text inputs instead of dropdowns")] = False
    batch_grids: Annotated[bool | None, Param("Grid of each cell's batch", hint="Empty: where pictures are saved.")] = None
    seeds: Annotated[tuple[tuple[int, int], ...], Param("Seeds drawn", hint="Filled in when the request is resolved, where -1 was kept.")] = ()
