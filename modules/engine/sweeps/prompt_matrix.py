"""Prompt matrix: every combination of the optional parts of a prompt ("a cat|in a garden|at night"). Rule: the project's notes on A1111 (prompt matrix)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Annotated, ClassVar, Literal

from PIL import Image
from pydantic import ConfigDict

from modules.core.errors import InvalidRequest
from modules.core.params import STRICT, Param
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.seeds import advanced, plain, settled
from modules.engine.sweeps.tools import Tools
from modules.imaging.grid import grid
from modules.imaging.legend import Label, legend

MOST = 10
"""Optional parts: 1024 pictures."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    at_start: Annotated[bool, Param("Put variable parts at start of prompt")] = False
    different_seeds: Annotated[bool, Param("Use different seed for each picture")] = False
    prompt: Annotated[Literal["positive", "negative"], Param("Select prompt", hint="Whose parts, set apart by |, are combined.")] = "positive"
    joining: Annotated[Literal["comma", "space"], Param("Select joining char")] = "comma"
    margin: Annotated[int, Param("Grid margins (px)", 0, 500, 2)] = 0


def combinations(text: str, at_start: bool, joining: str) -> list[str]:
    """The 2^k prompts of k optional parts; number i takes option n where bit n of i is set. The fixed part is taken as it stands."""
    fixed, *options = text.split("|")
    if len(options) > MOST:
        raise InvalidRequest(f"Prompt matrix was given {len(options)} optional parts.", f"At most {MOST}: each doubles the pictures.", "prompt")
    found = []
    for number in range(2 ** len(options)):
        chosen = [option.strip().strip(",") for place, option in enumerate(options) if number >> place & 1]
        found.append(joining.join([*chosen, fixed] if at_start else [fixed, *chosen]))
    return found


def sweep(request: GenerationRequest, arguments: Arguments, tools: Tools) -> Sweep:
    field = "prompt" if arguments.prompt == "positive" else "negative_prompt"
    text = getattr(request, field)
    prompts = combinations(text, arguments.at_start, ", " if arguments.joining == "comma" else " ")
    whole = settled(request, tools)
    cells: list[Picture | None] = [None] * len(prompts)
    for index, prompt in enumerate(prompts):
        result = yield Part(_part(whole, arguments, index, **{field: prompt}), of=len(prompts))
        cells[index] = next(iter(result.pictures), None)
        if result.cancelled is Cancel.STOP:
            break
    made = [cell for cell in cells if cell]
    if not made:
        return Outcome(whole, ())
    texts = [picture.infotext for picture in made]
    sheet = drawn([tools.pixels(cell) if cell else None for cell in cells], text.split("|")[1:], arguments.margin)
    complete = len(made) == len(cells) and all(picture.complete for picture in made)
    return Outcome(whole, (tools.picture(sheet, whole, texts[0], complete), *made), grids=1, first=1, infotexts=(texts[0], *texts))


def _part(whole: GenerationRequest, arguments: Arguments, index: int, **prompt: str) -> GenerationRequest:
    """A1111 lists one seed for each picture, so a variation seed counts up beside seeds that stay or count up, too."""
    seed = advanced(whole.seed, index) if arguments.different_seeds else whole.seed
    variation = replace(whole.variation, seed=advanced(whole.variation.seed, index))
    return plain(whole, seed=seed, variation=variation, count=1, batch_size=1, **prompt)


def drawn(images: list[Image.Image | None], options: list[str], margin: int) -> Image.Image:
    """The grid with its legend: the first half of the options labels the columns, the rest the rows. Missing pictures are black."""
    across, down = options[: ceil(len(options) / 2)], options[ceil(len(options) / 2) :]
    size = next(image.size for image in images if image)
    sheet = grid([image or Image.new("RGB", size) for image in images], rows=2 ** len(down))
    return legend(sheet, size, _labels(across), _labels(down), margin=margin)


def _labels(options: list[str]) -> list[list[Label]]:
    return [[Label(option, bool(number >> place & 1)) for place, option in enumerate(options)] for number in range(2 ** len(options))]


SCRIPT = ScriptRecord(
    name="Prompt matrix",
    arguments=Arguments,
    places=("at_start", "different_seeds", "prompt", "joining", "margin"),
    sweep=sweep,
    grid_name="prompt_matrix",
)
