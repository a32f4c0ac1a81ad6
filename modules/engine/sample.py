"""From seeds to latents: the noise, the sigmas and the sampler of one stage, as A1111 puts them together (parity rules 7.1, 7.4, 7.5, 7.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.core.records.samplers import SAMPLERS, SamplerRecord
from modules.core.request import GenerationRequest, single
from modules.engine.levels import levels_of
from modules.engine.plan import Stage
from modules.families.family import Model
from modules.sampling.flow import Flow, flow_sigmas, from_pure_noise
from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import Table
from modules.sampling.samplers import SAMPLERS as FUNCTIONS
from modules.sampling.schedules import ddim_timesteps, schedule_for
from modules.sampling.step import Denoise, SamplerOptions, Step, drive


@dataclass(frozen=True)
class Course:
    """What a sampler walks. sigmas: largest first (empty for samplers that walk timesteps). timesteps: ascending, for those. start: alphas_cumprod at the
    level where a cut walk of timesteps begins; None when it begins with plain noise. steps: to be done. asked, whole: steps and ends of the schedule before
    any cut."""

    sigmas: Tensor
    timesteps: Tensor | None
    start: Tensor | None
    steps: int
    asked: int
    whole: tuple[float, float]


def sample(
    stage: Stage, model: Model, requests: Sequence[GenerationRequest], denoise_with: Callable[[Table], Denoise], latents: Tensor | None = None
) -> Tensor:
    """requests: of the single pictures evaluated together; they differ in their seeds alone. latents: what the stage starts from, [B, C, h, w]; None: noise.
    -> [B, C, h, w], float32 on the model's device."""
    request = stage.request
    record = SAMPLERS.get(request.sampler)
    table = levels_of(model, request.spacing)
    walk = course(stage, record, table, model.flow, model.record.space or model.record.name)
    options = options_of(request, record, table, walk)
    table.learn(walk.sigmas, request.spacing.quantize)
    noise = noise_of(stage, model, requests, walk.whole)
    x = begin(stage, walk, noise.first(), latents)
    calls = walk.steps * (2 if record.second_order else 1)
    sampling = FUNCTIONS[record.name](x, walk.sigmas, noise, options)
    if model.flow:
        sampling = from_pure_noise(FUNCTIONS[record.name], x, walk.sigmas, noise, options)
    return drive(sampling, denoise_with(table), Step(calls=calls, total=walk.steps))


def course(stage: Stage, record: SamplerRecord, table: Table, flow: Flow | None = None, space: str = "sd1") -> Course:
    """The whole schedule of a stage from noise; the last part of one for a stage that starts from latents: A1111's rule of t_enc + 1 steps.
    space: of the latents, for schedules that were fitted to one."""
    request, strength = stage.request, stage.strength
    steps, done = lengths(stage)
    if record.timesteps:
        timesteps = ddim_timesteps(max(steps, 1) + (1 if request.spacing.discard_penultimate else 0))
        if strength is None:
            return Course(torch.empty(0), timesteps, None, done, steps, (table.sigma_min, table.sigma_max))
        kept = min(done - 1, len(timesteps) - 1)
        return Course(torch.empty(0), timesteps[:kept], table.alphas_cumprod[timesteps[kept]], kept, steps, (table.sigma_min, table.sigma_max))
    if flow:
        sigmas = flow_sigmas(record.name, request.schedule, max(steps, 1), flow, stage.latent[1:], request.spacing)
    else:
        sigmas = schedule_for(record.name, request.schedule, max(steps, 1), table, request.spacing, space)
    positive = sigmas[(sigmas > 0) & sigmas.isfinite()].tolist() or [table.sigma_min, table.sigma_max]
    whole = (min(positive), max(positive))
    if strength is None:
        return Course(sigmas, None, None, done, steps, whole)
    return Course(sigmas[max(steps - done, 0) :], None, None, done, steps, whole)


def lengths(stage: Stage) -> tuple[int, int]:
    """(steps of the whole schedule, steps to be done). A list of levels cannot be made longer, so of one the last part is walked, as without `fix_steps`."""
    steps = stage.request.steps
    if stage.strength is None:
        return steps, steps
    share = min(stage.strength, 0.999)
    if stage.fix_steps and not stage.request.spacing.sigmas:
        return int(steps / share) if share > 0 else 0, steps
    return steps, int(share * steps) + 1


def steps_of(stage: Stage) -> int:
    """Steps that a stage does, for progress."""
    return lengths(stage)[1]


def silent_calls(stage: Stage) -> int:
    """Denoiser calls of a stage before its prompts begin to act; as many as leave out the negative prompt for the same share (`guidance.skips_uncond`)."""
    if not stage.silent:
        return 0
    return int(stage.silent * steps_of(stage) * (2 if SAMPLERS.get(stage.request.sampler).second_order else 1)) + 1


def begin(stage: Stage, walk: Course, noise: Tensor, latents: Tensor | None) -> Tensor:
    """What the sampler is handed: scaled noise, or latents with noise upon them (parity-more 22 for the two multipliers)."""
    request = stage.request
    if latents is None:
        if walk.timesteps is not None:
            return noise
        first = walk.sigmas[0]
        if first.isinf():
            return noise
        unit = request.spacing.sgm_noise or SAMPLERS.get(request.sampler).diffusers
        return noise * (torch.sqrt(1 + first**2) if unit else first).to(noise.device)
    latents = latents.to(noise.device)
    if stage.name == "base":
        noise = noise * request.init.noise_multiplier
    extra = request.init.extra_noise
    if walk.start is not None:
        alpha = walk.start.to(noise.device)
        return latents * alpha.sqrt() + noise * (1 - alpha).sqrt() + noise * extra * alpha.sqrt()
    if walk.sigmas[0].isinf():  # all noise: nothing of the latents is left
        return noise
    return latents + noise * walk.sigmas[0].to(noise.device) + noise * extra


def options_of(request: GenerationRequest, record: SamplerRecord, table: Table, walk: Course) -> SamplerOptions:
    solver = request.solver
    return SamplerOptions(
        eta=record.default_eta if solver.eta is None else solver.eta,
        churn=solver.churn,
        tmin=solver.tmin,
        tmax=solver.tmax or float("inf"),
        noise=solver.noise,
        steps=walk.asked,
        alphas_cumprod=table.alphas_cumprod,
        timesteps=walk.timesteps,
        sigma_range=walk.whole,
    )


def noise_of(stage: Stage, model: Model, requests: Sequence[GenerationRequest], whole: tuple[float, float]) -> PictureNoise:
    """Each stage draws anew, at its own size: from the same seeds, but for the windows of a growing picture."""
    requests = [single(request, stage.offset) for request in requests] if stage.offset else requests
    first = requests[0]
    return PictureNoise(
        [request.seed for request in requests],
        stage.latent,
        first.noise_source,
        model.device,
        ([request.variation.seed for request in requests], first.variation.strength, (first.variation.width, first.variation.height)),
        first.solver.ensd,
        whole,
    )
