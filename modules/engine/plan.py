"""A plan is data: the passes a request asks for, one `Stage` each, and which pictures are made together. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.core.errors import InvalidRequest
from modules.core.records.families import FamilyRecord
from modules.core.records.samplers import split_sampler
from modules.core.request import GenerationRequest


@dataclass(frozen=True)
class Stage:
    """One run of a sampler. latent: (channels, height, width) of what it works on. request: what it draws with: its own prompts, sampler, schedule, steps.
    strength: how much of its start is drawn anew; None when it starts from noise. fix_steps: do exactly that many steps.
    first_pass: steps of the pass before, which its prompt schedules go on from. enlarged: for hires, the size before the surplus is cut off."""

    name: str
    latent: tuple[int, int, int]
    request: GenerationRequest
    strength: float | None = None
    fix_steps: bool = False
    first_pass: int | None = None
    enlarged: tuple[int, int] = (0, 0)


def plan(request: GenerationRequest, record: FamilyRecord) -> tuple[Stage, ...]:
    """The passes of one picture. Sizes that do not divide are floored, as A1111 does."""
    latent = (record.latent_channels, request.height // record.multiple, request.width // record.multiple)
    base = Stage("base", latent, request)
    if request.init.image:
        return (replace(base, strength=request.init.strength, fix_steps=request.init.fix_steps),)
    return (base, _hires(request, record)) if request.hires.enabled else (base,)


def _hires(request: GenerationRequest, record: FamilyRecord) -> Stage:
    hires = request.hires
    width, height = enlarged(request)
    surplus_x = (width - hires.width) // record.multiple if hires.width and hires.height else 0
    surplus_y = (height - hires.height) // record.multiple if hires.width and hires.height else 0
    latent = (record.latent_channels, height // record.multiple - surplus_y, width // record.multiple - surplus_x)
    sampler, named = split_sampler(hires.sampler) if hires.sampler else (request.sampler, "")
    second = replace(
        request,
        prompt=hires.prompt or request.prompt,
        negative_prompt=hires.negative_prompt or request.negative_prompt,
        sampler=sampler,
        schedule=hires.schedule or named or request.schedule,
        steps=hires.steps or request.steps,
    )
    return Stage("hires", latent, second, hires.strength, True, request.steps, (width, height))


def enlarged(request: GenerationRequest) -> tuple[int, int]:
    """(width, height) in pixels that the second pass enlarges to: by the scale, or so that the wanted size is covered (parity rule 7.6)."""
    hires, width, height = request.hires, request.width, request.height
    if not hires.width and not hires.height:
        return int(width * hires.scale), int(height * hires.scale)
    if not hires.height or (hires.width and width * hires.height < height * hires.width):
        return hires.width, hires.width * height // width
    return hires.height * width // height, hires.height


def takes(request: GenerationRequest) -> list[range]:
    """Which pictures are evaluated together: one by one (bit-identical alone and in a batch), or a batch at once when the request says so."""
    if not request.batched:
        return [range(index, index + 1) for index in range(request.pictures)]
    return [range(start, start + request.batch_size) for start in range(0, request.pictures, request.batch_size)]


def check_sizes(request: GenerationRequest) -> None:
    """Raises InvalidRequest for a second pass that nobody could hold."""
    if request.hires.enabled and max(enlarged(request)) > 16384:
        width, height = enlarged(request)
        raise InvalidRequest(f"The second pass would be {width} x {height} pixels; at most 16384 a side are drawn.", "Give a smaller scale.", "hires.scale")
