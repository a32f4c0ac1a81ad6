"""From seeds to latents: the noise, the sigmas and the sampler of one stage, as A1111 puts them together (parity rules 7.1, 7.4, 7.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from modules.core.records.samplers import SAMPLERS, SamplerRecord
from modules.core.request import GenerationRequest
from modules.engine.plan import Stage
from modules.families.family import Model
from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import Table, table_of
from modules.sampling.samplers import SAMPLERS as FUNCTIONS
from modules.sampling.schedules import ddim_timesteps, schedule_for
from modules.sampling.step import Denoise, SamplerOptions, Step, drive


def sample(stage: Stage, model: Model, requests: Sequence[GenerationRequest], denoise_with: Callable[[Table], Denoise]) -> Tensor:
    """requests: of the single pictures evaluated together; they differ in their seeds alone. -> latents [B, C, h, w], float32 on the model's device."""
    request = requests[0]
    record = SAMPLERS.get(request.sampler)
    table = table_of(model.alphas_cumprod, request.spacing.noise_schedule, request.spacing.downcast_alphas)
    schedule = torch.empty(0) if record.timesteps else schedule_for(record.name, request.schedule, request.steps, table, request.spacing)
    options = options_of(request, record, table, schedule)
    noise = noise_of(stage, model, requests, options)
    x = noise.first()
    if not record.timesteps:
        x = x * (torch.sqrt(1 + schedule[0] ** 2) if request.spacing.sgm_noise else schedule[0]).to(x.device)
    total = request.steps
    calls = total * (2 if record.second_order else 1)
    return drive(FUNCTIONS[record.name](x, schedule, noise, options), denoise_with(table), Step(calls=calls, total=total))


def options_of(request: GenerationRequest, record: SamplerRecord, table: Table, schedule: Tensor) -> SamplerOptions:
    solver = request.solver
    positive = schedule[schedule > 0].tolist() or [table.sigma_min, table.sigma_max]
    steps = request.steps + (1 if record.timesteps and request.spacing.discard_penultimate else 0)
    return SamplerOptions(
        eta=record.default_eta if solver.eta is None else solver.eta,
        churn=solver.churn,
        tmin=solver.tmin,
        tmax=solver.tmax or float("inf"),
        noise=solver.noise,
        steps=request.steps,
        alphas_cumprod=table.alphas_cumprod,
        timesteps=ddim_timesteps(steps) if record.timesteps else None,
        sigma_range=(min(positive), max(positive)),
    )


def noise_of(stage: Stage, model: Model, requests: Sequence[GenerationRequest], options: SamplerOptions) -> PictureNoise:
    first = requests[0]
    return PictureNoise(
        [request.seed for request in requests],
        stage.latent,
        first.noise_source,
        model.device,
        ([request.variation.seed for request in requests], first.variation.strength, (first.variation.width, first.variation.height)),
        first.solver.ensd,
        options.sigma_range,
    )
