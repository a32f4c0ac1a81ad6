"""Outpainting mk2: a start picture grows side by side, each over noise shaped by the picture. Rule: the project's notes on A1111 (Outpainting mk2)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from PIL import Image
from pydantic import ConfigDict

from modules.core.errors import InvalidRequest
from modules.core.groups.passes import Script
from modules.core.params import STRICT, Param, to_dict
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Result
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.seeds import advanced, drawn, plain, settled
from modules.engine.sweeps.tools import Tools
from modules.imaging.grid import grid
from modules.imaging.outpaint import DIRECTIONS, MK2_BLUR, Direction, Extension, extended, extension, growth

MOST = 4096 * 4096
"""Pixels of a start picture: the noise is shaped in the frequencies of the whole, which takes some 300 bytes a pixel."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """seeds: one for each growing side of each repeat. Only a request without a seed has them: A1111 draws one for each job then."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    pixels: Annotated[int, Param("Pixels to expand", 8, 256, 8)] = 128
    blur: Annotated[int, Param("Mask blur", 0, 64, 1)] = 8
    directions: Annotated[tuple[Direction, ...], Param("Outpainting direction")] = DIRECTIONS
    falloff: Annotated[float, Param("Fall-off exponent (lower=higher detail)", 0, 4, 0.01)] = 1.0
    variation: Annotated[float, Param("Color variation", 0, 1, 0.01)] = 0.05
    seeds: Annotated[tuple[int, ...], Param("Seeds drawn", hint="Filled in when the request is resolved, where no seed was given.")] = ()


def sweep(request: GenerationRequest, arguments: Arguments, tools: Tools) -> Sweep:
    """`count` times the same start, `batch_size` pictures each. The seed is the same for each side and repeat, if one was given."""
    source = tools.started(request)
    whole, sides, seeds = _settled(request, arguments, tools)
    if not sides:
        raise InvalidRequest("Outpainting mk2 was given no direction to grow in.", f"Choose among {', '.join(DIRECTIONS)}.", "script.args.directions")
    if source.width * source.height > MOST:
        what = f"Outpainting mk2: the start picture has {source.width} x {source.height} pixels, more than {MOST / 1e6:.0f} million."
        raise InvalidRequest(what, "Make it smaller, or use Poor man's outpainting.", "init.image")
    pictures: list[Picture] = []
    text = ""
    for index in range(whole.count * whole.batch_size):
        repeat, place = divmod(index, whole.batch_size)
        these = seeds[repeat * len(sides) : (repeat + 1) * len(sides)]
        grown = yield from _grown(source, whole, arguments, list(zip(sides, these, strict=True)), place, tools)
        text = text or grown.text
        if grown.image:
            alone = _alone(whole, arguments, tuple(advanced(seed, place) for seed in these))
            pictures.append(tools.picture(grown.image, alone, text, grown.complete))
        if grown.stopped:
            break
    if len(pictures) > 1:
        sheet = grid([tools.pixels(picture) for picture in pictures])
        complete = len(pictures) == whole.count * whole.batch_size and all(picture.complete for picture in pictures)
        pictures = [tools.picture(sheet, whole, text, complete), *pictures]
    return Outcome(whole, tuple(pictures), grids=int(len(pictures) > 1), infotexts=(text,) * len(pictures))


@dataclass(frozen=True)
class Grown:
    """image: None when no side was finished. text: of its first run."""

    image: Image.Image | None
    text: str
    complete: bool
    stopped: bool


def _grown(
    image: Image.Image, whole: GenerationRequest, arguments: Arguments, sides: list[tuple[Direction, int]], place: int, tools: Tools
) -> Generator[Part, Result, Grown]:
    """One picture, side after side, each on what came of the one before. place: of the picture in its batch."""
    added = growth(image.size, arguments.pixels, arguments.directions)._asdict()
    blur = (
        arguments.blur if {"left", "right"} & set(arguments.directions) else 0,
        arguments.blur if {"up", "down"} & set(arguments.directions) else 0,
    )
    text, complete, finished = "", True, 0
    for side, seed in sides:
        limit = whole.width, whole.height
        work = extension(image, side, added[side], blur, limit, falloff=arguments.falloff, variation=arguments.variation)
        part = single(_part(whole, work, blur, seed, tools), place)
        result = yield Part(part, of=whole.count * whole.batch_size * len(sides), save=False)
        for picture in result.pictures:
            image, finished = extended(work, tools.pixels(picture)), finished + 1
            text, complete = text or picture.infotext, complete and picture.complete
        if not result.pictures or result.cancelled is Cancel.STOP:  # the next side would grow on what is not there
            return Grown(image if finished else None, text, False, result.cancelled is Cancel.STOP)
    return Grown(image, text, complete, False)


def _part(whole: GenerationRequest, work: Extension, blur: tuple[int, int], seed: int, tools: Tools) -> GenerationRequest:
    mask = replace(
        whole.mask,
        image=tools.keep(work.mask, passing=True),
        latent=tools.keep(work.latent, passing=True),
        blur_x=MK2_BLUR * blur[0],
        blur_y=MK2_BLUR * blur[1],
        content="original",
        area="Whole picture",
    )
    width, height = work.image.size
    init = replace(whole.init, image=tools.keep(work.image, passing=True), batch=())
    return plain(whole, seed=seed, width=width, height=height, init=init, mask=mask)


def _settled(request: GenerationRequest, arguments: Arguments, tools: Tools) -> tuple[GenerationRequest, list[Direction], tuple[int, ...]]:
    """-> the concrete request, the sides in their order, the seed of each job."""
    sides = [side for side in DIRECTIONS if side in arguments.directions]
    whole = settled(request, tools)
    jobs = whole.count * len(sides)
    recorded = len(arguments.seeds) == jobs and jobs > 0 and arguments.seeds[0] == request.seed
    if request.seed >= 0 and not recorded:
        return whole, sides, (whole.seed,) * jobs
    seeds = arguments.seeds if recorded else (whole.seed, *(drawn() for _ in range(jobs - 1)))
    script = Script(name=request.script.name, args=to_dict(replace(arguments, seeds=seeds)))
    return replace(whole, script=script), sides, seeds


def _alone(whole: GenerationRequest, arguments: Arguments, seeds: tuple[int, ...]) -> GenerationRequest:
    """What makes one picture of several by itself."""
    script = Script(name=whole.script.name, args=to_dict(replace(arguments, seeds=seeds if len(set(seeds)) > 1 else ())))
    return replace(whole, seed=seeds[0], count=1, batch_size=1, script=script)


SCRIPT = ScriptRecord(
    name="Outpainting mk2",
    tabs=("img2img",),
    arguments=Arguments,
    places=("", "pixels", "blur", "directions", "falloff", "variation"),
    sweep=sweep,
)
