"""Poor man's outpainting: a start picture grows at all sides at once, in tiles. Rule: the project's notes on A1111 (Poor man's outpainting)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from PIL import Image
from pydantic import ConfigDict

from modules.core.errors import InvalidRequest
from modules.core.groups.editing import MaskedContent
from modules.core.params import STRICT, Param
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.seeds import advanced, plain, settled
from modules.engine.sweeps.tiling import tiled
from modules.engine.sweeps.tools import Tools
from modules.imaging.outpaint import DIRECTIONS, POOR_BLUR, Direction, poor_mans
from modules.imaging.tiles import Place


@dataclass(frozen=True, kw_only=True)
class Arguments:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    pixels: Annotated[int, Param("Pixels to expand", 8, 256, 8, hint="Also how far the tiles overlap.")] = 128
    blur: Annotated[int, Param("Mask blur", 0, 64, 1)] = 4
    content: Annotated[MaskedContent, Param("Masked content")] = "fill"
    directions: Annotated[tuple[Direction, ...], Param("Outpainting direction")] = DIRECTIONS


def sweep(request: GenerationRequest, arguments: Arguments, tools: Tools) -> Sweep:
    """One picture; the seed counts up over the tiles that are drawn."""
    source = tools.started(request)
    if not arguments.directions:
        what = "Poor man's outpainting was given no direction to grow in."
        raise InvalidRequest(what, f"Choose among {', '.join(DIRECTIONS)}.", "script.args.directions")
    whole = settled(request, tools)
    size = whole.width, whole.height
    tiled(source.size, whole, arguments.pixels, "Poor man's outpainting", "pixels")
    work = poor_mans(source, arguments.pixels, arguments.blur, arguments.directions, size)
    jobs = list(work.jobs())
    blur = POOR_BLUR * arguments.blur
    done: dict[Place, Image.Image] = {}
    text, complete = "", True
    for index, (place, tile, mask, latent) in enumerate(jobs):
        masking = replace(
            whole.mask,
            image=tools.keep(mask, passing=True),
            latent=tools.keep(latent, passing=True),
            blur_x=blur,
            blur_y=blur,
            content=arguments.content,
            area="Whole picture",
        )
        init = replace(whole.init, image=tools.keep(tile, passing=True), batch=())
        part = plain(whole, seed=advanced(whole.seed, index), count=1, batch_size=1, init=init, mask=masking)
        result = yield Part(part, of=len(jobs), save=False)
        for picture in result.pictures:
            done[place] = tools.pixels(picture)
            text, complete = text or picture.infotext, complete and picture.complete
        if result.cancelled is Cancel.STOP:
            break
    if not done:
        return Outcome(whole, ())
    return Outcome(whole, (tools.picture(work.joined(done), whole, text, complete and len(done) == len(jobs)),))


SCRIPT = ScriptRecord(
    name="Poor man's outpainting",
    tabs=("img2img",),
    arguments=Arguments,
    places=("pixels", "blur", "content", "directions"),
    counted=("content",),
    sweep=sweep,
)
