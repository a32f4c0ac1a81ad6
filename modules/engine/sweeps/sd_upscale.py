"""SD upscale: a start picture enlarged, then drawn anew in overlapping tiles of the request's size. Rule: the project's notes on A1111 (SD upscale)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from PIL import Image
from pydantic import ConfigDict

from modules.core.errors import InvalidRequest
from modules.core.limits import NAME_LIMIT
from modules.core.params import STRICT, Param
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.seeds import advanced, plain, settled
from modules.engine.sweeps.tiling import tiled
from modules.engine.sweeps.tools import Enlarged, Tools
from modules.engine.upscaler_names import with_network
from modules.imaging.opening import MOST
from modules.imaging.resize import UPSCALERS
from modules.imaging.tiles import Place, join, split


@dataclass(frozen=True, kw_only=True)
class Arguments:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    overlap: Annotated[int, Param("Tile overlap", 0, 256, 16, hint="Pixels by which neighbouring tiles cover each other at least.")] = 64
    upscaler: Annotated[
        str, Param("Upscaler", choices=tuple(UPSCALERS), max_length=NAME_LIMIT, hint="None keeps the size: the picture is only drawn anew.")
    ] = "None"
    scale: Annotated[float, Param("Scale Factor", 1, 4, 0.05)] = 2.0


def sweep(request: GenerationRequest, arguments: Arguments, tools: Tools) -> Sweep:
    """`count` times the whole, the seed one up for each."""
    whole = settled(request, tools)
    found = tools.upscaler(arguments.upscaler, "script.args.upscaler", replace(whole, enlarging=request.enlarging))
    name, enlarge = found.name, found.enlarge
    script = replace(whole.script, args={**whole.script.args, "upscaler": name})
    whole = replace(whole, script=script)
    source = tools.started(request)
    if enlarge and source.width * source.height * arguments.scale**2 > MOST:
        what = f"SD upscale: {source.width} x {source.height} pixels, {arguments.scale} times larger, are more than {MOST // 10**6} megapixels."
        raise InvalidRequest(what, "Give a smaller scale or picture.", "script.args.scale")
    larger, how, notes = enlarge(source, arguments.scale) if enlarge else Enlarged(source, whole.enlarging)
    whole = replace(whole, enlarging=with_network(replace(whole.enlarging, tile=how.tile, full=how.full), found.networks))
    tiles = tiled(larger.size, whole, arguments.overlap, "SD upscale", "overlap")
    keys = {"SD upscale overlap": arguments.overlap, "SD upscale upscaler": name}
    before = split(larger, tiles)
    pictures: list[Picture] = []
    text = ""
    stopped = False
    for repeat in range(whole.count):
        done: dict[Place, Image.Image] = {}
        complete = True
        for index, (place, tile) in enumerate(before.items()):
            result = yield Part(_part(whole, repeat, index, tools.keep(tile, passing=True)), of=whole.count * tiles.count, save=False, keys=keys)
            stopped = result.cancelled is Cancel.STOP
            for picture in result.pictures:
                done[place] = tools.pixels(picture)
                text, complete = text or picture.infotext, complete and picture.complete
            if stopped:
                break
        if done:
            alone = replace(whole, seed=advanced(whole.seed, repeat), count=1)
            pictures.append(tools.picture(join({**before, **done}, tiles), alone, text, complete and len(done) == tiles.count))
        if stopped:
            break
    return Outcome(whole, tuple(pictures), infotexts=(text,) * len(pictures), notes=notes)


def _part(whole: GenerationRequest, repeat: int, index: int, reference: str) -> GenerationRequest:
    """The request of one tile. A1111 draws them in batches whose first seeds count up by one, so the batches' seeds overlap."""
    batch, place = divmod(index, whole.batch_size)
    seed = advanced(whole.seed, repeat + batch)
    return single(plain(whole, seed=seed, init=replace(whole.init, image=reference, batch=())), place)


SCRIPT = ScriptRecord(
    name="SD upscale",
    tabs=("img2img",),
    arguments=Arguments,
    places=("", "overlap", "upscaler", "scale"),
    counted=("upscaler",),
    upscalers=("upscaler",),
    sweep=sweep,
)
