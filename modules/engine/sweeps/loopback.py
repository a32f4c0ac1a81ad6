"""Loopback: img2img on its own result, several times. Rule: the project's notes on A1111 (loopback)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.errors import Unsupported
from modules.core.params import STRICT, Param
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.seeds import advanced, plain, settled
from modules.engine.sweeps.tools import Tools
from modules.imaging.grid import grid

CURVES: Mapping[str, Callable[[float], float]] = {
    "Aggressive": lambda progress: math.sin(progress * math.pi / 2),
    "Linear": lambda progress: progress,
    "Lazy": lambda progress: 1 - math.cos(progress * math.pi / 2),
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    loops: Annotated[int, Param("Loops", 1, 32, 1)] = 4
    final_strength: Annotated[float, Param("Final denoising strength", 0, 1, 0.01, hint="The last loop's; the first has the request's.")] = 0.5
    curve: Annotated[Literal["Aggressive", "Linear", "Lazy"], Param("Denoising strength curve", hint="How soon the strength moves towards the final one.")] = (
        "Linear"
    )
    interrogate: Annotated[Literal["None", "CLIP", "DeepBooru"], Param("Append interrogated prompt at each iteration")] = "None"


def strength_at(loop: int, arguments: Arguments, first: float) -> float:
    """Of a loop, counted from 0. A single loop has the request's own."""
    if loop == 0 or arguments.loops == 1:
        return first
    return first + (arguments.final_strength - first) * CURVES[arguments.curve](loop / (arguments.loops - 1))


def sweep(request: GenerationRequest, arguments: Arguments, tools: Tools) -> Sweep:
    """`count` batches, each from the start picture; seeds count up over all of them. Of several batches the last picture of each is given back."""
    if arguments.interrogate != "None":
        what = f"Loopback cannot append what {arguments.interrogate} reads in a picture: interrogating is not built yet."
        raise Unsupported(what, "Choose None.", "script.args.interrogate")
    tools.started(request)
    whole = settled(request, tools)
    keys = {"Final denoising strength": arguments.final_strength, "Denoising curve": arguments.curve}
    kept: list[Picture] = []
    first: Picture | None = None
    done = 0
    for _ in range(whole.count):
        last: Picture | None = None
        for loop in range(arguments.loops):
            part = _part(whole, advanced(whole.seed, done), strength_at(loop, arguments, whole.init.strength))
            if last:
                reference = tools.keep(tools.pixels(last))
                part = replace(part, init=replace(part.init, image=reference), mask=replace(part.mask, content="original"))
            result = yield Part(part, of=whole.count * arguments.loops, keys=keys)
            done += 1
            last = next(iter(result.pictures), last)
            first = first or last
            if result.pictures and whole.count == 1:
                kept.append(result.pictures[0])
            if result.cancelled is Cancel.STOP:
                break
        if last and whole.count > 1:
            kept.append(last)
        if result.cancelled is Cancel.STOP:
            break
    if not first:
        return Outcome(whole, ())
    complete = done == whole.count * arguments.loops and all(picture.complete for picture in kept)
    pictures = tuple(kept)
    if len(kept) > 1:
        sheet = grid([tools.pixels(picture) for picture in kept], rows=1)
        pictures = (tools.picture(sheet, whole, first.infotext, complete), *kept)
    return Outcome(whole, pictures, grids=len(pictures) - len(kept), infotexts=(first.infotext,) * len(pictures))


def _part(whole: GenerationRequest, seed: int, strength: float) -> GenerationRequest:
    """Colours are corrected by the first start picture, as it was given, in every loop."""
    colors = whole.init.image if whole.init.color_correction else ""
    return plain(whole, seed=seed, count=1, batch_size=1, init=replace(whole.init, strength=strength, color_from=colors, batch=()))


SCRIPT = ScriptRecord(name="Loopback", tabs=("img2img",), arguments=Arguments, places=("loops", "final_strength", "curve", "interrogate"), sweep=sweep)
