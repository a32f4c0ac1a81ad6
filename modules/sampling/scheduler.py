"""diffusers' scheduler interface over our samplers, so that each of them also works in any diffusers pipeline for eps, v or x0 models.

A pipeline calls its network and hands the outputs to `step`; a sampler's generator asks. So `step` answers the generator, and what it asks for next is
what the pipeline gets. Which timesteps that will be is learnt beforehand by a rehearsal. Latents are in k-diffusion's convention (x = x0 + sigma noise).

Source of the interface: diffusers' SchedulerMixin as its pipelines use it. Knows no pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import ConfigMixin, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers, SchedulerOutput
from torch import Tensor

from modules.core.errors import Unsupported
from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS as RECORDS
from modules.sampling.generator_noise import GeneratorNoise, Generators
from modules.sampling.parameterization import Prediction, Table, c_in, linear, scaled_linear, scales, x0_from, zero_terminal_snr
from modules.sampling.rehearsal import rehearse
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import ddim_timesteps, schedule_for
from modules.sampling.step import Ask, Denoised, Noise, SamplerOptions, Sampling

PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}


@dataclass(frozen=True)
class Plan:
    """A run laid out: what the sampler is started with, and what it will ask for."""

    sigmas: Tensor
    options: SamplerOptions
    asks: Sequence[Ask]


class SamplerScheduler(SchedulerMixin, ConfigMixin):
    """One of our samplers as a diffusers scheduler.

    sampler, schedule: names of `core.records`; DPM adaptive is refused, for it cannot say its timesteps beforehand. eta: None is the sampler's own.
    The rest is named as in diffusers' configs. Guidance lies with the pipeline, so DDIM CFG++ is plain DDIM here.
    """

    _compatibles = [member.name for member in KarrasDiffusionSchedulers]

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.00085,
        beta_end: float = 0.012,
        beta_schedule: str = "scaled_linear",
        trained_betas: Sequence[float] | None = None,
        prediction_type: str = "epsilon",
        rescale_betas_zero_snr: bool = False,
        sampler: str = "Euler",
        schedule: str = "Automatic",
        eta: float | None = None,
    ) -> None:
        record = RECORDS.get(sampler)
        if record.alone:
            what = f"The sampler {record.name} chooses its steps as it goes, and a diffusers pipeline wants to know them first."
            raise Unsupported(what, "Take another one.", "sampler")
        if prediction_type not in PREDICTIONS:
            raise Unsupported(f"There are no samplers for the prediction type {prediction_type!r}.", f"It must be one of {', '.join(PREDICTIONS)}.")
        if trained_betas is not None:
            alphas = torch.cumprod(1 - torch.tensor(trained_betas, dtype=torch.float64), 0).float()
        elif beta_schedule in ("scaled_linear", "linear"):
            alphas = (scaled_linear if beta_schedule == "scaled_linear" else linear)(beta_start, beta_end, num_train_timesteps)
        else:
            raise Unsupported(f"There are no samplers for the beta schedule {beta_schedule!r}.", "It must be scaled_linear or linear.")
        self.alphas_cumprod = zero_terminal_snr(alphas) if rescale_betas_zero_snr else alphas
        self.table = Table(self.alphas_cumprod)
        self.order = 2 if record.second_order else 1
        self._record, self._prediction = record, PREDICTIONS[prediction_type]
        self._eta = record.default_eta if eta is None else eta
        self._plan = Plan(torch.zeros(0), SamplerOptions(), ())
        self.timesteps = torch.arange(num_train_timesteps - 1, -1, -1, dtype=torch.float32)
        self.num_inference_steps: int | None = None
        self._restart()

    def _restart(self) -> None:
        self._begin: int | None = None
        self._index: int | None = None
        self._sampling: Sampling | None = None

    @property
    def begin_index(self) -> int | None:
        return self._begin

    @property
    def step_index(self) -> int | None:
        """Of the next network call, among `timesteps`; None before the first."""
        return self._index

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Starts in the middle, as img2img pipelines do."""
        self._begin = begin_index

    @property
    def sigmas(self) -> Tensor:
        """The noise level of each timestep, [len(timesteps)] float32 on the CPU."""
        return torch.stack([ask.sigma for ask in self._plan.asks])

    @property
    def init_noise_sigma(self) -> float:
        """By what a pipeline multiplies its first noise."""
        if self.num_inference_steps is None:
            return self.table.sigma_max
        first = float(self._plan.sigmas[0])
        start = 1.0 if self._record.timesteps else (1 + first**2) ** 0.5 if self._record.diffusers else first
        return start * float(self._plan.asks[0].x) if self._plan.asks else start

    def set_timesteps(self, num_inference_steps: int | None = None, device: str | torch.device | None = None, sigmas: Sequence[float] | None = None) -> None:
        """Lays out a run. sigmas: levels of the caller's own instead of the schedule type's, descending, the last one included (0, mostly)."""
        name = self._record.name
        if sigmas is not None:
            if self._record.timesteps:
                raise Unsupported(f"The sampler {name} walks the model's timesteps, not sigmas.", "Leave the sigmas out, or take another sampler.", "sampler")
            levels, steps = torch.tensor(list(sigmas), dtype=torch.float32), len(sigmas) - 1
        else:
            steps = num_inference_steps or 1
            levels = schedule_for(name, self.config.schedule, steps, self.table, Spacing())
        positive = levels[levels > 0]
        options = SamplerOptions(
            eta=self._eta,
            steps=steps,
            alphas_cumprod=self.alphas_cumprod,
            timesteps=ddim_timesteps(steps, len(self.table)),
            sigma_range=(float(positive.min()), float(positive.max())),
        )
        self._plan = Plan(levels, options, rehearse(SAMPLERS[name], levels, options))
        self.timesteps = self._timesteps(self._plan.asks).to(device)
        self.num_inference_steps = steps
        self._restart()

    def _timesteps(self, asks: Sequence[Ask]) -> Tensor:
        return self.table.to_t(torch.stack([ask.sigma for ask in asks])) if asks else torch.zeros(0)

    def scale_model_input(self, sample: Tensor, timestep: Tensor | float | None = None) -> Tensor:
        """What the network sees of the latents."""
        if not self._plan.asks:
            return sample
        return sample * c_in(self._plan.asks[self._locate(timestep)].sigma)

    def _locate(self, timestep: Tensor | float | None) -> int:
        if self._index is None:
            self._index = self._begin if self._begin is not None else self._place(float(timestep)) if timestep is not None else 0
        return self._index

    def _place(self, timestep: float) -> int:
        return int((self.timesteps.cpu() - timestep).abs().argmin())

    def step(
        self, model_output: Tensor, timestep: Tensor | float, sample: Tensor, generator: Generators = None, return_dict: bool = True
    ) -> SchedulerOutput | tuple[Tensor]:
        """From the network's (guided) output for `sample` at `timestep` to the latents that are to be denoised next; the last time, to the result."""
        index = self._locate(timestep)
        if self._sampling is None:
            self._start(index, sample.float(), generator)
        sigma = self._plan.asks[index].sigma
        x = sample.float()
        x0 = x0_from(self._prediction, model_output.float(), x, scales(sigma))
        assert self._sampling is not None
        try:
            following = self._sampling.send(Denoised(x0, x0, x)).x
        except StopIteration as end:
            following, self._sampling = end.value, None
        self._index = index + 1
        following = following.to(model_output.dtype)
        return SchedulerOutput(prev_sample=following) if return_dict else (following,)

    def _start(self, index: int, sample: Tensor, generator: Generators) -> None:
        plan = self._cut(index) if index else self._plan
        noise: Noise = GeneratorNoise(sample, generator, plan.options.sigma_range)
        self._sampling = SAMPLERS[self._record.name](sample / plan.asks[0].x, plan.sigmas, noise, plan.options)
        next(self._sampling)

    def _cut(self, index: int) -> Plan:
        """The plan for a start at network call `index`. Raises Unsupported for samplers that would then lay out other steps."""
        whole, step = self._plan, self._plan.asks[index].step
        timesteps = whole.options.timesteps
        assert timesteps is not None
        options = replace(whole.options, timesteps=timesteps[: len(timesteps) - step])
        sigmas = whole.sigmas[step:]
        asks = rehearse(SAMPLERS[self._record.name], sigmas, options)
        if len(asks) != len(whole.asks) - index or not torch.allclose(self._timesteps(asks), self._timesteps(whole.asks[index:])):
            what = f"The sampler {self._record.name} cannot start in the middle of its steps in a diffusers pipeline."
            raise Unsupported(what, "Take another one.", "sampler")
        return Plan(sigmas, options, asks)

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x0 + sigma noise. timesteps: [B]; of the run's own the exact level is taken, of others the model's."""
        own = self._timesteps(self._plan.asks)
        levels = []
        for timestep in timesteps.flatten().float().cpu():
            place = int((own - timestep).abs().argmin()) if len(own) else -1
            known = place >= 0 and own[place] == timestep
            levels.append(self._plan.asks[place].sigma if known else self.table.to_sigma(timestep))
        sigma = torch.stack(levels).to(original_samples).view(-1, *[1] * (original_samples.ndim - 1))
        return original_samples + noise * sigma

    def __len__(self) -> int:
        return len(self.table)
