"""A plan is data: the passes a request asks for, one `Stage` each, and which pictures are made together. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.core.errors import InvalidRequest
from modules.core.groups.passes import RefinedPass
from modules.core.records.families import FamilyRecord
from modules.core.records.samplers import SAMPLERS, split_sampler
from modules.core.request import GenerationRequest
from modules.imaging.sizes import LATENT, Enlarged, enlarged
from modules.imaging.windows import Growing, Sides, Window, growing

LARGEST = 16384
"""Pixels of a side."""
APART = 1_000_003
"""Between the seeds of two windows of a picture; more than the seeds of any run count up."""


@dataclass(frozen=True)
class Stage:
    """One run of a sampler. latent: (channels, height, width) of what it works on. request: what it draws with: its own prompts, sampler, schedule, steps.
    strength: how much of its start is drawn anew; None when it starts from noise. fix_steps: do exactly that many steps.
    first_pass: the request of the pass before, which its prompt schedules go on from. enlarged: what hires fix enlarges to.
    refined: whether the refiner takes over in it. window: the part of a growing picture that it draws; None elsewhere. offset: of its seeds.
    silent: the share of its first calls in which the prompts do not act."""

    name: str
    latent: tuple[int, int, int]
    request: GenerationRequest
    strength: float | None = None
    fix_steps: bool = False
    first_pass: GenerationRequest | None = None
    enlarged: Enlarged = Enlarged(0, 0)
    refined: bool = False
    window: Window | None = None
    offset: int = 0
    silent: float = 0.0


def plan(request: GenerationRequest, record: FamilyRecord, native: int = 0) -> tuple[Stage, ...]:
    """The passes of one picture. Sizes that do not divide are floored, as A1111 does. native: side of the pictures that the model was trained on, where it is
    not its family's."""
    latent = (record.latent_channels, request.height // record.multiple, request.width // record.multiple)
    base = Stage("base", latent, request, refined=is_refined(request, "first pass"))
    if request.outpaints:
        return _windows(request, base, native or record.native)
    if request.init.image:
        return (replace(base, strength=request.init.strength, fix_steps=request.init.fix_steps),)
    return (base, _hires(request, record)) if request.hires.enabled else (base,)


def growth(request: GenerationRequest, native: int) -> Growing:
    """How the start picture of a resolved request grows, window by window."""
    wish = request.outpaint
    sides = Sides(wish.left, wish.right, wish.up, wish.down)
    return growing((request.width - wish.left - wish.right, request.height - wish.up - wish.down), sides, native)


def _windows(request: GenerationRequest, base: Stage, native: int) -> tuple[Stage, ...]:
    """One stage each. What starts from noise is drawn whole. While the prompts are silent, the negative one need not be asked."""
    wish = request.outpaint
    strength = 1.0 if wish.fill == "latent noise" else wish.strength
    drawing = replace(request, guidance=replace(request.guidance, skip_early=max(request.guidance.skip_early, wish.continuity)))
    stages = []
    for index, window in enumerate(growth(request, native).windows):
        left, top, right, bottom = window.shown
        latent = (base.latent[0], (bottom - top) // LATENT, (right - left) // LATENT)
        stage = replace(base, latent=latent, request=drawing, strength=strength, fix_steps=request.init.fix_steps, window=window)
        stages.append(replace(stage, offset=index * APART, silent=wish.continuity))
    return tuple(stages)


def _hires(request: GenerationRequest, record: FamilyRecord) -> Stage:
    hires = request.hires
    larger = enlarged(request.width, request.height, hires.scale, hires.width, hires.height)
    if max(larger.width, larger.height) > LARGEST:
        what = f"The second pass would be {larger.width} x {larger.height} pixels; at most {LARGEST} a side are drawn."
        raise InvalidRequest(what, "Give a smaller scale or size.", "hires.scale")
    latent = (record.latent_channels, larger.height // record.multiple - larger.cut[1], larger.width // record.multiple - larger.cut[0])
    sampler, named = split_sampler(hires.sampler) if hires.sampler else (request.sampler, "")
    second = replace(
        request,
        prompt=hires.prompt or request.prompt,
        negative_prompt=hires.negative_prompt or request.negative_prompt,
        sampler=sampler,
        schedule=hires.schedule or named or request.schedule,
        steps=hires.steps or request.steps,
        spacing=replace(request.spacing, sigmas=()),  # a list of levels is made for one pass
    )
    return Stage("hires", latent, second, hires.strength, True, request, larger, is_refined(request, "second pass"))


def check_levels(request: GenerationRequest) -> None:
    """Raises InvalidRequest for a list of levels that would not act."""
    record = SAMPLERS.get(split_sampler(request.sampler)[0])
    if request.spacing.sigmas and record.timesteps:
        what = f"The sampler {record.name} walks the model's own timesteps, so a list of sigmas does not act on it."
        raise InvalidRequest(what, "Take another sampler, or empty the list.", "spacing.sigmas")


def is_refined(request: GenerationRequest, which: RefinedPass) -> bool:
    """A picture of one pass is refined in that one."""
    refiner, single = request.refiner, bool(request.init.image) or not request.hires.enabled
    return bool(refiner.checkpoint) and (single or refiner.passes in (which, "both passes"))


def takes(request: GenerationRequest) -> list[range]:
    """Which pictures are evaluated together: one by one (bit-identical alone and in a batch), or a batch at once when the request says so
    and its sampler's steps do not depend on the whole batch."""
    if not request.batched or request.init.batch or SAMPLERS.get(request.sampler).alone:
        return [range(index, index + 1) for index in range(request.pictures)]
    return [range(start, start + request.batch_size) for start in range(0, request.pictures, request.batch_size)]
